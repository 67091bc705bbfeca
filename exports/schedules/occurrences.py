"""Due schedules of exports become runs; `exports.schedules.engine` sees to when and how often."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from exports.models import Export, Run, Schedule, ScheduleMode, Trigger
from exports.models.states import State
from exports.runs import decide, lifecycle
from exports.runs.lifecycle import Origin
from exports.schedules import engine
from exports.schedules.recurrence import Recurrence
from roles.messages import Message
from roles.messages import said as _
from roles.models import Environment

# What the run before was, at the time of the next one.
WAS = {
    State.QUEUED: _("queued"),
    State.RUNNING: _("refreshing"),
    State.RETRYING: _("failed (retrying)"),
    State.HELD: _("held"),
}


class _ExportSchedules(engine.ScheduleKind[Schedule]):
    """Schedules of exports: an occurrence is a run."""

    model = Schedule
    related = "export__environment"
    is_on = Q(export__schedule_mode=ScheduleMode.OWN)
    in_one_transaction = 50
    switched_off = "switch off schedule"
    planned_anew = "plan schedule anew"

    def subject(self, schedule: Schedule) -> tuple[Environment, models.Model]:
        return schedule.export.environment, schedule.export

    def advice(self) -> Message:
        return _("It could not be followed. Choose its recurrence again and save it.")

    def start(self, schedule: Schedule, due: datetime, *, is_late: bool) -> None:
        _start(schedule.export, due, is_late=is_late)

    def record_missed(self, schedule: Schedule, missed: list[datetime]) -> None:
        lifecycle.create_missed(schedule.export, missed)

    def record_switched_off(self, schedule: Schedule, due: datetime) -> None:
        _skip_switched_off(schedule.export, due)

    def free_future(self, schedule: Schedule) -> None:
        Run.objects.filter(export=schedule.export_id, due__gt=Now()).update(due=None)


KIND = _ExportSchedules()


def start_due() -> int:
    """Make runs of all that is due; return how many schedules went on to their next occurrence."""
    return engine.start_due(KIND)


def take_due(export: Export, mode: str, rule: Recurrence | None) -> None:
    """Before the schedule of `export` changes: what fell due has its run, skipped where it is switched off."""
    if mode == ScheduleMode.OWN and rule is None:  # it stays as it is
        return
    followed = rule if mode == ScheduleMode.OWN else None
    engine.take_due(KIND, is_off=mode == ScheduleMode.OFF, rule=followed, export=export.pk)


def replan() -> int:
    """Plan anew the schedules whose next occurrence cannot be right; return how many there were."""
    return engine.replan(KIND)


def _start(export: Export, due: datetime, *, is_late: bool) -> None:
    """Queue the run of one occurrence, or record why there is none, unless it has a run already."""
    if Run.objects.filter(export=export, due=due).exists():
        return
    origin = Origin(Trigger.SCHEDULE, due=due, is_late=is_late)
    earlier = Run.objects.active().filter(export=export).first()
    if earlier:
        is_last = decide.lapse(earlier) or earlier.most_rows is not None  # a test is never the last run
        words = {"run": earlier.short_id, "state": WAS[State(earlier.state)]}
        message = _("At its time run %(run)s of this export was %(state)s. Nothing was sent; the next occurrence "
                    "starts at its time.") % words  # fmt: skip
        reason = _("run %(run)s was %(state)s") % words
        lifecycle.create_skipped(export, origin, reason=reason, message=message, is_last=is_last)
    elif export.connection_id is None:
        message = _("The export has no connection. Edit it and choose one, or switch its schedule off.")
        lifecycle.create_skipped(export, origin, reason=_("No connection"), message=message)
    else:
        lifecycle.create(export, origin)


def _skip_switched_off(export: Export, due: datetime) -> None:
    """Record a skipped run of one occurrence, unless it has a run already."""
    if Run.objects.filter(export=export, due=due).exists():
        return
    reason = _("its schedule was switched off")
    message = _("Its schedule was switched off before it started. Run the export if it shall be sent.")
    origin = Origin(Trigger.SCHEDULE, due=due)
    lifecycle.create_skipped(export, origin, reason=reason, message=message, is_last=False)
