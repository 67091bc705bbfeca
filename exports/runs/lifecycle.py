"""Creates runs and changes their state. No other module does.

A change is checked against the table of states and is one conditional UPDATE, so that of two at once one wins. In
the same transaction the audit log and the log of the run are written, and `run_changed` tells those who listen.
All times are the database's.

A run that began to publish may have arrived, whatever became of its worker. So it ends without success only once a
worker has looked at the target (`has_looked`); until then it waits for that, and these claims are counted apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now

from exports.models import Export, Run, SystemRefresh, Trigger
from exports.models.states import ACTIVE, DELIVERED, STATES, State, may_follow
from exports.runs import lease, log, needs, retries
from exports.runs.lease import ALWAYS, UNOWNED
from exports.runs.nudging import nudge
from exports.runs.signals import run_changed
from roles.audit import audit
from roles.messages import EMPTY, Message, joined
from roles.messages import said as _
from roles.models import User

LEASE = lease.Lease(Run)
SETTLING = lease.Lease(Run, counter="settling_claims")
LONGEST_WAIT = timedelta(hours=1)  # for the next look at what arrived, where workers die of it
BULKY = ("steps", "items", "files", "folders", "target", "given", "detail")
UNDELIVERED = (State.FAILED, State.SKIPPED, State.HELD, State.CANCELED)
TO_BE_SETTLED = _("Files may have arrived. Waybill checks the destination and completes the delivery.")
# What a run does when it comes to a state, in the audit log; all others end it.
MOVES: dict[str, str] = {
    State.RUNNING: "start run",
    State.QUEUED: "interrupt run",
    State.RETRYING: "postpone run",
    State.HELD: "hold run",
}
# What a person decided about a held run, by the state that it has then.
DECIDED: dict[str, str] = {State.QUEUED: "let go", State.CANCELED: "drop"}


class WrongMoveError(ValueError):
    """A change that the table of states does not know: a mistake in the code."""


@dataclass(frozen=True)
class RunClaim(lease.Claim):
    """A run that this process owns as long as its lease lasts."""

    @property
    def run_id(self) -> int:
        """The id of the run."""
        return self.pk

    @property
    def attempt(self) -> str:
        """What marks the hidden files of this claim."""
        return self.token.hex[:8]


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
    _record_change(run, "", by=None)
    run_changed.send(_sender(run), run=run, before="")
    return run


def create_missed(export: Export, missed: Sequence[datetime]) -> None:
    """Record missed occurrences that a later one makes up for: one insert, one event, no alert."""
    if not missed:
        return
    message = _("Waybill was not running at the scheduled time. This run makes up for the last missed occurrence.")
    values = _skipped(_("missed while Waybill was not running"), message)
    origins = [Origin(Trigger.SCHEDULE, due=due, is_late=True).as_values() for due in missed]
    runs = [Run(environment=export.environment, export=export, **values, **origin) for origin in origins]
    Run.objects.bulk_create(runs, ignore_conflicts=True)
    changes = {"count": len(missed), "first": missed[0].isoformat(), "last": missed[-1].isoformat()}
    audit.record(export.environment, "miss occurrences", export, by=None, changes=changes)


def _skipped(reason: Message, message: Message) -> dict[str, Any]:
    return {"state": State.SKIPPED, "ended_at": Now(), "reason": reason, "message": message}


def move(
    run_id: int,
    before: str,
    after: State,
    *,
    by: User | None = None,
    only_if: Q = ALWAYS,
    has_looked: bool = False,
    **values: Any,
) -> bool:
    """Move a run from the state `before` to `after` and write `values`.

    False, and nothing changed, if its state is another one or `only_if` does not hold, or where it would end without
    a look at what it began to publish. Raises WrongMoveError.
    """
    if not may_follow(before, after):
        raise WrongMoveError(f"A run cannot go from {before} to {after}.")
    if before == State.RUNNING:
        values |= UNOWNED
    if STATES[after].is_final:
        values |= {"ended_at": Now()}
    if "reason" in values:
        values = {"reason_code": ""} | values
    if after in UNDELIVERED and not has_looked:
        only_if &= Q(is_publishing=False)
    with transaction.atomic():
        mine = Run.objects.filter(only_if, pk=run_id, state=before)
        is_moved = bool(mine.update(state=after, **values))
        if is_moved:
            _note(run_id, before, by)
    return is_moved


def _note(run_id: int, before: str, by: User | None) -> None:
    """Write the audit log and the run's log, note a delivery on its export, and tell those who listen."""
    run = Run.objects.select_related("environment", "export", "triggered_by").defer(*BULKY).get(pk=run_id)
    _record_change(run, before, by=by)
    log.note_state(run, before, by=by)
    if run.state in DELIVERED:
        Export.objects.filter(last_run=run_id).update(delivered_at=Now())
    run_changed.send(_sender(run), run=run, before=before)


