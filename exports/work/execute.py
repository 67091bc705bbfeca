"""One run from claim to end, in the child process: refresh, plan, send, record."""

import logging
import signal
import traceback
from contextlib import ExitStack
from typing import Any

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connections

from connections import answering
from connections.destinations.base import DeliveryError, Destination
from exports.models import Export, ReasonCode, Run
from exports.models.states import State
from exports.runs import budget, lifecycle, log
from exports.runs.lifecycle import RunClaim
from exports.work.carriers import Carrier, Step, carrier_of, destination_of
from exports.work.errors import (
    EditedMeanwhileError,
    HeldRunError,
    InterruptedRunError,
    LeaseLostError,
    NotEligibleError,
    RunError,
    SkippedRunError,
)
from exports.work.gate import hold_unusual, profiles_of, within_limits
from exports.work.plan import Item, RunPlan, TooSmall, make_plan
from exports.work.record import Recorder
from exports.work.settling import settle
from exports.work.success import succeed
from roles import shared_memory
from roles.messages import Message, enumerated, joined, verbatim
from roles.messages import said as _
from segments.models import Segment
from segments.warehouse import members, queries
from segments.warehouse.reader import snapshot, snapshot_time

logger = logging.getLogger(__name__)

UNREADABLE = _(
    "The data does not match the export's settings. Refresh its segments; if it fails again, open the export and "
    "choose its fields again."
)
UNEXPECTED = _(
    "Unexpected error in Waybill. Run the export again; if it fails again, send the run's id to your Waybill operator."
)

MOST_STARTS = 5  # with an export that is saved each time
ENDED, LOST, INTERRUPTED, DATABASE_AWAY = 0, 71, 75, 69  # exit codes that the watcher's log line shows


def execute(claimed: RunClaim) -> int:
    """Carry the claimed run out and record its end; return the exit code of the process."""
    signal.signal(signal.SIGTERM, _interrupt)
    run = Run.objects.select_related("export__connection", "export__environment", "environment").get(pk=claimed.run_id)
    try:
        _carry_out(claimed, run)
    except LeaseLostError:
        return LOST
    except InterruptedRunError:
        return INTERRUPTED
    except (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError) as error:
        # An interrupt in the middle of a statement: what follows it on the way out fails, too.
        return INTERRUPTED if _was_interrupted(error) else _database_failed(claimed, run, error)
    except SkippedRunError as skipped:
        _skip(claimed, run, skipped)
    except HeldRunError as held:
        _hold(claimed, run, held)
    except answering.SilentTargetError:
        _wait_for_answer(claimed, run)
    except Exception as error:
        _fail(claimed, run, error)
    return ENDED


