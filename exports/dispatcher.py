"""What the dispatcher does. Several dispatchers may run at once: nothing is lost or done twice."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django_q.models import OrmQ

from connections.testing import daily, testing
from exports.alerts import outbox, watch
from exports.refresh import advance, parts
from exports.refresh import due as refreshes
from exports.runs import budget, explaining, nudging, overdue, purge, queue, waits
from exports.schedules import engine, occurrences
from roles import tidying

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds
CORRECT_EVERY = 300.0
AGAIN = 0.1  # seconds, where something due is in other hands
NUDGE_AFTER = timedelta(milliseconds=500)
MOST_NUDGES = 4


def nudge_where_runs_wait() -> None:
    """Nudge the cluster if runs wait for which no nudge is queued."""
    left_alone = budget.takeable().filter(not_before__lt=Now() - NUDGE_AFTER)
    # A nudge that a worker has taken is locked in the queue; those that are not are still to come.
    if left_alone.exists() and OrmQ.objects.filter(key="exports", lock__lte=Now()).count() < MOST_NUDGES:
        nudging.nudge()


# What comes at its time; whatever else there is to look for comes once a second, in this order.
DUE: tuple[Callable[[], object], ...] = (occurrences.start_due, refreshes.start_due)
LOOKS: tuple[Callable[[], object], ...] = (
    queue.reap,
    advance.advance_all,
    waits.update_waits,
    explaining.explain_waits,
    nudge_where_runs_wait,
    watch.check,
    testing.end_overdue,
    daily.request_next,
    tidying.tidy_hourly,
    purge.ask_nightly,
)
# What puts right times that cannot be: those of a database whose clock was ahead, or that was restored. Done at the
# start of a dispatcher and every few minutes.
CORRECTIONS: tuple[Callable[[], object], ...] = (
    occurrences.replan,
    refreshes.replan,
    overdue.start_overdue,
    parts.LEASE.shorten,
    outbox.correct_times,
)


def dispatch_once() -> None:
    """Do everything once."""
    _do(DUE)
    _do(LOOKS)
    _do(CORRECTIONS)


class Dispatcher:
    """Starts what is due at its time and does the other checks once a second."""

    def __init__(self) -> None:
        # Moments of time.monotonic(): how long to wait is no matter of what time it is.
        self._look_at = self._due_at = self._correct_at = 0.0

    def turn(self) -> float:
        """Do what is due now; return the seconds until more is due."""
        self._start_due()
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY
            for look in (*LOOKS, *self._corrections()):
                if time.monotonic() >= self._due_at:  # what comes at its time waits for no other look
                    self._start_due()
                _do((look,))
        return max(0.0, min(self._look_at, self._due_at) - time.monotonic())

    def _corrections(self) -> tuple[Callable[[], object], ...]:
        """Return the corrections of times if they are due."""
        if time.monotonic() < self._correct_at:
            return ()
        self._correct_at = time.monotonic() + CORRECT_EVERY
        return CORRECTIONS

    def _start_due(self) -> None:
        """Start what is due, and note when more will be."""
        _do(DUE)
        wait = engine.seconds_until_due(occurrences.KIND, refreshes.KIND)
        self._due_at = time.monotonic() + (LOOK_EVERY if wait is None else wait if wait > 0 else AGAIN)


def _do(what: tuple[Callable[[], object], ...]) -> None:
    """Call each one. If one fails, the others are still called, unless the database is away."""
    for one in what:
        try:
            one()
        except (InterfaceError, OperationalError):
            raise
        except Exception:
            logger.exception("%s failed", getattr(one, "__qualname__", one))
