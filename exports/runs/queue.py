"""Who works on which run: nudges, claims, leases (design/queue.md section 6).

Every change is one conditional UPDATE on the run's state and token; whoever lost the lease changes nothing.
All times are the database's. Each change of state is in the audit log, in the same transaction.
"""

import os
import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from exports.audited import note_run
from exports.models import Export, Run
from exports.models.states import DELIVERED, STATES, State, may_follow
from exports.runs import budget, retries
from roles.models import User

LEASE = timedelta(seconds=settings.RUN_LEASE_SECONDS)
MOST_CLAIMS = 3
FROZEN_WAIT = timedelta(seconds=5)
WORK = "exports.tasks.work"


@dataclass(frozen=True)
class Claim:
    """A run that this process owns for the length of a lease."""

    run_id: int
    token: uuid.UUID


def nudge() -> None:
    """Tell the `exports` cluster to look for work, once the current transaction is committed."""
    transaction.on_commit(lambda: async_task(WORK, save=False, cluster="exports"))


def worker_name() -> str:
    """This process, for people: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


class _NoRoomError(Exception):
    """Somebody else took the room that a connection had."""


def claim() -> Claim | None:
    """Take the longest-waiting run whose connection has room, or None. Each claim counts, so that a crash counts too.

    Only where the first one finds its connection full are the full ones asked for, and left out.
    """
    waiting: QuerySet[Run] = Run.objects.claimable()
    while True:
        with suppress(_NoRoomError):
            return _claim_first(waiting)
        waiting = budget.takeable()


@transaction.atomic
def _claim_first(waiting: QuerySet[Run]) -> Claim | None:
    """Take the first run of `waiting`. Raises _NoRoomError where its connection takes no more."""
    found = (
        waiting.select_for_update(skip_locked=True, of=("self",))
        .values_list(
            "pk", "state", "export__connection", "export__connection__type", "export__connection__most_at_once"
        )
        .first()
    )
    if found is None:
        return None
    run_id, before, connection, type_, most_at_once = found
    if connection and not budget.has_room(connection, type_, most_at_once):
        raise _NoRoomError
    claimed = Claim(run_id, uuid.uuid4())
    Run.objects.filter(pk=run_id).update(
        state=State.RUNNING,
        token=claimed.token,
        lease_until=Now() + LEASE,
        started_at=Coalesce("started_at", Now()),
        claimed_at=Now(),
        claims=F("claims") + 1,
        worker=worker_name(),
        reason="",
        message="",
        detail="",
    )
    note_run(run_id, before)
    return claimed


def renew(claimed: Claim) -> bool:
    """Prolong the lease; False once somebody else owns the run."""
    return bool(Run.objects.held_by(claimed.token).update(lease_until=Now() + LEASE))


def wants_cancel(claimed: Claim) -> bool:
    """Tell whether a person asked to cancel the run."""
    return Run.objects.held_by(claimed.token).filter(cancel_requested_at__isnull=False, is_publishing=False).exists()


def keep(claimed: Claim, **values: Any) -> bool:
    """Write `values` to the run; False, and nothing written, without the lease."""
    return bool(Run.objects.held_by(claimed.token).update(**values))


def begin_publishing(claimed: Claim) -> bool:
    """Pass the point from which a run is no longer canceled; False when it was canceled before, or lost."""
    asked = Run.objects.held_by(claimed.token).filter(cancel_requested_at=None)
    return bool(asked.update(is_publishing=True, lease_until=Now() + LEASE))


def finish(claimed: Claim, state: State, **values: Any) -> bool:
    """Leave `running` for `state` and keep `values`; False, and nothing changed, without the lease.

    A run that a person canceled and that would start again is canceled instead.
    """
    if not may_follow(State.RUNNING, state):
        raise ValueError(f"A run cannot go from running to {state}.")
    released = {"token": None, "lease_until": None}
    if STATES[state].is_final:
        return _end(claimed, state, values | released)
    mine = Run.objects.held_by(claimed.token)
    for _attempt in range(2):  # the second time for a cancel that came between the two
        canceled = mine.filter(cancel_requested_at__isnull=False).select_related("canceled_by").first()
        if canceled:
            reason = canceled_by(canceled.canceled_by)
            return _end(claimed, State.CANCELED, {"reason": reason, "message": "", "detail": ""} | released)
        if _leave(claimed, state, values | released):
            return True
    return False


@transaction.atomic
def _leave(claimed: Claim, state: State, values: dict[str, Any]) -> bool:
    """Let the run go back to waiting, unless a person wants it canceled."""
    kept = Run.objects.held_by(claimed.token).filter(cancel_requested_at=None).update(state=state, **values)
    if kept:
        note_run(claimed.run_id, State.RUNNING)
    return bool(kept)


def _end(claimed: Claim, state: State, values: dict[str, Any]) -> bool:
    """Bring the run to an end, and note on its export when it delivered."""
    with transaction.atomic():
        kept = Run.objects.held_by(claimed.token).update(state=state, ended_at=Now(), **values)
        if kept:
            note_run(claimed.run_id, State.RUNNING)
        if kept and state in DELIVERED:
            Export.objects.filter(last_run=claimed.run_id).update(delivered_at=Now())
    return bool(kept)


def canceled_by(who: User | None) -> str:
    """Return the words behind a canceled run's status."""
    return _("by %(who)s") % {"who": who} if who else ""


