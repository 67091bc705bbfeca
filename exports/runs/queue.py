"""The queue of runs: claims and lost leases (docs/rules.md).

All times are the database's.
"""

import os
import socket
import uuid
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Now

from exports.models import Run
from exports.models.states import State
from exports.runs import budget, lifecycle
from exports.runs.lifecycle import LEASE, SETTLING, RunClaim
from roles.messages import EMPTY
from roles.messages import said as _

FROZEN_WAIT = timedelta(seconds=5)


def worker_name() -> str:
    """This process, for people: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


class _NoRoomError(Exception):
    """Somebody else took the room that a connection had."""


def claim() -> RunClaim | None:
    """Take the longest-waiting run whose connection has room, or None. Each claim counts, so that a crash counts too.

    Only where the first one finds its connection full are the full ones asked for, and left out.
    """
    waiting: QuerySet[Run] = Run.objects.claimable()
    while True:
        with suppress(_NoRoomError):
            return _claim_first(budget.in_turn(waiting))
        waiting = budget.takeable()


@transaction.atomic
def _claim_first(waiting: QuerySet[Run]) -> RunClaim | None:
    """Take the first run of `waiting`. Raises _NoRoomError where its connection takes no more."""
    found = (
        LEASE.free(waiting)
        .values_list(
            "pk",
            "state",
            "is_publishing",
            "export__connection",
            "export__connection__type",
            "export__connection__most_at_once",
        )
        .first()
    )
    if found is None:
        return None
    run_id, before, is_publishing, connection, type_, most_at_once = found
    if connection and not budget.has_room(connection, type_, most_at_once):
        raise _NoRoomError
    claimed = RunClaim(run_id, uuid.uuid4())
    lifecycle.move(
        run_id,
        before,
        State.RUNNING,
        **(SETTLING if is_publishing else LEASE).given(claimed.token),
        started_at=Coalesce("started_at", Now()),
        claimed_at=Now(),
        worker=worker_name(),
        reason=EMPTY,
        message=EMPTY,
        detail=EMPTY,
    )
    return claimed


def wants_cancel(claimed: RunClaim) -> bool:
    """Whether a person asked to cancel the run."""
    return Run.objects.owned_by(claimed.token).filter(cancel_requested_at__isnull=False, is_publishing=False).exists()


def begin_publishing(claimed: RunClaim) -> bool:
    """Pass the point from which a run is no longer canceled; False when it was canceled before, or lost."""
    given = {"attempt": claimed.attempt, "paths": []}
    return LEASE.update(claimed, Q(cancel_requested_at=None), is_publishing=True, given=given, **LEASE.prolonged())


def work_waits() -> bool:
    """Whether a run that may start has been left alone for longer than a healthy cluster does."""
    return budget.takeable().filter(not_before__lt=Now() - FROZEN_WAIT).exists()


def has_free_slot() -> bool:
    """Whether this machine works on fewer runs than it may."""
    mine = Run.objects.filter(state=State.RUNNING, worker__startswith=f"{socket.gethostname()}:")
    return mine.count() < settings.EXPORT_WORKERS


def reap() -> int:
    """Put back the runs whose lease has ended; return how many there were."""
    lost = list(Run.objects.lost())
    for run in lost:
        words = {"worker": run.worker, "when": run.lease_until}
        lifecycle.lose(run, _("No sign of life from %(worker)s since %(when)s.") % words)
    return len(lost)
