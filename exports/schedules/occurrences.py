"""Due schedules become runs: each occurrence once, whatever number of dispatchers look (design/queue.md section 6).

An occurrence and the next one are written in one transaction, by the database's time alone. The dispatcher never
waits long for a row that somebody else holds: it gives way and looks again.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from exports.models import Export, RefreshSchedule, Run, Schedule, ScheduleMode, Trigger
from exports.models.states import STATES
from exports.runs import decide, lifecycle
from exports.runs.lifecycle import Origin
from exports.schedules import recurrence
from exports.schedules.recurrence import Recurrence
from exports.schedules.signals import switched_off
from roles.audit import audit

logger = logging.getLogger(__name__)

BATCH = 50
MOST_MISSED = 1000  # rows for what one schedule missed; of more, the last ones
LATE_AFTER = timedelta(seconds=60)
# Shorter than the second after which PostgreSQL looks for deadlocks: it is never the other side that is given up.
GIVE_WAY = "SET LOCAL lock_timeout = '300ms'"


def start_due() -> int:
    """Make runs of all that is due; return how many schedules went on to their next occurrence."""
    count = 0
    while went_on := _start_batch():
        count += went_on
    return count


def take_due(export: Export, mode: str, rule: Recurrence | None) -> None:
    """Before the schedule of `export` changes: what fell due has its run, skipped where it is switched off.

    In the caller's transaction. It is for the moments, or the hours, in which no dispatcher was there in time.
    """
    due = Schedule.objects.filter(export=export.pk, next_due__lte=Now()).select_for_update(of=("self",))
    for schedule in due.select_related("export__environment").annotate(now=Now()):
        if mode == ScheduleMode.OFF:
            _skip_switched_off(schedule, schedule.now)
        elif mode == ScheduleMode.REFRESH or (rule and rule != recurrence.of(schedule)):
            _go_on(schedule, schedule.now)


def seconds_until_due() -> float | None:
    """Return how long it is until the next occurrence, of an export or of a system refresh; None without any."""
    planned = (Schedule.objects.all(), RefreshSchedule.objects.filter(is_on=True))
    found = [wait for schedules in planned if (wait := _wait_of(schedules)) is not None]
    return min(found, default=None)


def _wait_of(schedules: QuerySet[Any]) -> float | None:
    planned = schedules.filter(next_due__isnull=False).order_by("next_due")
    first = planned.annotate(wait=F("next_due") - Now()).values_list("wait", flat=True).first()
    return first.total_seconds() if first is not None else None


@transaction.atomic
def _start_batch() -> int:
    with connection.cursor() as cursor:
        cursor.execute(GIVE_WAY)
    due = Schedule.objects.filter(next_due__lte=Now()).order_by("next_due", "pk")
    mine = due.select_for_update(skip_locked=True, of=("self",)).select_related("export__environment")
    return sum(_go_on(schedule, schedule.now) for schedule in mine.annotate(now=Now())[:BATCH])


def _go_on(schedule: Schedule, now: datetime) -> bool:
    """Start what is due of one schedule; a bad one is switched off. False for one that somebody else is at."""
    try:
        with transaction.atomic():
            _start(schedule, now)
    except (IntegrityError, InterfaceError, OperationalError) as error:
        logger.info("The schedule of export %s is looked at again (%s).", schedule.export_id, type(error).__name__)
        return False
    except Exception:
        logger.exception("The schedule of export %s is switched off.", schedule.export_id)
        _switch_off(schedule, _("It could not be followed. Choose its recurrence again and save it."))
    return True


def _start(schedule: Schedule, now: datetime) -> None:
    """Give every occurrence up to `now` its run and plan the next one."""
    export, due, rule = schedule.export, schedule.next_due, recurrence.of(schedule)
    if due is None or export.schedule_mode != ScheduleMode.OWN:
        Schedule.objects.filter(pk=schedule.pk).update(next_due=None)
        return
    if problem := recurrence.problem(rule):
        _switch_off(schedule, problem)
        return
    passed = [due, *recurrence.between(rule, due, now, MOST_MISSED)]
    lifecycle.create_missed(export, passed[:-1])
    _start_occurrence(export, passed[-1], is_late=now - passed[-1] > LATE_AFTER)
    Schedule.objects.filter(pk=schedule.pk).update(next_due=recurrence.next_after(rule, max(now, passed[-1])))


def _switch_off(schedule: Schedule, problem: str) -> None:
    """Let a schedule that cannot be followed make nothing happen any more, and say why."""
    Schedule.objects.filter(pk=schedule.pk).update(next_due=None, problem=problem)
    export, schedule.problem = schedule.export, problem
    audit.record(export.environment, "switch off schedule", export, by=None, changes={"problem": problem})
    switched_off.send(Schedule, schedule=schedule)


def _start_occurrence(export: Export, due: datetime, *, is_late: bool) -> None:
    """Queue the run of one occurrence, or keep why there is none; nothing for one that has its run already."""
    if Run.objects.filter(export=export, due=due).exists():
        return
    origin = Origin(Trigger.SCHEDULE, due=due, is_late=is_late)
    earlier = Run.objects.active().filter(export=export).first()
    if earlier:
        is_last = decide.lapse(earlier) or earlier.most_rows is not None  # a test is never the last run
        words = {"run": earlier.short_id, "state": str(STATES[earlier.state].look.label).lower()}
        message = _("At its time run %(run)s of this export was %(state)s. Nothing was sent; the next occurrence "
                    "starts at its time.") % words  # fmt: skip
        reason = _("run %(run)s was %(state)s") % words
        lifecycle.create_skipped(export, origin, reason=reason, message=message, is_last=is_last)
    elif export.connection_id is None:
        message = _("The export has no connection. Edit it and choose one, or switch its schedule off.")
        lifecycle.create_skipped(export, origin, reason=_("No connection"), message=message)
    else:
        lifecycle.create(export, origin)


def _skip_switched_off(schedule: Schedule, now: datetime) -> None:
    """Keep the occurrences up to `now` of a schedule that is being switched off; nothing of them is sent."""
    export, due = schedule.export, schedule.next_due
    if due is None or export.schedule_mode != ScheduleMode.OWN:
        return
    *missed, last = [due, *recurrence.between(recurrence.of(schedule), due, now, MOST_MISSED)]
    lifecycle.create_missed(export, missed)
    if not Run.objects.filter(export=export, due=last).exists():
        reason = _("its schedule was switched off")
        message = _("Its schedule was switched off before it started. Run the export if it shall be sent.")
        origin = Origin(Trigger.SCHEDULE, due=last)
        lifecycle.create_skipped(export, origin, reason=reason, message=message, is_last=False)