def visible_files() -> str:
    """Return the words for a run that ends after it began to publish."""
    return _("Some of its files may be visible at the target, without a manifest.")


def release(claimed: Claim) -> bool:
    """Give a run back unharmed because its worker stops; the claim does not count."""
    given_back = finish(claimed, State.QUEUED, claims=F("claims") - 1, reason=_("Waiting for a worker"))
    if given_back:
        nudge()
    return given_back


def try_again_later(
    claimed: Claim, run: Run, *, message: str, detail: str, reason: str, retry_after: float | None = None
) -> None:
    """Keep a failure that may pass and plan the next try; without time for one the failure is permanent."""
    values = {"message": message, "detail": detail, "reason": reason, "tries": F("tries") + 1, "claims": 0}
    wait = retries.wait_before(run.tries, retry_after)
    if retries.has_time_for(run, wait):
        finish(claimed, State.RETRYING, not_before=Now() + wait, **values)
    else:
        finish(claimed, State.FAILED, **values)


def lose(run: Run, why: str) -> None:
    """Put a run back whose worker died (`why`, for administrators), or fail it when that happened too often."""
    if run.token is None:
        return
    claimed = Claim(run.pk, run.token)
    if run.cancel_requested_at:
        finish(claimed, State.CANCELED, detail=why, reason=canceled_by(run.canceled_by))
    elif run.claims >= MOST_CLAIMS:
        message = _("The export was interrupted %(count)d times and was given up. %(files)s "
                    "Run it again; if it fails again, ask an administrator.")  # fmt: skip
        files = visible_files() if run.is_publishing else _("Nothing of it was published.")
        message %= {"count": run.claims, "files": files}
        finish(claimed, State.FAILED, message=message, detail=why, reason=_("Interrupted too often"))
    else:
        wait = timedelta(seconds=2**run.claims)
        finish(
            claimed,
            State.QUEUED,
            not_before=Now() + wait,
            detail=why,
            reason=_("Interrupted, starts again"),
            message=_("The worker stopped in the middle of the run. It starts again by itself."),
        )


def work_waits() -> bool:
    """Tell whether a run that may start has been left alone for longer than a healthy cluster does."""
    return budget.takeable().filter(not_before__lt=Now() - FROZEN_WAIT).exists()


def has_free_slot() -> bool:
    """Tell whether this machine works on fewer runs than it may."""
    mine = Run.objects.filter(state=State.RUNNING, worker__startswith=f"{socket.gethostname()}:")
    return mine.count() < settings.EXPORT_WORKERS


def reap() -> int:
    """Put back the runs whose lease has ended; return how many there were."""
    lost = list(Run.objects.lost())
    for run in lost:
        lose(run, f"No sign of life from {run.worker} since {run.lease_until}.")
    return len(lost)
