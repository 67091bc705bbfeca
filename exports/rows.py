"""One row of the list, as the template shows it: no query, no rule left to the template."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from exports.models import Export, Run
from exports.states import State
from exports.types import TypeLook, type_look
from roles.access import Access


@dataclass(frozen=True)
class Row:
    """An export in the list."""

    export: Export
    run: Run | None
    type: TypeLook
    can_edit: bool
    look_again: str
    reason: str
    percent: int | None
    can: str


def row_of(export: Export, access: Access) -> Row:
    """Return the row of `export` (with connection and last_run loaded) for the user."""
    run = export.last_run
    can_edit = export.is_editable_by(access)
    return Row(
        export=export,
        run=run,
        type=type_look(export.connection.type if export.connection else None),
        can_edit=can_edit,
        look_again=look_again(run),
        reason=reason_of(run),
        percent=run.percent if run and run.state == State.RUNNING else None,
        can="edit run remove" if can_edit else "view",
    )


def look_again(run: Run | None) -> str:
    """How soon the row asks for itself again; empty for one that changes by a person only."""
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
        return _("next try at %(time)s") % {"time": _time(run.not_before)}
    return run.reason


def _time(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "H:i")
