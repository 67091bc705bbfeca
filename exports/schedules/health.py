"""The doctor's look at schedules: does each that is on have the next occurrence that it should have?"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from exports.schedules.engine import ScheduleKind, misplanned
from roles.checks import Finding, ok, warning
from roles.models import AuditEvent

LATELY = timedelta(days=1)


def look_at(*kinds: ScheduleKind[Any]) -> Callable[[], Finding]:
    """Return the check of these kinds of schedules."""
    return lambda: _planned(kinds)


def _planned(kinds: tuple[ScheduleKind[Any], ...]) -> Finding:
    count = sum(1 for kind in kinds for _schedule in misplanned(kind))
    if count:
        text = f"{_schedules(count)} no next occurrence, or one that lies too far ahead."
        return warning(text, "Start the dispatcher; it reschedules them within five minutes.")
    planned_anew = AuditEvent.objects.filter(action__in=[kind.planned_anew for kind in kinds], at__gt=Now() - LATELY)
    if lately := planned_anew.values("object_type", "object_id").distinct().count():
        text = f"{_schedules(lately)} been planned anew within a day: the next occurrence lay too far ahead."
        return warning(text, "Check the clock of the database server. The audit log names them.")
    return ok("Every active schedule has a next run.")


def _schedules(count: int) -> str:
    return f"{count} {'schedule has' if count == 1 else 'schedules have'}"