def _interrupt(signum: int, frame: Any) -> None:
    raise InterruptedRunError


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether `error` came up while an interrupt was on its way out."""
    while error is not None and not isinstance(error, InterruptedRunError):
        error = error.__context__
    return error is not None


def _carry_out(claimed: RunClaim, run: Run) -> None:
    """Carry it out by what the export says at one moment: saved meanwhile, it starts over.

    What an attempt before began to publish comes first.
    """
    if run.is_publishing and settle(claimed, run):
        return None
    for _attempt in range(MOST_STARTS):
        try:
            return _carry_out_as_loaded(claimed, run)
        except EditedMeanwhileError:
            run.refresh_from_db()  # which forgets the export, too
    message = _("The export was saved repeatedly while its run was starting. Run it again.")
    raise RunError(message, reason=_("Saved while starting"))


def _carry_out_as_loaded(claimed: RunClaim, run: Run) -> None:
    recorder = Recorder(claimed, run)
    recorder.begin()
    segments = _to_refresh(run)
    recorder.plan_steps(_steps(run, refreshes=bool(segments)))
    if segments:
        _refresh_segments(segments, recorder)
    with ExitStack() as stack:
        carrier = _send(recorder, stack)
        with answering.noted(run.export.connection_id):
            carrier.finish()
        succeed(recorder, type(carrier.destination))
        carrier.settle()


def _send(recorder: Recorder, stack: ExitStack) -> Carrier:
    """Check, read and send everything in one snapshot."""
    run = recorder.run
    with ExitStack() as reading:
        with recorder.step("check") as step:
            destination = destination_of(run.export.connection)
            plan = _plan(run, type(destination), step)
            _refuse_edited(run.export)
            reader = reading.enter_context(snapshot(run.environment, plan.nouns))
            run.data_as_of = snapshot_time(reader)
            recorder.write(data_as_of=run.data_as_of)
            if run.most_rows is None:  # a test's size does not matter
                plan = within_limits(plan, reader, type(destination))
            carrier = carrier_of(type(destination))(recorder, plan, destination, stack)
            removals = carrier.plan(reader)
            run.items = _items(run, plan, reader)
            recorder.expect()
            hold_unusual(recorder, plan.items, reader, removals)
            step["note"] = carrier.expected(run.rows_total)
        with answering.asked(run.export.connection_id, lambda: budget.has_another(run)):
            carrier.send(reader)
    return carrier


def _refuse_edited(export: Export) -> None:
    """Raise EditedMeanwhileError where the export was saved since it was loaded, or given another connection."""
    same = Export.objects.filter(pk=export.pk, updated_at=export.updated_at, connection=export.connection_id)
    if not same.exists():
        raise EditedMeanwhileError


def _to_refresh(run: Run) -> list[Segment]:
    """Return the segments to refresh first; a test takes the member lists that there are, a system refresh its own."""
    if not run.export.refreshes_segments or run.refresh_id:
        return []
    entries = run.export.export_segments.select_related("segment__table", "segment__environment")
    segments = [entry.segment for entry in entries]
    return [one for one in segments if one.member_count is None] if run.most_rows else segments


def _steps(run: Run, *, refreshes: bool) -> list[Step]:
    """Return the steps to come; without a connection of a known type the check is as far as the run gets."""
    connection = run.export.connection
    carrier = carrier_of(connection.destination_class) if connection and connection.is_type_known else Carrier
    refresh = [("refresh", _("Refresh segments"))] if refreshes else []
    return [*refresh, ("check", _("Check what will be sent")), *carrier.steps(run)]


def _refresh_segments(segments: list[Segment], recorder: Recorder) -> None:
    with recorder.step("refresh") as step:
        count = _("%(name)s · %(members)s")
        refreshed = [count % {"name": segment.name, "members": _refresh(segment)} for segment in segments]
        step["note"] = enumerated(refreshed)


def _refresh(segment: Segment) -> int:
    try:
        return members.refresh(segment)
    except members.RefreshError as error:
        if isinstance(error.__cause__, OperationalError):
            raise error.__cause__ from error  # the database is away, the segment is not to blame
        message = _("The segment “%(name)s” could not be refreshed: %(why)s")
        words = {"name": segment.name, "why": error.message}
        raise RunError(message % words, reason=_("Segment could not be refreshed")) from error


def _plan(run: Run, destination: type[Destination], step: dict[str, Any]) -> RunPlan:
    """Return the plan; `step` keeps the ids of segments that are not eligible. Raises RunError."""
    try:
        return make_plan(run, destination)
    except NotEligibleError as error:
        step["not_eligible"] = error.segment_ids
        raise


def _items(run: Run, plan: RunPlan, reader: psycopg.Connection) -> list[dict[str, Any]]:
    """Return Run.items of the plan: how many rows of each will go, and what is left out."""
    items = [_entry(item, _expected(run, item, reader)) for item in plan.items]
    return items + [_left_out(one) for one in plan.too_small]


def _entry(item: Item, expected: int | None) -> dict[str, Any]:
    entry = {"kind": item.kind, "id": item.noun.pk, "name": item.name, "rows": 0, "expected": expected}
    return entry | ({"is_projected": True} if item.is_projected else {})


def _left_out(one: TooSmall) -> dict[str, Any]:
    return _entry(one.item, one.profiles) | {"left_out": True}


def _expected(run: Run, item: Item, reader: psycopg.Connection) -> int | None:
    """How many rows of the item will go; contacts are counted now, since nothing else knows how many there are."""
    if run.most_rows is not None:
        return run.most_rows if item.expected is None else min(run.most_rows, item.expected)
    return profiles_of(reader, item) if item.is_projected else item.expected


def _skip(claimed: RunClaim, run: Run, skipped: SkippedRunError) -> None:
    """Record that nothing was sent, and why."""
    values = {"steps": run.steps, "items": run.items, "message": skipped.message, "reason": skipped.reason}
    lifecycle.finish(claimed, State.SKIPPED, **values)


def _hold(claimed: RunClaim, run: Run, held: HeldRunError) -> None:
    """Leave the run to a person; it reads its data anew when they release it."""
    _log_last_step(run)
    values = {"steps": run.steps, "items": run.items, "message": held.message, "reason": held.reason}
    lifecycle.finish(claimed, State.HELD, held_for=[brake.as_json() for brake in held.brakes], **values)


def _wait_for_answer(claimed: RunClaim, run: Run) -> None:
    """Leave the worker to others: another run waits for an answer of the same target."""
    name = run.export.connection.name if run.export.connection else ""
    reason = answering.words_for(name)
    lifecycle.give_back(claimed, reason=reason, message=reason, reason_code=ReasonCode.SILENT)


def _log_last_step(run: Run) -> None:
    """Tell of the step in which the run stopped."""
    for step in run.steps:
        if step["state"] in ("failed", "held"):
            log.note_step(run, step)


def _database_failed(claimed: RunClaim, run: Run, error: Exception) -> int:
    """Plan another try; with the database away the watcher does it when it is back."""
    connections.close_all()
    try:
        message = shared_memory.advice(error) or _(
            "The database did not answer while the data was read. The export will be retried automatically."
        )
        reason = _("Database did not answer")
        lifecycle.retry_later(claimed, run, message=message, detail=_where(error), reason=reason)
    except (DatabaseError, InterfaceError):
        return DATABASE_AWAY
    return ENDED


def _fail(claimed: RunClaim, run: Run, error: Exception) -> None:
    """Record why the run failed, for good or until the next try."""
    steps = run.steps
    if lifecycle.write(claimed, steps=steps, items=run.items):
        _log_last_step(run)
    if isinstance(error, DeliveryError):
        words: dict[str, Any] = {"message": error.message, "detail": error.detail}
        words |= {"reason": error.message.first_sentence(), "reason_code": ReasonCode.TARGET}
        if not error.permanent:
            return lifecycle.retry_later(claimed, run, **words, retry_after=error.retry_after)
    elif isinstance(error, DatabaseError | psycopg.Error | queries.NotReadyError):
        words = {"message": UNREADABLE, "detail": _where(error), "reason": _("Data could not be read")}
    elif isinstance(error, RunError):
        words = {"message": error.message, "reason": error.reason}
    else:
        logger.exception("Run %s failed unexpectedly", run.uuid)
        words = {"message": UNEXPECTED, "detail": _where(error), "reason": _("Unexpected error")}
    if remains := run.words.remains(run):
        words["message"] = joined([words["message"], remains])
    lifecycle.finish(claimed, State.FAILED, **words)
    return None


def _where(error: BaseException) -> Message:
    """What kind of error it was and where; never its text, which could hold customers' data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return verbatim(f"{type(error).__name__}{place}")
