"""System refreshes that are due by their schedule: each occurrence becomes one row, whoever looks.

The row of the schedule is locked while its occurrence is taken, and the database keeps one refresh per occurrence. One
missed while nothing was running runs once on return if that is less than its period ago; older ones are Skipped.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from exports import recurrence, schedules
from exports.models import RefreshSchedule, RefreshTrigger
from exports.refresh import run

logger = logging.getLogger(__name__)

LATE_AFTER = timedelta(minutes=1)
MOST_MISSED = 200  # occurrences that are noted as missed, the last ones


def look() -> None:
    """Start what is due; a schedule that cannot be understood is switched off by itself, the others go on."""
    due = RefreshSchedule.objects.filter(next_due__lte=Now(), is_on=True)
    for pk in due.order_by("next_due").values_list("pk", flat=True):
        take(pk)


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
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            logger.exception("The schedule of the system refresh of %s is switched off", schedule.environment)
            schedule.problem, schedule.next_due = str(error)[:500], None
            schedule.save(update_fields=schedules.PLANNED)


def _take(schedule: RefreshSchedule, first: datetime) -> None:
    now, rule = schedules.database_now(), recurrence.of(schedule)
    schedules.plan_next(schedule, now)
    schedule.save(update_fields=schedules.PLANNED)
    *missed, last = [first, *recurrence.between(rule, first, now, MOST_MISSED)]
    is_too_late = now - last >= recurrence.period(rule, last)
    for due in [*missed, last] if is_too_late else missed:
        run.skip(schedule.environment, due, _("Missed while Waybill was not running"), is_late=True)
    if not is_too_late:
        is_late = now - last > LATE_AFTER
        run.start(schedule.environment, by=None, trigger=RefreshTrigger.SCHEDULE, due=last, is_late=is_late)
