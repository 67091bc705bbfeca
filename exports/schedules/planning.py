"""Plans what schedules do next, by the database's clock, and saves the schedule that an export has."""

from dataclasses import asdict
from datetime import datetime

from django.db import connection

from exports.models import Export, RefreshSchedule, Schedule, ScheduleMode
from exports.models.schedule import Recurring
from exports.schedules import recurrence
from exports.schedules.recurrence import Recurrence
from roles.messages import EMPTY
from roles.models import Environment

PLANNED = ["next_due", "problem"]  # what `plan_next` sets


def database_now() -> datetime:
    """Return the time of the database, which decides what is due, in UTC; of the transaction inside one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now


def plan_next(recurring: Recurring, after: datetime) -> None:
    """Set, unsaved, `next_due` to the first occurrence after `after`; a rule that can never run gets its `problem`."""
    rule = recurrence.of(recurring)
    recurring.problem = recurrence.problem(rule)
    recurring.next_due = None if recurring.problem else recurrence.next_after(rule, after)


def stop(recurring: Recurring) -> None:
    """Plan no further occurrence; the rule stays for when the schedule is switched on again."""
    recurring.next_due, recurring.problem = None, EMPTY
    recurring.save(update_fields=PLANNED)


def fill(recurring: Recurring, rule: Recurrence) -> None:
    """Set the rule of a row, unsaved."""
    for name, value in asdict(rule).items():
        setattr(recurring, name, list(value) if isinstance(value, tuple) else value)


def save(export: Export, mode: str, rule: Recurrence | None = None) -> None:
    """Save the schedule of an export that is to run in `mode`, in the caller's transaction.

    Nothing is written if it has it already. Off keeps the rule, the system refresh removes it. Without `rule` the
    export follows the one that it has; ValueError if it has none.
    """
    row = Schedule.objects.select_for_update().filter(export=export).first()
    if mode == ScheduleMode.OWN:
        _start(row, export, rule)
    elif row and mode == ScheduleMode.REFRESH:
        row.delete()
    elif row and row.next_due:
        stop(row)


def _start(row: Schedule | None, export: Export, rule: Recurrence | None) -> None:
    kept = recurrence.of(row) if row else None
    rule = rule or kept
    if rule is None:
        raise ValueError(f"{export} has no recurrence of its own to follow.")
    if row and row.next_due and rule == kept:
        return
    row = row or Schedule(export=export)
    fill(row, rule)
    plan_next(row, database_now())
    row.save()


def stored_rule(export: Export) -> Recurrence | None:
    """Return the recurrence of its own that an export has, even while its schedule is off."""
    row = Schedule.objects.filter(export_id=export.pk).first() if export.pk else None
    return recurrence.of(row) if row else None


def mode_when_on(export: Export) -> str:
    """Return how an export runs by itself once its schedule is switched on; "" if it has none to go back to."""
    if stored_rule(export):
        return ScheduleMode.OWN
    return "" if export.schedule_mode == ScheduleMode.OFF else ScheduleMode.REFRESH


def refresh_of(environment: Environment) -> RefreshSchedule | None:
    """Return when the environment's system refresh runs; None while it is off."""
    return RefreshSchedule.objects.filter(environment=environment, is_on=True).first()
