"""Due schedules of system refreshes start them; `exports.schedules.engine` sees to when and how often."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from exports.models import RefreshSchedule, RefreshTrigger, SystemRefresh
from exports.refresh import start
from exports.schedules import engine
from roles.messages import Message
from roles.messages import said as _
from roles.models import Environment


class _RefreshSchedules(engine.ScheduleKind[RefreshSchedule]):
    """Schedules of environments: an occurrence is a system refresh."""

    model = RefreshSchedule
    related = "environment"
    is_on = Q(is_on=True)
    in_one_transaction = 1  # each plans as many parts as its environment has
    switched_off = "switch off system refresh"
    planned_anew = "plan system refresh anew"

    def subject(self, schedule: RefreshSchedule) -> tuple[Environment, models.Model]:
        return schedule.environment, schedule.environment

    def advice(self) -> Message:
        return _("The schedule could not be followed. Choose its times again and save.")

    def start(self, schedule: RefreshSchedule, due: datetime, *, is_late: bool) -> None:
        start.start(schedule.environment, by=None, trigger=RefreshTrigger.SCHEDULE, due=due, is_late=is_late)

    def record_missed(self, schedule: RefreshSchedule, missed: list[datetime]) -> None:
        start.create_missed(schedule.environment, missed)

    def record_switched_off(self, schedule: RefreshSchedule, due: datetime) -> None:
        start.create_skipped(schedule.environment, due, _("Its schedule was switched off"), is_late=False)

    def free_future(self, schedule: RefreshSchedule) -> None:
        SystemRefresh.objects.filter(environment=schedule.environment_id, due__gt=Now()).update(due=None)


KIND = _RefreshSchedules()


def start_due() -> int:
    """Start all that is due; return how many schedules went on to their next occurrence."""
    return engine.start_due(KIND)


def take_due(environment: Environment, *, is_off: bool) -> None:
    """Before the schedule of `environment` changes: what fell due starts, or is skipped if it is switched off."""
    engine.take_due(KIND, is_off=is_off, environment=environment.pk)


def replan() -> int:
    """Plan anew the schedules whose next occurrence cannot be right; return how many there were."""
    return engine.replan(KIND)
