"""What rows of recurrences need beside the pure functions: the database's clock, and the next occurrence kept."""

from dataclasses import asdict
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

from exports.models import Export, RefreshSchedule, Schedule, ScheduleMode
from exports.models.schedule import Recurring
from exports.schedules import recurrence
from exports.schedules.recurrence import Recurrence
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


def recompute(recurring: Recurring) -> None:
    """Plan and save the next occurrence, counted from the database's time."""
    plan_next(recurring, database_now())
    recurring.save(update_fields=PLANNED)


def stop(recurring: Recurring) -> None:
    """Let it make nothing happen any more; the rule stays for when it is switched on again."""
    recurring.next_due, recurring.problem = None, ""
    recurring.save(update_fields=PLANNED)


def fill(recurring: Recurring, rule: Recurrence) -> None:
    """Give the row another rule, unsaved."""
    for name, value in asdict(rule).items():
        setattr(recurring, name, list(value) if isinstance(value, tuple) else value)


def keep(export: Export, mode: str, rule: Recurrence | None = None) -> None:
    """Write, in the caller's transaction, the row that belongs to an export in `mode`; nothing where it is so already.

    Off keeps the rule, the system refresh removes it. Without `rule` the one that is kept holds; ValueError without
    either.
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


def kept_rule(export: Export) -> Recurrence | None:
    """Return the recurrence of its own that an export has, also one that is off."""
    row = Schedule.objects.filter(export_id=export.pk).first() if export.pk else None
    return recurrence.of(row) if row else None


def mode_when_on(export: Export) -> str:
    """Return how an export runs by itself once its schedule is switched on: as it did before."""
    return ScheduleMode.OWN if kept_rule(export) else ScheduleMode.REFRESH


def described(export: Export) -> str:
    """Return the schedule as the audit log keeps it: a mode, or the export's own recurrence in words."""
    rule = kept_rule(export) if export.schedule_mode == ScheduleMode.OWN else None
    return recurrence.words(rule) if rule else export.schedule_mode


def words_and_kept(export: Export) -> str:
    """Return the schedule in words, and of one that is off what On brings back: "Off, when on: Daily at 09:00"."""
    words, kept = words_of(export), getattr(export, "schedule", None)
    if kept is None or export.schedule_mode != ScheduleMode.OFF:
        return words
    return _("%(off)s, when on: %(rule)s") % {"off": words, "rule": recurrence.words(recurrence.of(kept))}


def words_of(export: Export) -> str:
    """Return the schedule in words; loads `export.schedule` unless it was selected with the export."""
    row: Schedule | None = getattr(export, "schedule", None)
    if row is None or export.schedule_mode != ScheduleMode.OWN:
        return str(export.get_schedule_mode_display())
    return recurrence.words(recurrence.of(row))


def refresh_of(environment: Environment) -> RefreshSchedule | None:
    """Return when the environment's system refresh runs; None while it is off."""
    return RefreshSchedule.objects.filter(environment=environment, is_on=True).first()
