"""What rows of recurrences need beside the pure functions: the database's clock, and the next occurrence kept."""

from datetime import datetime

from django.db import connection

from exports import recurrence
from exports.models.schedule import Recurring

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
