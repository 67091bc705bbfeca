"""System refreshes that are due by their schedule: each occurrence becomes one row, whoever looks.

The row of the schedule is locked while its occurrence is taken, and the database keeps one refresh per occurrence. The
last one missed while nothing was running runs once on return, marked late; older ones are Skipped.
"""

import logging
from datetime import datetime, timedelta

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from exports.models import RefreshSchedule, RefreshTrigger
from exports.refresh import start
from exports.schedules import planning, recurrence
from exports.schedules.signals import switched_off
from roles.audit import audit

logger = logging.getLogger(__name__)

LATE_AFTER = timedelta(minutes=1)
MOST_MISSED = 200  # occurrences that are noted as missed, the last ones


def look() -> None:
    """Start what is due; a schedule that cannot be understood is switched off by itself, the others go on."""
    due = RefreshSchedule.objects.filter(next_due__lte=Now(), is_on=True)
    for pk in due.order_by("next_due").values_list("pk", flat=True):
        try:
            take(pk)
        except IntegrityError:  # somebody else was at it; the others come all the same
            logger.info("The schedule of system refresh %s is looked at again.", pk)


def take(pk: int) -> None:
    """Take the occurrence of one schedule, unless somebody else does at this moment."""
    with transaction.atomic():
        mine = RefreshSchedule.objects.filter(pk=pk, next_due__lte=Now(), is_on=True)
        schedule = mine.select_for_update(skip_locked=True, of=("self",)).select_related("environment").first()
        if schedule is None or schedule.next_due is None:
            return
        try:
            with transaction.atomic():
                _take(schedule, schedule.next_due)
        except (IntegrityError, InterfaceError, OperationalError):  # looked at again
            raise
        except Exception:
            logger.exception("The schedule of the system refresh of %s is switched off", schedule.environment)
            _switch_off(schedule, _("It could not be followed. Choose its times again and save it."))


def _switch_off(schedule: RefreshSchedule, problem: str) -> None:
    schedule.problem, schedule.next_due = problem, None
    schedule.save(update_fields=planning.PLANNED)
    environment = schedule.environment
    audit.record(environment, "switch off system refresh", environment, by=None, changes={"problem": problem})
    switched_off.send(RefreshSchedule, schedule=schedule)


def _take(schedule: RefreshSchedule, first: datetime) -> None:
    """Start the last occurrence that has passed, keep the earlier ones as missed, and plan the next."""
    now, rule = planning.database_now(), recurrence.of(schedule)
    if problem := recurrence.problem(rule):
        _switch_off(schedule, problem)
        return
    *missed, last = [first, *recurrence.between(rule, first, now, MOST_MISSED)]
    planning.plan_next(schedule, now)
    schedule.save(update_fields=planning.PLANNED)
    start.keep_missed(schedule.environment, missed)
    is_late = now - last > LATE_AFTER
    start.start(schedule.environment, by=None, trigger=RefreshTrigger.SCHEDULE, due=last, is_late=is_late)
