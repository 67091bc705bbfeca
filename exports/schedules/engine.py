"""The occurrences of schedules: each starts once, whatever number of dispatchers look; the same for all schedules.

An occurrence and the next one are written in one transaction, by the database's time alone. The dispatcher never
waits long for a row that somebody else holds: it gives way and looks again. A `ScheduleKind` says whose they are.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError, connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from exports.models.schedule import Recurring
from exports.schedules import recurrence
from exports.schedules.planning import database_now
from exports.schedules.recurrence import Recurrence
from exports.schedules.signals import switched_off
from roles.audit import audit
from roles.messages import Message
from roles.models import Environment

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=Recurring)

MOST_MISSED = 1000  # occurrences that are kept of what one schedule missed, the last ones
LATE_AFTER = timedelta(seconds=60)
SLACK = timedelta(minutes=5)  # that a clock may be set back without an occurrence coming again
AT_ONCE = 500  # rows that are read at once
# Shorter than the second after which PostgreSQL looks for deadlocks, so that the dispatcher is the one to give up.
GIVE_WAY = "SET LOCAL lock_timeout = '300ms'"
IN_OTHER_HANDS = (IntegrityError, InterfaceError, OperationalError)


@dataclass(frozen=True)
class _Locked(Generic[Row]):
    """A schedule that this transaction has locked, the time, and whether the schedule is to be followed."""

    schedule: Row
    now: datetime
    is_on: bool


class ScheduleKind(ABC, Generic[Row]):
    """What schedules of one kind are of, and what their occurrences do. One object for each kind."""

    model: type[Row]
    related: ClassVar[str]  # what is loaded with a schedule
    is_on: ClassVar[Q]  # matches the schedules that are to be followed
    in_one_transaction: ClassVar[int]  # how many of them at most
    # The audit log's names of what the engine does.
    switched_off: ClassVar[str]
    planned_anew: ClassVar[str]

    @abstractmethod
    def subject(self, schedule: Row) -> tuple[Environment, models.Model]:
        """Return the environment of a schedule, and what events about it are of."""

    @abstractmethod
    def advice(self) -> Message:
        """Say, for people, that a schedule could not be followed and what to do."""

    @abstractmethod
    def start(self, schedule: Row, due: datetime, *, is_late: bool) -> None:
        """Start the occurrence `due`, or record why it does not start. Does nothing if it was started before."""

    @abstractmethod
    def record_missed(self, schedule: Row, missed: list[datetime]) -> None:
        """Record missed occurrences that a later one makes up for: one insert, one event, no alert."""

    @abstractmethod
    def record_switched_off(self, schedule: Row, due: datetime) -> None:
        """Record that the occurrence `due` does not start because its schedule is being switched off."""

    @abstractmethod
    def free_future(self, schedule: Row) -> None:
        """Let occurrences that are still to come be started, also those started while the clock was ahead."""


def start_due(kind: ScheduleKind[Row]) -> int:
    """Start all that is due; return how many schedules went on to their next occurrence."""
    count, in_other_hands = 0, set[int]()
    while looked_at := _start_some(kind, in_other_hands):
        in_other_hands |= {pk for pk, went_on in looked_at.items() if not went_on}
        count += sum(looked_at.values())
    return count


def take_due(kind: ScheduleKind[Row], *, is_off: bool, rule: Recurrence | None = None, **owner: Any) -> None:
    """Before the schedule of `owner` changes, start what fell due; keep it as skipped if it is being switched off.

    Nothing for a schedule that goes on following `rule`. In the caller's transaction. It is for the moments, or the
    hours, in which no dispatcher was there in time.
    """
    for found in _locked(kind, Q(next_due__lte=Now(), **owner), waits=True):
        if is_off:
            _record_switched_off(kind, found)
        elif rule != recurrence.of(found.schedule):
            _go_on(kind, found)


def seconds_until_due(*kinds: ScheduleKind[Any]) -> float | None:
    """Return how long it is until the next occurrence; None without any."""
    found = [wait for kind in kinds if (wait := _wait_of(kind)) is not None]
    return min(found, default=None)


def misplanned(kind: ScheduleKind[Row]) -> Iterator[Row]:
    """Give the schedules that are on and have no next occurrence, or a later one than they should have.

    A backup, a clock that was ahead, an edited row or new rules of a time zone leave such rows. Those that are due are
    left out: they are planned when they start.
    """
    is_planned_later = Q(next_due=None) | Q(next_due__gt=Now())
    now, expected = database_now(), dict[Recurrence, datetime | None]()  # many schedules have the same rule
    found = kind.model._default_manager.filter(kind.is_on, is_planned_later, problem="")
    for schedule in found.order_by("pk").iterator(chunk_size=AT_ONCE):
        if _is_misplanned(schedule, now, expected):
            yield schedule


def replan(kind: ScheduleKind[Row]) -> int:
    """Plan misplanned schedules anew, with an audit event each; return how many there were."""
    count = 0
    for pk in [schedule.pk for schedule in misplanned(kind)]:
        try:
            count += _correct(kind, pk)
        except IN_OTHER_HANDS:  # it is looked at again
            if not connection.is_usable():
                raise
    return count


def _wait_of(kind: ScheduleKind[Row]) -> float | None:
    planned = kind.model._default_manager.filter(next_due__isnull=False).order_by("next_due")
    first = planned.annotate(wait=F("next_due") - Now()).values_list("wait", flat=True).first()
    return first.total_seconds() if first is not None else None


@transaction.atomic
def _start_some(kind: ScheduleKind[Row], in_other_hands: set[int]) -> dict[int, bool]:
    """Start what some schedules have due; return by id whether each went on."""
    _give_way()
    due = Q(next_due__lte=Now()) & ~Q(pk__in=in_other_hands)
    return {one.schedule.pk: _go_on(kind, one) for one in _locked(kind, due, most=kind.in_one_transaction)}


def _give_way() -> None:
    """Let this transaction wait only shortly for rows that somebody else holds."""
    with connection.cursor() as cursor:
        cursor.execute(GIVE_WAY)


def _locked(kind: ScheduleKind[Row], which: Q, *, most: int | None = None, waits: bool = False) -> list[_Locked[Row]]:
    """Lock schedules; unless this `waits` for them, those that nobody else has locked."""
    found = kind.model._default_manager.filter(which).select_for_update(skip_locked=not waits, of=("self",))
    is_on = models.ExpressionWrapper(kind.is_on, models.BooleanField())
    found = found.select_related(kind.related).order_by("next_due", "pk")
    rows: Iterable[Any] = found.annotate(now=Now(), on=is_on)[:most]
    return [_Locked(row, row.now, row.on) for row in rows]


def _go_on(kind: ScheduleKind[Row], found: _Locked[Row]) -> bool:
    """Start what is due of one schedule; a bad one is switched off. False for one that somebody else is at."""
    schedule = found.schedule
    try:
        with transaction.atomic():
            _start(kind, found)
    except IN_OTHER_HANDS as error:
        if connection.needs_rollback:  # the database is away
            raise
        logger.info("%s %s is looked at again (%s).", kind.model.__name__, schedule.pk, type(error).__name__)
        return False
    except Exception:
        logger.exception("%s %s is switched off.", kind.model.__name__, schedule.pk)
        _switch_off(kind, schedule, kind.advice())
    return True


def _start(kind: ScheduleKind[Row], found: _Locked[Row]) -> None:
    """Start the last due occurrence, record the earlier ones as missed, and plan the next one."""
    schedule, now = found.schedule, found.now
    due, rule = schedule.next_due, recurrence.of(schedule)
    if due is None or not found.is_on:
        _plan(kind, schedule, None)
    elif problem := recurrence.problem(rule):
        _switch_off(kind, schedule, problem)
    else:
        *missed, last = _passed(rule, due, now)
        if missed:
            kind.record_missed(schedule, missed)
        kind.start(schedule, last, is_late=now - last > LATE_AFTER)
        _plan(kind, schedule, recurrence.next_after(rule, max(now, last)))


def _record_switched_off(kind: ScheduleKind[Row], found: _Locked[Row]) -> None:
    """Keep the occurrences that have come; whatever is wrong with the schedule, it can be switched off."""
    schedule = found.schedule
    if schedule.next_due is None or not found.is_on:
        return
    try:
        *missed, last = _passed(recurrence.of(schedule), schedule.next_due, found.now)
    except Exception:
        logger.exception("What %s %s missed cannot be told.", kind.model.__name__, schedule.pk)
        return
    if missed:
        kind.record_missed(schedule, missed)
    kind.record_switched_off(schedule, last)


def _passed(rule: Recurrence, due: datetime, now: datetime) -> list[datetime]:
    return [due, *recurrence.between(rule, due, now, MOST_MISSED)]


def _is_misplanned(schedule: Recurring, now: datetime, known: dict[Recurrence, datetime | None]) -> bool:
    """Whether the next occurrence lies too far ahead; `known` keeps, for `now`, where that of a rule should lie."""
    try:
        rule = recurrence.of(schedule)
        if rule not in known:
            known[rule] = recurrence.next_after(rule, now + SLACK)
    except Exception:  # it breaks the code, so it is switched off
        return True
    expected = known[rule]
    return schedule.next_due is None or expected is None or schedule.next_due > expected


@transaction.atomic
def _correct(kind: ScheduleKind[Row], pk: int) -> bool:
    """Plan one schedule anew, or switch it off if that cannot be; False where somebody else did."""
    _give_way()
    found = _locked(kind, Q(kind.is_on, pk=pk, problem=""))
    if not found:
        return False
    schedule, now = found[0].schedule, found[0].now
    rule, before = recurrence.of(schedule), schedule.next_due
    if (before and before <= now) or not _is_misplanned(schedule, now, {}):
        return False
    try:
        problem, planned = recurrence.problem(rule), recurrence.next_after(rule, now)
    except Exception:
        logger.exception("%s %s is switched off.", kind.model.__name__, schedule.pk)
        problem, planned = kind.advice(), None
    if planned is None:
        _switch_off(kind, schedule, problem or kind.advice())
        return True
    kind.free_future(schedule)
    _plan(kind, schedule, planned)
    environment, subject = kind.subject(schedule)
    changes = {"next_due": [before.isoformat() if before else None, planned.isoformat()]}
    audit.record(environment, kind.planned_anew, subject, by=None, changes=changes)
    return True


def _plan(kind: ScheduleKind[Row], schedule: Row, due: datetime | None) -> None:
    _row(kind, schedule).update(next_due=due)


def _switch_off(kind: ScheduleKind[Row], schedule: Row, problem: Message) -> None:
    """Switch off a schedule that cannot be followed, and record why."""
    _row(kind, schedule).update(next_due=None, problem=problem)
    schedule.next_due, schedule.problem = None, problem
    environment, subject = kind.subject(schedule)
    audit.record(environment, kind.switched_off, subject, by=None, changes={"problem": problem})
    switched_off.send(kind.model, schedule=schedule)


def _row(kind: ScheduleKind[Row], schedule: Row) -> models.QuerySet[Row, Any]:
    return kind.model._default_manager.filter(pk=schedule.pk)
