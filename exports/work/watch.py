"""The watcher: claims a run, forks a child process that does the work, and makes sure that its end is recorded.

The child is forked, so it starts at once with everything loaded. The watcher renews the lease, passes a cancel
on, enforces deadline and memory, and gives the run back when its worker stops.
"""

import logging
import os
import select
import signal
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import psutil
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from connections.destinations.base import Destination
from connections.destinations.registry import destinations
from exports.models import Run
from exports.models.states import State
from exports.runs import lifecycle, queue
from exports.runs.lease import Renewal
from exports.runs.lifecycle import LEASE, RunClaim
from exports.work.carriers import Carrier, carrier_of
from exports.work.execute import execute
from roles import log_context, stopping
from roles.messages import said as _

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.4  # seconds between looks for a cancel; the bar is 2 s to a canceled run
FAULTS = (DatabaseError, InterfaceError)


def work_until_idle() -> int:
    """Carry out runs one after the other until none waits or the worker stops; return how many."""
    count = 0
    while not stopping.is_stopping() and (claimed := queue.claim()):
        with _named_in_log(claimed):
            watch(claimed)
        count += 1
    return count


def _named_in_log(claimed: RunClaim) -> AbstractContextManager[None]:
    """Let what is logged meanwhile name the run; without a database the lines go without."""
    try:
        found = Run.objects.filter(pk=claimed.run_id).values_list("uuid", "export_id", "environment__slug").first()
    except FAULTS:
        found = None
    if found is None:
        return nullcontext()
    uuid, export, environment = found
    return log_context.about(run=str(uuid), export=export, environment=environment)


def watch(claimed: RunClaim) -> None:
    """Have a child carry the run out and wait for its end."""
    destination = _destination_of(claimed)
    connections.close_all()  # a connection shared through fork would be closed under the other's feet
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_the_child(claimed, parent)
    _ChildWatch(claimed, pid, types_deadline=destination.deadline, grace=_grace(destination)).until_the_end()


def _destination_of(claimed: RunClaim) -> type[Destination]:
    """Return the type of the run's connection; one that allows as much as the operator does where it is not known."""
    try:
        slug = Run.objects.filter(pk=claimed.run_id).values_list("export__connection__type", flat=True).first()
    except FAULTS:  # the child finds that out, too
        return Destination
    return destinations().get(slug or "", Destination)


def _grace(destination: type[Destination]) -> float:
    """Return how many seconds a child that is told to end has for that."""
    try:
        return carrier_of(destination).grace
    except LookupError:
        return Carrier.grace


def _be_the_child(claimed: RunClaim, parent: int) -> None:
    """Carry the run out in this forked process; never returns."""
    code = 70
    try:
        os.setsid()
        stopping.die_with_parent(parent)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code = execute(claimed)
    except BaseException:
        logger.exception("Run %s ended unexpectedly", claimed.run_id)
    finally:
        os._exit(code)


