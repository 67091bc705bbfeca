"""Creates runs and changes their state. No other module does.

A change is checked against the table of states and is one conditional UPDATE, so that of two at once one wins. In
the same transaction the audit log and the log of the run are written, and `run_changed` tells those who listen.
All times are the database's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from exports.models import Export, Run, SystemRefresh, Trigger
from exports.models.states import ACTIVE, DELIVERED, STATES, State, may_follow
from exports.runs import events, lease, log, needs, retries
from exports.runs.lease import ALWAYS, UNOWNED
from exports.runs.nudging import nudge
from exports.runs.signals import run_changed
from roles.audit import audit
from roles.messages import EMPTY, Message
from roles.messages import said as _
from roles.models import User

LEASE = lease.Lease(Run)
BULKY = ("steps", "items", "files", "folders", "target", "detail")


class WrongMoveError(ValueError):
    """A change that the table of states does not know: a mistake in the code."""


@dataclass(frozen=True)
class RunClaim(lease.Claim):
    """A run that this process owns as long as its lease lasts."""

    @property
    def run_id(self) -> int:
        """The id of the run."""
        return self.pk


@dataclass(frozen=True)
class Origin:
    """What started a run: a trigger, a person (None: Waybill), a system refresh, an occurrence of a schedule."""

    trigger: str
    by: User | None = None
    refresh: SystemRefresh | None = None
    due: datetime | None = None
    is_late: bool = False

    def as_values(self) -> dict[str, Any]:
        """Return the values of a run's row."""
        kept = {"refresh": self.refresh, "due": self.due, "is_late": self.is_late}
        return {"trigger": self.trigger, "triggered_by": self.by} | kept


def create(export: Export, origin: Origin, *, most_rows: int | None = None) -> Run:
    """Queue a run of `export`, in the caller's transaction; IntegrityError while another one is active.

    It becomes its export's last run, but for a test (with `most_rows`), which waits for nothing either.
    """
    waits = {} if most_rows else needs.waits_of(export, origin.refresh)
    values = {"most_rows": most_rows} | origin.as_values() | waits
    run = Run.objects.create(environment=export.environment, export=export, **values)
    if not most_rows:
        Export.objects.filter(pk=export.pk).update(last_run=run)
    changes = {"state": [None, State.QUEUED], "trigger": origin.trigger}
    audit.record(
        export.environment, "test" if most_rows else "run", export, by=origin.by, changes=changes, run=run.uuid
    )
    nudge()
    return run


def create_skipped(
    export: Export, origin: Origin, *, reason: Message, message: Message = EMPTY, is_last: bool = True
) -> Run:
    """Record a skipped run that never started. With `is_last` it becomes its export's last run."""
    values = _skipped(reason, message) | origin.as_values()
    run = Run.objects.create(environment=export.environment, export=export, **values)
    if is_last:
        Export.objects.filter(pk=export.pk).update(last_run=run)
    events.record_change(run, "", by=None)
    run_changed.send(_sender(run), run=run, before="")
    return run


def create_missed(export: Export, missed: Sequence[datetime]) -> None:
    """Record missed occurrences that a later one makes up for: one insert, one event, no alert."""
    if not missed:
        return
    message = _("Waybill was not running at its time. The last occurrence that was missed was made up for.")
    values = _skipped(_("missed while Waybill was not running"), message)
    origins = [Origin(Trigger.SCHEDULE, due=due, is_late=True).as_values() for due in missed]
    runs = [Run(environment=export.environment, export=export, **values, **origin) for origin in origins]
    Run.objects.bulk_create(runs, ignore_conflicts=True)
    changes = {"count": len(missed), "first": missed[0].isoformat(), "last": missed[-1].isoformat()}
    audit.record(export.environment, "miss occurrences", export, by=None, changes=changes)


def _skipped(reason: Message, message: Message) -> dict[str, Any]:
    return {"state": State.SKIPPED, "ended_at": Now(), "reason": reason, "message": message}


def move(run_id: int, before: str, after: State, *, by: User | None = None, only_if: Q = ALWAYS, **values: Any) -> bool:
    """Move a run from the state `before` to `after` and write `values`.

    False, and nothing changed, if its state is another one or `only_if` does not hold. Raises WrongMoveError.
    """
    if not may_follow(before, after):
        raise WrongMoveError(f"A run cannot go from {before} to {after}.")
    if before == State.RUNNING:
        values |= UNOWNED
    if STATES[after].is_final:
        values |= {"ended_at": Now()}
    if "reason" in values:
        values = {"reason_code": ""} | values
    with transaction.atomic():
        mine = Run.objects.filter(only_if, pk=run_id, state=before)
        is_moved = bool(mine.update(state=after, **values))
        if is_moved:
            _note(run_id, before, by)
    return is_moved


def _note(run_id: int, before: str, by: User | None) -> None:
    """Write the audit log and the run's log, note a delivery on its export, and tell those who listen."""
    run = Run.objects.select_related("environment", "export", "triggered_by").defer(*BULKY).get(pk=run_id)
    events.record_change(run, before, by=by)
    log.note_state(run, before, by=by)
    if run.state in DELIVERED:
        Export.objects.filter(last_run=run_id).update(delivered_at=Now())
    run_changed.send(_sender(run), run=run, before=before)


