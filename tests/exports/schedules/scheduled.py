"""Exports with schedules of their own whose next occurrence lies where a test wants it, by the database's time."""

from datetime import datetime, timedelta
from typing import Any

from exports.models import Export, Run, Schedule, ScheduleMode
from exports.schedules.planning import database_now
from tests.factories import make_export


def make_due(environment: Any, ago: timedelta = timedelta(seconds=1), **values: Any) -> Export:
    """Return an export on an hourly schedule, due `ago`; its further occurrences lie half an hour from now."""
    now = database_now()
    rule = {"repeat": "hourly", "times": [f"00:{far_minute(now):02}"]} | values.pop("rule", {})
    export = make_export(environment, schedule_mode=ScheduleMode.OWN, **values)
    Schedule.objects.create(export=export, next_due=now - ago, **rule)
    return export


def far_minute(now: datetime) -> int:
    """Return the minute of the hour that is farthest from `now`: no test lasts until then."""
    return (now.minute + 30) % 60


def due_again(export: Export, ago: timedelta = timedelta(seconds=1)) -> datetime:
    """Let the next occurrence come now; return its time."""
    due = database_now() - ago
    Schedule.objects.filter(export=export).update(next_due=due)
    return due


def runs_of(export: Export) -> list[Run]:
    """Return the export's runs, in the order of their occurrences."""
    return list(Run.objects.filter(export=export).order_by("due", "pk"))