def _sender(run: Run) -> type[Run | SystemRefresh]:
    return SystemRefresh if run.refresh_id else Run


def cancel(run: Run, *, by: User | None) -> bool:
    """Cancel a waiting run at once, or ask the worker of a running one to stop.

    False when there is nothing to cancel: it has ended, it began to publish, or it is canceled already.
    """
    with transaction.atomic():
        mine = Run.objects.filter(pk=run.pk)
        found = mine.select_for_update().only("state", "is_publishing", "unit", "rows_done").first()
        before, is_publishing = (found.state, found.is_publishing) if found else ("", False)
        if before not in ACTIVE or is_publishing:  # what an attempt began to publish is completed
            return False
        asked: dict[str, Any] = {"cancel_requested_at": Now(), "canceled_by": by}
        if before == State.RUNNING and not mine.filter(cancel_requested_at=None).update(**asked):
            return False
        record_event(run, "cancel", by=by)
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

    A run that a person canceled and that would start again is canceled instead. One that began to publish and would
    end without success is tried again instead: the next claim looks first at what arrived.
    """
    mine = Q(token=claimed.token)
    if STATES[state].is_final:
        return move(claimed.run_id, State.RUNNING, state, only_if=mine, **values) or _settle_later(claimed, values)
    for _attempt in range(2):  # the second time for a cancel that came between the two
        asked = Run.objects.owned_by(claimed.token).filter(cancel_requested_at__isnull=False, is_publishing=False)
        if canceled := asked.select_related("canceled_by").first():
            words: dict[str, Any] = {"reason": canceled_by(canceled.canceled_by), "detail": EMPTY}
            words |= {"message": canceled.words.remains(canceled)}
            return move(claimed.run_id, State.RUNNING, State.CANCELED, only_if=mine, **words)
        goes_on = Q(cancel_requested_at=None) | Q(is_publishing=True)
        if move(claimed.run_id, State.RUNNING, state, only_if=mine & goes_on, **values):
            return True
    return _settle_later(claimed, values)


def fail_looked(claimed: RunClaim, **values: Any) -> bool:
    """Move a claimed run that began to publish to `failed`: this claim looked at what arrived, and it is not whole."""
    mine = Q(token=claimed.token)
    return move(claimed.run_id, State.RUNNING, State.FAILED, only_if=mine, has_looked=True, **values)


def _settle_later(claimed: RunClaim, values: dict[str, Any]) -> bool:
    """Have a later claim look at what arrived of a run that began to publish; False for others, or without the lease.

    `values` say why this claim does not go on. How often that happens, and for how long, does not matter.
    """
    run = Run.objects.owned_by(claimed.token).filter(is_publishing=True).first()
    if run is None:
        return False
    wait = retries.wait_before(run.tries - 1, None) if run.tries else timedelta()  # the first look is at once
    again: dict[str, Any] = {"not_before": Now() + wait, "tries": F("tries") + 1}
    kept = {name: value for name, value in values.items() if name not in ("held_for", "rows_done", "claims")}
    kept["message"] = joined(filter(None, [values.get("message", EMPTY), TO_BE_SETTLED]))
    mine = Q(token=claimed.token, is_publishing=True)
    is_moved = move(claimed.run_id, State.RUNNING, State.RETRYING, only_if=mine, **again | kept)
    if is_moved:
        nudge()
    return is_moved


def give_back(claimed: RunClaim, **words: Any) -> bool:
    """Put the run back into the queue because its worker stops, or for what `words` say. The claim does not count."""
    claims = Case(When(is_publishing=True, then=F("claims")), default=F("claims") - 1)
    words = {"reason": _("Waiting for a worker")} | words
    is_given_back = finish(claimed, State.QUEUED, claims=claims, **words)
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
    """Record a temporary failure and plan a retry.

    Without time for a retry the failure is permanent, but for a run that began to publish.
    """
    values = {"message": message, "detail": detail, "reason": reason, "reason_code": reason_code}
    values |= {"tries": F("tries") + 1, "claims": 0}
    if run.is_publishing:
        values["message"] = joined([message, TO_BE_SETTLED])
    wait = retries.wait_before(run.tries, retry_after)
    if run.is_publishing or retries.has_time_for(run, wait):
        finish(claimed, State.RETRYING, not_before=Now() + wait, **values)
    else:
        finish(claimed, State.FAILED, **values)


def lose(run: Run, why: Message) -> None:
    """Put back a run whose worker died, or fail it if that happened too often. `why` is for administrators.

    One that began to publish is put back however often that happened.
    """
    if run.token is None:
        return
    claimed = RunClaim(run.pk, run.token)
    if run.is_publishing:
        wait = min(timedelta(seconds=2 ** min(run.settling_claims + 1, 20)), LONGEST_WAIT)
        words = {"reason": _("Interrupted, checks what arrived"), "detail": why}
        stopped = _("The worker stopped while publishing; another one continues automatically.")
        finish(claimed, State.QUEUED, not_before=Now() + wait, message=joined([stopped, TO_BE_SETTLED]), **words)
    elif run.cancel_requested_at:
        words = {"reason": canceled_by(run.canceled_by), "message": run.words.remains(run)}
        finish(claimed, State.CANCELED, detail=why, **words)
    elif LEASE.is_spent(run):
        message = _(
            "The export was interrupted %(count)d times and was stopped. %(remains)s Run it again; if it fails "
            "again, ask an administrator."
        )  # fmt: skip
        message %= {"count": run.claims, "remains": run.words.remains_at_all(run)}
        finish(claimed, State.FAILED, message=message, detail=why, reason=_("Interrupted too often"))
    else:
        finish(
            claimed,
            State.QUEUED,
            not_before=Now() + timedelta(seconds=2**run.claims),
            detail=why,
            reason=_("Interrupted, restarting"),
            message=_("The worker stopped during the run. The run restarts automatically."),
        )


def record_event(run: Run, action: str, *, by: User | None, changes: dict[str, Any] | None = None) -> None:
    """Write the event `action` of the run to the audit log: names and numbers, no profile's values."""
    audit.record(run.environment, action, run.export, by=by, changes=changes, run=run.uuid)


def _record_change(run: Run, before: str, *, by: User | None) -> None:
    """Write the event of the run's change from `before` ("": it is new)."""
    decided = DECIDED.get(run.state) if before == State.HELD and run.decision else None
    record_event(run, decided or MOVES.get(run.state, "end run"), by=by, changes=_facts(run, before))


def _facts(run: Run, before: str) -> dict[str, Any]:
    """The state, what started it and, of one that ended, how much was sent; never `detail`, which names hosts."""
    facts: dict[str, Any] = {"state": [before or None, run.state], "trigger": run.trigger}
    if run.triggered_by:
        facts["asked_by"] = str(run.triggered_by)
    if run.state == State.RUNNING:
        return facts | {"attempt": run.claims + run.settling_claims}
    said = {"reason": run.reason, "message": run.message, "why": run.decision}
    return facts | {run.words.audited_as: run.rows_done} | {name: text for name, text in said.items() if text}


def canceled_by(who: User | None) -> Message:
    """Return the words behind a canceled run's status."""
    return _("by %(who)s") % {"who": who} if who else EMPTY
