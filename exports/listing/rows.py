"""The rows of the list as HTML: the facts of exports filled into a template that is rendered once."""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from zlib import crc32

from django.template import Engine
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from exports.models.states import Look, State
from exports.models.units import UNITS
from exports.schedules.words import ScheduleWords
from exports.shown.exports import ExportFacts
from exports.shown.types import type_look
from roles.access.policy import Access
from roles.templatetags import pieces
from roles.ui.patterns import Pattern, mark
from roles.ui.words import NONE, Clock

VALUES = (
    "pk", "version", "name", "connection", "type", "tile", "status", "rows", "rows_label", "refreshed", "schedule",
    "can",
)  # fmt: skip
OF_ONE, OF_MANY = ("edit", "progress", "duplicate", "decide"), ("run", "schedule", "detach", "remove")


class RowRenderer:
    """Renders exports as rows of the list, as one person may see them."""

    def __init__(self, access: Access, *, can_duplicate: bool) -> None:
        self._can_duplicate = can_duplicate
        self._language, self._never, self._clock = get_language() or "", _("never"), Clock()
        template = Engine.get_default().get_template("exports/list.html")
        self._pattern, self._cell = _patterns(access.environment.slug, self._language, template)
        self._labels = {unit: records.cell_label for unit, records in UNITS.items()}
        self._said: dict[ScheduleWords, SafeString] = {}

    def all(self, exports: Iterable[ExportFacts]) -> list[SafeString]:
        """Return the rows of `exports`."""
        return [self._pattern.fill(*self._laid_out(facts)) for facts in exports]

    def changed(self, exports: Iterable[ExportFacts], shown: Mapping[int, str]) -> list[SafeString]:
        """Return the rows that differ from those `shown`: versions by id."""
        rows = [(facts.id, *self._laid_out(facts)) for facts in exports]
        return [self._pattern.fill(values, shape) for pk, values, shape in rows if values["version"] != shown.get(pk)]

    def _laid_out(self, facts: ExportFacts) -> tuple[dict[str, str], dict[str, bool]]:
        """Return what a row says, and the shape that it has."""
        status, is_attached = facts.status, facts.connection is not None
        shape = {
            "can_edit": facts.can_edit,
            "is_attached": is_attached,
            "can_duplicate": self._can_duplicate,
            "is_data_out": facts.is_data_out,
            "is_held": status.state == State.HELD,
        }
        look, records = type_look(facts.type), UNITS[facts.unit] if facts.unit else None
        values = {
            "pk": str(facts.id),
            "name": facts.name,
            "connection": facts.connection or "",
            "type": look.label or NONE,
            "tile": pieces.tile(look.monogram, look.tone),
            "status": _status(status.look, status.reason, status.percent, self._language),
            "rows": records.cell(facts.sent) if records else NONE,
            "rows_label": self._labels[facts.unit] if facts.unit else "",
            "refreshed": pieces.ago(facts.delivered_at, self._never, self._clock),
            "schedule": self._schedule(facts.schedule),
            "can": _rights(facts.can_edit, is_attached, self._can_duplicate),
        }
        said = "\0".join([*values.values(), *("x" if has else "" for has in shape.values())])
        return values | {"version": f"{crc32(said.encode()):x}"}, shape

    def _schedule(self, said: ScheduleWords) -> SafeString:
        if said not in self._said:
            shape = {"has_aside": bool(said.aside), "has_hover": bool(said.hover)}
            values = {"words": said.words, "aside": said.aside, "hover": said.hover}
            self._said[said] = self._cell.fill(values, shape)
        return self._said[said]


@lru_cache(maxsize=2048)
def _status(look: Look, reason: str, percent: int | None, language: str) -> SafeString:
    return pieces.state(look.tone, str(look.label), reason, look.icon, percent)


@lru_cache(maxsize=256)
def _patterns(slug: str, language: str, template: object) -> tuple[Pattern, Pattern]:
    """Return the patterns of a row and of its schedule; anew for each language and changed template."""
    cell = Pattern("exports/schedule_cell.html", ("words", "aside", "hover"))
    return Pattern("exports/list.html#row", VALUES, _urls(slug)), cell


def _urls(slug: str) -> dict[str, str]:
    """Addresses in the environment `slug`, with the mark of an export's id where it belongs."""
    at = {"environment": slug}
    own = {f"{name}_url": reverse(f"exports:{name}", kwargs=at | {"pk": 0}) for name in OF_ONE}
    with_mark = {name: url.replace("/0/", f"/{mark(VALUES, 'pk')}/") for name, url in own.items()}
    return with_mark | {f"{name}_url": reverse(f"exports:{name}", kwargs=at) for name in OF_MANY}


@cache
def _rights(can_edit: bool, is_attached: bool, can_duplicate: bool) -> str:
    """What the user may do with an export, for the commands that need a right."""
    rights = ["edit", "remove", "schedule", *(["run", "detach"] if is_attached else [])] if can_edit else ["view"]
    return " ".join([*rights, *(["duplicate"] if can_duplicate else [])])
