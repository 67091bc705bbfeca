"""Sets when the system refresh runs and which zone the environment has, and says which other schedules that touches."""

from collections import defaultdict
from datetime import datetime, timedelta
from math import ceil

from django.db import transaction

from exports.models import RefreshSchedule, RefreshState, Schedule, ScheduleMode, SystemRefresh
from exports.refresh import due
from exports.runs.run_all import LeftOut
from exports.schedules import planning, recurrence, sentences
from exports.schedules.recurrence import Recurrence
from roles.audit import audit
from roles.messages import EMPTY, Message
from roles.messages import said as _
from roles.models import Environment, User
from roles.ui import locales

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
MOST_RULES = 300  # different recurrences that are compared with that of the refresh
GOOD = (RefreshState.SUCCEEDED, RefreshState.WARNED)


@transaction.atomic
def save_schedule(environment: Environment, rule: Recurrence | None, *, by: User) -> None:
    """Let the system refresh follow `rule`; None switches it off, and the rule that it had stays for later."""
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    due.take_due(environment, is_off=rule is None)
    found = RefreshSchedule.objects.filter(environment=environment).first()
    before, schedule = refresh_schedule_words(found), found or RefreshSchedule(environment=environment)
    schedule.is_on, schedule.updated_by = rule is not None, by
    if rule:
        planning.fill(schedule, rule)
        planning.plan_next(schedule, planning.database_now())
    else:
        schedule.next_due, schedule.problem = None, EMPTY
    schedule.save()
    if before != refresh_schedule_words(schedule):
        changes = {"recurrence": [before, refresh_schedule_words(schedule)]}
        audit.record(environment, "schedule system refresh", environment, by=by, changes=changes)


@transaction.atomic
def save_zone(environment: Environment, zone: str, *, by: User) -> None:
    """Set the zone of the environment; nothing is written if it has that zone already."""
    mine = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    if mine.time_zone != zone:
        changes = {"zone": [mine.time_zone, zone]}
        mine.time_zone = zone
        mine.save(update_fields=["time_zone"])
        audit.record(environment, "change zone", environment, by=by, changes=changes)


def refresh_schedule_words(schedule: RefreshSchedule | None) -> Message:
    """Say when it runs, as the audit log keeps it."""
    return sentences.words(recurrence.of(schedule)) if schedule and schedule.is_on else _("Off")


def touched_by(environment: Environment, rule: Recurrence | None) -> LeftOut | None:
    """Name the exports whose own schedules fall due while the refresh may run, within a week; None for none.

    The reason is how long after a refresh that is, in words.
    """
    if rule is None or recurrence.problem(rule):
        return None
    now, lasts = planning.database_now(), _may_last(environment)
    starts = recurrence.between(rule, now, now + WEEK, 7 * recurrence.MOST_TIMES)
    own = Schedule.objects.filter(export__environment=environment, export__schedule_mode=ScheduleMode.OWN)
    by_rule: dict[Recurrence, list[str]] = defaultdict(list)
    for schedule in own.select_related("export").order_by("export__name"):
        by_rule[recurrence.of(schedule)].append(schedule.export.name)
    names = [name for one in list(by_rule)[:MOST_RULES] if _meets(one, starts, lasts) for name in by_rule[one]]
    return LeftOut(locales.span(ceil(lasts / HOUR), "hour"), sorted(names)) if names else None


def _meets(rule: Recurrence, starts: list[datetime], lasts: timedelta) -> bool:
    """Whether an occurrence falls between a start and the end of what may be going on then."""
    for start in starts:
        following = recurrence.next_after(rule, start - timedelta(seconds=1))
        if following is None or following > starts[-1] + lasts:  # a rare one is asked for once
            return False
        if following <= start + lasts:
            return True
    return False


def _may_last(environment: Environment) -> timedelta:
    """How long the system refresh may run: an hour, or as long as the last one if that is longer."""
    ended = SystemRefresh.objects.filter(environment=environment, state__in=GOOD, started_at__isnull=False)
    last = ended.order_by("-id").first()
    took = last.ended_at - last.started_at if last and last.ended_at and last.started_at else HOUR
    return max(HOUR, took)