@dataclass
class _ChildWatch:
    claimed: RunClaim
    pid: int
    started: float = field(default_factory=time.monotonic)
    renewal: Renewal = field(init=False)
    end: str = ""  # why the child was told to end: canceled, stopped, lost, deadline, type's deadline, memory
    types_deadline: float | None = None  # seconds that the connection's type allows
    grace: float = Carrier.grace

    def __post_init__(self) -> None:
        self.renewal = Renewal(lambda: LEASE.renew(self.claimed))

    def until_the_end(self) -> None:
        """Watch until the child is gone, then make sure that the run's state is right."""
        pidfd = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
        try:
            while not self._is_gone(pidfd):
                self._look()
        finally:
            if pidfd is not None:
                os.close(pidfd)
        _pid, status = os.waitpid(self.pid, 0)
        self._settle(os.waitstatus_to_exitcode(status))

    def _is_gone(self, pidfd: int | None) -> bool:
        """Wait a moment for the child's end, or for this worker's stop."""
        watched = [fd for fd in (pidfd, None if self.end else stopping.reader()) if fd is not None]
        ready = select.select(watched, [], [], LOOK_EVERY)[0]
        if pidfd is None:
            return psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        return pidfd in ready

    def _look(self) -> None:
        if self.end:
            return
        self.end = self._reason_to_end()
        if self.end:
            self._end_child()

    def _reason_to_end(self) -> str:
        if stopping.is_stopping():
            return "stopped"
        seconds = time.monotonic() - self.started
        if seconds > settings.RUN_DEADLINE_SECONDS:
            return "deadline"
        if self.types_deadline is not None and seconds > self.types_deadline:
            return "type's deadline"
        if _memory(self.pid) > settings.RUN_MEMORY_MB * 1_000_000:
            return "memory"
        return self._look_at_row()

    def _look_at_row(self) -> str:
        """Renew the lease in time and look for a cancel; a database that is away is asked again."""
        try:
            if self.renewal.is_refused():
                return "" if _has_ended(self.claimed) else "lost"
            return "canceled" if queue.wants_cancel(self.claimed) else ""
        except FAULTS:
            connections.close_all()
            return "lost" if self.renewal.has_run_out() else ""

    def _end_child(self) -> None:
        """Ask the child to end, which removes its hidden files, then insist."""
        gentle = self.end in {"canceled", "stopped", "deadline", "type's deadline"}
        os.kill(self.pid, signal.SIGTERM if gentle else signal.SIGKILL)
        deadline = time.monotonic() + self.grace
        while gentle and time.monotonic() < deadline:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)

    def _settle(self, code: int) -> None:
        """Bring the run to an end if the child did not."""
        for attempt in range(60):
            try:
                return self._settle_once(code)
            except FAULTS:  # the database is away; the lease guards the run meanwhile
                connections.close_all()
                if stopping.is_stopping(min(0.2 * 2**attempt, 5.0)):
                    return None
                if stopping.reader() is None:
                    time.sleep(min(0.2 * 2**attempt, 5.0))
        return None

    def _settle_once(self, code: int) -> None:
        run = Run.objects.owned_by(self.claimed.token).first()
        if run is None:
            return
        if run.cancel_requested_at and not run.is_publishing:
            words = {"reason": lifecycle.canceled_by(run.canceled_by), "message": run.words.remains(run)}
            lifecycle.finish(self.claimed, State.CANCELED, **words)
        elif self.end == "stopped":
            lifecycle.give_back(self.claimed)
        elif self.end in _GIVEN_UP:
            if run.is_publishing:  # files may be visible: the next attempt completes them
                return lifecycle.lose(run, _("Ended while publishing (%(why)s).") % {"why": self.end})
            reason, message = _GIVEN_UP[self.end]
            words = {"remains": run.words.remains_at_all(run), "unit": run.words.noun}
            lifecycle.finish(self.claimed, State.FAILED, reason=reason, message=message % words)
        else:
            numbers = {"pid": self.pid, "code": code}
            lifecycle.lose(run, _("The worker process %(pid)d ended with code %(code)d.") % numbers)


_GIVEN_UP = {
    "deadline": (
        _("Took too long"),
        _(
            "The run took longer than allowed and was stopped. %(remains)s Send fewer %(unit)s, or ask your "
            "Waybill operator to raise WAYBILL_RUN_DEADLINE_SECONDS."
        ),
    ),
    "type's deadline": (
        _("Took too long"),
        _(
            "The run took longer than its connection type allows and was stopped. %(remains)s Send fewer %(unit)s, "
            "or run the export when the destination is less busy."
        ),
    ),
    "memory": (
        _("Needed too much memory"),
        _(
            "The run needed more memory than allowed and was stopped. %(remains)s Ask your Waybill operator to "
            "raise WAYBILL_RUN_MEMORY_MB."
        ),
    ),
}


def _memory(pid: int) -> int:
    """Bytes of memory that the process holds for itself."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _has_ended(claimed: RunClaim) -> bool:
    """Whether the child itself has brought the run to an end."""
    return Run.objects.filter(pk=claimed.run_id, token__isnull=True).exists()
