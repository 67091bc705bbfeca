"""One row of the list, as the template shows it: no query and no rule left to the template."""

from functools import lru_cache

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from exports.models import Export, Run, ScheduleMode
from exports.states import NOT_STARTED, STATES, State
from exports.types import type_look
from roles.access import Access
from roles.patterns import Pattern
from roles.templatetags import pieces
from roles.words import NONE, number, relative

VALUES = (
    "pk", "name", "edit_url", "progress_url", "row_url", "duplicate_url", "run_url", "schedule_url", "detach_url",
    "remove_url", "connection", "type", "tile", "status", "rows", "refreshed", "can",
)  # fmt: skip


OF_ONE, OF_MANY = ("edit", "progress", "row", "duplicate"), ("run", "schedule", "detach", "remove")


def rows_of(exports: list[Export], access: Access, *, can_duplicate: bool) -> list[SafeString]:
    """Return the rows of `exports` (with connection and last_run loaded) as the user may see them."""
    urls, pattern = _urls(access.environment.slug), Pattern("exports/list.html#row", VALUES)
    return [_row(export, access, urls, pattern, can_duplicate) for export in exports]


def _urls(slug: str) -> dict[str, str]:
    """Addresses in the environment `slug`, with 0 for an export's id."""
    at = {"environment": slug}
    own = {f"{name}_url": reverse(f"exports:{name}", kwargs=at | {"pk": 0}) for name in OF_ONE}
    return own | {f"{name}_url": reverse(f"exports:{name}", kwargs=at) for name in OF_MANY}


def _row(export: Export, access: Access, urls: dict[str, str], pattern: Pattern, can_duplicate: bool) -> SafeString:
    run, can_edit, pk = export.last_run, export.is_editable_by(access), str(export.pk)
    look = type_look(export.connection.type if export.connection else None)
    values = {name: url.replace("/0/", f"/{pk}/") for name, url in urls.items()} | {
        "pk": pk,
        "name": export.name,
        "connection": export.connection.name if export.connection else "",
        "type": look.label or NONE,
        "tile": pieces.tile(look.monogram, look.tone),
        "status": status_of(run),
        "rows": number(run.rows_sent) if run else NONE,
        "refreshed": pieces.ago(export.delivered_at, _("never")),
    }
    is_attached = export.connection is not None
    rights = [("edit", can_edit), ("run", can_edit and is_attached), ("remove", can_edit), ("schedule", can_edit)]
    rights += [("view", not can_edit)]
    rights += [("detach", can_edit and is_attached), ("duplicate", can_duplicate)]
    values["can"] = " ".join(name for name, has in rights if has)
    shape = {"can_edit": can_edit, "is_attached": is_attached, "can_duplicate": can_duplicate}
    shape["is_off"] = export.schedule_mode == ScheduleMode.OFF
    return pattern.fill(values, **shape, look_again=look_again(run))


def status_of(run: Run | None) -> SafeString:
    """Return icon, words, reason and, while it runs, the bar."""
    percent = run.percent if run and run.state == State.RUNNING else None
    return _status(run.state if run else "", reason_of(run), percent, get_language() or "")


@lru_cache(maxsize=2048)
def _status(state: str, reason: str, percent: int | None, language: str) -> SafeString:
    look = STATES[state].look if state else NOT_STARTED
    return pieces.state(look.tone, str(look.label), reason, look.icon, percent)


def look_again(run: Run | None) -> str:
    """How soon a page asks again; empty for a run that changes by a person only."""
    if run is None or not run.is_active:
        return ""
    return "every 1s" if run.is_moving else "every 15s"


def reason_of(run: Run | None) -> str:
    """A few words behind the status, so that nobody has to open anything to know what happened."""
    if run is None:
        return ""
    if run.cancel_requested_at and run.state == State.RUNNING:
        return _("canceling")
    if run.state == State.RUNNING:
        return "" if run.percent is None else f"{run.percent} %"
    if run.state == State.QUEUED:
        return run.reason or _("waiting for a worker")
    if run.state == State.RETRYING:
        return _("next try %(when)s") % {"when": relative(run.not_before, timezone.now())}
    return run.reason
