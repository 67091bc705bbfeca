"""Which exports *Run all* runs, and why it leaves out the others."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from exports.models import Export, ScheduleMode
from exports.states import ACTIVE
from roles.access import Access


@dataclass(frozen=True)
class RunAllPlan:
    """What *Run all* would do now: exports to run, and (reason, names) of those it leaves out."""

    to_run: list[Export]
    left_out: list[tuple[str, list[str]]]


def plan_run_all(access: Access) -> RunAllPlan:
    """Return what *Run all* does for the user: only exports with an active schedule that they may edit."""
    exports = Export.objects.filter(environment=access.environment).select_related("environment", "connection")
    to_run: list[Export] = []
    left_out: dict[str, list[str]] = {}
    for export in exports.order_by("name"):
        reason = _why_not(export, access)
        if reason:
            left_out.setdefault(reason, []).append(export.name)
        else:
            to_run.append(export)
    return RunAllPlan(to_run, list(left_out.items()))


def _why_not(export: Export, access: Access) -> str:
    if not export.is_editable_by(access):
        return _("You can only view them")
    if export.connection_id is None:
        return _("No connection")
    if export.schedule_mode == ScheduleMode.OFF:
        return _("Schedule is off")
    if export.last_state in ACTIVE:
        return _("Running or waiting already")
    return ""