def _sender(run: Run) -> type[Run | SystemRefresh]:
    return SystemRefresh if run.refresh_id else Run


def cancel(run: Run, *, by: User | None) -> bool:
    """Cancel a waiting run at once, or ask the worker of a running one to stop.

    False when there is nothing to cancel: it has ended, its files are being published, or it is canceled already.
    """
    with transaction.atomic():
        mine = Run.objects.filter(pk=run.pk)
        found = mine.select_for_update().only("state", "is_publishing", "unit", "rows_done").first()
        before, is_publishing = (found.state, found.is_publishing) if found else ("", False)
        # What an attempt began to publish, and was lost, the next one completes within seconds.
        if before not in ACTIVE or (is_publishing and before in (State.QUEUED, State.RUNNING)):
            return False
        asked: dict[str, Any] = {"cancel_requested_at": Now(), "canceled_by": by}
        if before == State.RUNNING and not mine.filter(cancel_requested_at=None).update(**asked):
            return False
        events.record(run, "cancel", by=by)
        log.note_cancel(run, by)
        if before != State.RUNNING:
            remains = found.words.remains(found) if found else EMPTY
            said = {"message": remains} if remains else {}
            move(run.pk, before, State.CANCELED, by=by, reason=canceled_by(by), **asked | said)
    return True


def write(claimed: RunClaim, **values: Any) -> bool:
    """Write `values`, which are not its state, to the run; False, and nothing written, without the lease."""
    if "state" in values:
        raise WrongMoveError("The state of a run is changed by a move.")
    return LEASE.update(claimed, **values)


def finish(claimed: RunClaim, state: State, **values: Any) -> bool:
    """Move a claimed run from `running` to `state` and write `values`. False, and nothing changed, without the lease.

    A run that a person canceled and that would start again is canceled instead.
    """
    mine = Q(token=claimed.token)
    if STATES[state].is_final:
        return move(claimed.run_id, State.RUNNING, state, only_if=mine, **values)
    for _attempt in range(2):  # the second time for a cancel that came between the two
        asked = Run.objects.owned_by(claimed.token).filter(cancel_requested_at__isnull=False)
        if canceled := asked.select_related("canceled_by").first():
            words: dict[str, Any] = {"reason": canceled_by(canceled.canceled_by), "detail": EMPTY}
            words |= {"message": canceled.words.remains(canceled)}
            return move(claimed.run_id, State.RUNNING, State.CANCELED, only_if=mine, **words)
        if move(claimed.run_id, State.RUNNING, state, only_if=mine & Q(cancel_requested_at=None), **values):
            return True
    return False


def give_back(claimed: RunClaim, **words: Any) -> bool:
    """Put the run back into the queue because its worker stops, or for what `words` say. The claim does not count."""
    words = {"reason": _("Waiting for a worker")} | words
    is_given_back = finish(claimed, State.QUEUED, claims=F("claims") - 1, **words)
    if is_given_back:
        nudge()
    return is_given_back


def retry_later(
    claimed: RunClaim,
    run: Run,
    *,
    message: Message,
    detail: Message,
    reason: Message,
    retry_after: float | None = None,
    reason_code: str = "",
) -> None:
    """Record a temporary failure and plan a retry. Without time for a retry the failure is permanent."""
    values = {"message": message, "detail": detail, "reason": reason, "reason_code": reason_code}
    values |= {"tries": F("tries") + 1, "claims": 0}
    wait = retries.wait_before(run.tries, retry_after)
    if retries.has_time_for(run, wait):
        finish(claimed, State.RETRYING, not_before=Now() + wait, **values)
    else:
        finish(claimed, State.FAILED, **values)


def lose(run: Run, why: Message) -> None:
    """Put back a run whose worker died, or fail it if that happened too often. `why` is for administrators."""
    if run.token is None:
        return
    claimed = RunClaim(run.pk, run.token)
    if run.cancel_requested_at:
        words = {"reason": canceled_by(run.canceled_by), "message": run.words.remains(run)}
        finish(claimed, State.CANCELED, detail=why, **words)
    elif LEASE.is_spent(run):
        message = _("The export was interrupted %(count)d times and was given up. %(remains)s "
                    "Run it again; if it fails again, ask an administrator.")  # fmt: skip
        message %= {"count": run.claims, "remains": run.words.remains_at_all(run)}
        finish(claimed, State.FAILED, message=message, detail=why, reason=_("Interrupted too often"))
    else:
        finish(
            claimed,
            State.QUEUED,
            not_before=Now() + timedelta(seconds=2**run.claims),
            detail=why,
            reason=_("Interrupted, starts again"),
            message=_("The worker stopped in the middle of the run. It starts again by itself."),
        )


def canceled_by(who: User | None) -> Message:
    """Return the words behind a canceled run's status."""
    return _("by %(who)s") % {"who": who} if who else EMPTY
