"""What a worker of the chores cluster does for system refreshes: takes one table or segment after the other.

A part is leased like a run. A thread renews the lease; it also sees a cancel, a lost lease or the worker's stop, and
interrupts the work.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import psycopg
from django.db import DatabaseError, DataError, InterfaceError, OperationalError, connections, transaction
from django.db.models.functions import Now

from exports.models import PartKind, PartState, RefreshPart, RefreshState, SystemRefresh
from exports.refresh import nudging, parts
from exports.refresh.parts import LEASE
from exports.refresh.step import step
from exports.runs.lease import Claim, Renewal
from roles import shared_memory, stopping
from roles.messages import EMPTY, Message
from roles.messages import said as _
from segments.models import Segment, Table
from segments.warehouse.members import RefreshError, refresh
from segments.warehouse.rereading import RereadError, reread

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.4  # seconds between looks for a cancel
ALONG = 20.0  # seconds until a worker asks to be called again, so that other chores have their turn
FAULTS = (DatabaseError, InterfaceError)


class InterruptedPartError(BaseException):
    """Interrupts the work on a part."""


@dataclass(frozen=True)
class PartClaim(Claim):
    """A part that this process owns as long as its lease lasts."""

    refresh_id: int
    kind: str
    object_id: int


def work_along() -> None:
    """Carry out parts until none is ready, or the time is up."""
    until = time.monotonic() + ALONG
    while not stopping.is_stopping() and (claimed := claim()):
        carry_out(claimed)
        step(claimed.refresh_id)
        if time.monotonic() > until:
            return nudging.nudge()
    return None


def claim() -> PartClaim | None:
    """Take a table or segment all of whose needs are met, of the oldest refresh that has one; or None."""
    going = SystemRefresh.objects.filter(state=RefreshState.RUNNING, cancel_requested_at=None)
    for pk in going.filter(environment__paused_at=None).order_by("pk").values_list("pk", flat=True):
        try:
            claimed = _claim_of(pk)
        except DataError:  # a dispatcher says so, each second
            continue
        if claimed:
            return claimed
    return None


@transaction.atomic
def _claim_of(refresh_id: int) -> PartClaim | None:
    going = SystemRefresh.objects.filter(pk=refresh_id, state=RefreshState.RUNNING, cancel_requested_at=None)
    if not going.select_for_update(no_key=True).exists() or not nudging.room(refresh_id):
        return None
    for part in parts.ready(refresh_id, *parts.NOUNS, most=1):
        if claimed := LEASE.take(RefreshPart.objects.filter(pk=part.pk), started_at=Now()):
            return PartClaim(claimed.pk, claimed.token, refresh_id, part.kind, part.object_id)
    return None


def carry_out(claimed: PartClaim) -> None:
    """Do the work of a part and record the result. If the database is away, the lease expires."""
    watch = _PartWatch(claimed)
    try:
        with watch.interrupting():
            rows, message = _do(claimed)
        end(claimed, PartState.WARNED if message else PartState.DONE, rows=rows, message=message)
    except InterruptedPartError:
        connections.close_all()  # an interrupt may have come in the middle of anything
        _end_interrupted(claimed, watch.why)
    except (RefreshError, RereadError) as error:
        end(claimed, PartState.FAILED, message=error.message)
    except (OperationalError, InterfaceError) as error:
        connections.close_all()
        if advice := shared_memory.advice(error):
            end(claimed, PartState.FAILED, message=advice)
    except (DatabaseError, psycopg.Error):
        logger.exception("Part %s of a system refresh failed", claimed.pk)
        end(claimed, PartState.FAILED, message=_("The database could not read it. Refresh again later."))
    except BaseException:  # the cluster's own limit of time
        end(claimed, PartState.FAILED, message=_("It took longer than allowed and was stopped."))
        raise


def end(claimed: PartClaim, state: PartState, *, rows: int | None = None, message: Message = EMPTY) -> bool:
    """Bring the part to its end; False, and nothing changed, without the lease."""
    return LEASE.end(claimed, state=state, ended_at=Now(), rows=rows, message=message)


def give_back(claimed: PartClaim) -> None:
    """Let another worker take the part because this one stops. The claim does not count."""
    LEASE.give_back(claimed, state=PartState.WAITING, started_at=None)


def _end_interrupted(claimed: PartClaim, why: str) -> None:
    if why == "canceled":
        end(claimed, PartState.CANCELED)
    elif why == "stopped":
        give_back(claimed)


def _do(claimed: PartClaim) -> tuple[int, Message]:
    """Re-read the table or recompute the segment; return its rows and a warning, or nothing."""
    if claimed.kind == PartKind.TABLE:
        table = Table.objects.select_related("environment").filter(pk=claimed.object_id).first()
        if table is None:
            raise RereadError(_("The table was removed."))
        return reread(table)
    segment = Segment.objects.select_related("environment", "table").filter(pk=claimed.object_id).first()
    if segment is None:
        raise RefreshError(_("The segment was removed."))
    return refresh(segment), EMPTY


class _PartWatch:
    """Renews the lease of a part in a thread of its own, and interrupts the main one when the work shall end."""

    def __init__(self, claimed: PartClaim) -> None:
        self.claimed, self.why = claimed, ""  # why: canceled, stopped, lost
        self._over, self._is_inside = threading.Event(), False
        self._renewal = Renewal(lambda: LEASE.renew(claimed))

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Watch while the work is done."""
        before = signal.signal(signal.SIGUSR1, self._interrupt)
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        self._is_inside = True
        try:
            yield
        finally:
            self._is_inside = False
            self._over.set()
            thread.join()
            signal.signal(signal.SIGUSR1, before)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._is_inside:
            self._is_inside = False  # once: what follows is the way out
            raise InterruptedPartError

    def _look(self) -> None:
        try:
            while not self.why and not self._over.wait(LOOK_EVERY):
                try:
                    self.why = self._reason_to_end()
                except FAULTS:  # the database is away; the lease guards the part meanwhile
                    connections.close_all()
                    self.why = "lost" if self._renewal.has_run_out() else ""
        finally:
            connections.close_all()
        if self.why:
            os.kill(os.getpid(), signal.SIGUSR1)

    def _reason_to_end(self) -> str:
        if stopping.is_stopping():
            return "stopped"
        if SystemRefresh.objects.filter(pk=self.claimed.refresh_id, cancel_requested_at__isnull=False).exists():
            return "canceled"
        return "lost" if self._renewal.is_refused() else ""
