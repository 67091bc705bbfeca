"""One row of the list, as the template shows it: no query and no rule left to the template."""

from collections.abc import Iterable, Mapping
from functools import cache
from zlib import crc32

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from exports.models import Export, ExportKind
from exports.models.states import State
from exports.schedules.words import ScheduleTeller, ScheduleWords
from exports.shown.status import status_of
from exports.shown.types import type_look
from roles.access.policy import Access
from roles.permissions import Permission
from roles.templatetags import pieces
from roles.ui.patterns import Pattern, mark
from roles.ui.words import NONE

VALUES = (
    "pk",
    "version",
    "name",
    "connection",
    "type",
    "tile",
    "status",
    "rows",
    "rows_label",
    "refreshed",
    "schedule",
    "can",
)
OF_ONE, OF_MANY = ("edit", "progress", "duplicate", "decide"), ("run", "schedule", "detach", "remove")


class Rows:
    """Lays out exports (with all of listing.JOINED loaded) as rows of the list, as one person may see them."""

    def __init__(self, access: Access, *, can_duplicate: bool) -> None:
        self._access, self._can_duplicate = access, can_duplicate
        # Ticking rows is for commands: who has none would tick for nothing.
        self._can_select = access.has_permission(Permission.EDIT_EXPORTS)
        self._never, self._schedules = _("never"), ScheduleTeller(access.environment)
        self._schedule = Pattern("exports/schedule_cell.html", ("words", "aside", "hover"))
        self._pattern = Pattern("exports/list.html#row", VALUES, _urls(access.environment.slug))

    def all(self, exports: Iterable[Export]) -> list[SafeString]:
        """Return the rows of `exports`."""
        return [self._pattern.fill(*self._facts(export)) for export in exports]

    def changed(self, exports: Iterable[Export], shown: Mapping[int, str]) -> list[SafeString]:
        """Return the rows that differ from those `shown`: versions by id."""
        facts = [self._facts(export) for export in exports]
        return [self._pattern.fill(*fact) for fact in facts if fact[0]["version"] != shown.get(int(fact[0]["pk"]))]

    def _facts(self, export: Export) -> tuple[dict[str, str], dict[str, bool]]:
        """Return what a row says, and the shape that it has."""
        run, can_edit = export.last_run, export.is_editable_by(self._access)
        connection = export.connection
        shape = {"can_edit": can_edit, "is_attached": connection is not None, "can_duplicate": self._can_duplicate}
        shape |= {"is_data_out": export.kind == ExportKind.DATA_OUT}
        shape |= {"can_select": self._can_select, "is_held": run is not None and run.state == State.HELD}
        look = type_look(connection.type if connection else None)
        values = {
            "pk": str(export.pk),
            "name": export.name,
            "connection": connection.name if connection else "",
            "type": look.label or NONE,
            "tile": pieces.tile(look.monogram, look.tone),
            "status": status_of(run),
            "rows": run.words.cell(run.rows_sent) if run else NONE,
            "rows_label": run.words.cell_label if run else "",
            "refreshed": pieces.ago(export.delivered_at, self._never),
            "schedule": self._schedule_cell(self._schedules.of(export)),
            "can": _rights(can_edit, connection is not None, self._can_duplicate),
        }
        said = "\0".join([*values.values(), *("x" if has else "" for has in shape.values())])
        return values | {"version": f"{crc32(said.encode()):x}"}, shape

    def _schedule_cell(self, said: ScheduleWords) -> SafeString:
        shape = {"has_aside": bool(said.aside), "has_hover": bool(said.hover)}
        return self._schedule.fill({"words": said.words, "aside": said.aside, "hover": said.hover}, shape)


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
