"""One run from claim to end, in the child process: refresh, plan, send, manifest, record."""

import logging
import signal
import traceback
from contextlib import ExitStack
from typing import Any

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from connections.destinations.base import DeliveryError, Destination, FileDestination, FileSession, Part
from exports import queueing
from exports.models import Export, Run
from exports.queueing import Claim
from exports.runner import deliver
from exports.runner.errors import InterruptedRunError, LeaseLostError, RunError
from exports.runner.plan import Plan, make_plan
from exports.runner.record import Recorder
from exports.states import State
from roles.secrets import UnreadableSecretError
from segments import refresh, warehouse
from segments.models import Segment

logger = logging.getLogger(__name__)

UNREADABLE = gettext_noop(
    "The data could not be read as the export asks for it. Refresh its segments; if it fails again, "
    "open the export and choose its fields again."
)
UNEXPECTED = gettext_noop(
    "Something unexpected went wrong in Waybill. "
    "Run the export again; if it fails again, give the run's id to whoever operates Waybill."
)

MOST_CLEARED = 5  # dead runs that one run clears up after
ENDED, LOST, INTERRUPTED, DATABASE_AWAY = 0, 71, 75, 69  # exit codes that the watcher's log line shows


def execute(claimed: Claim) -> int:
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
        return _database_failed(claimed, run, error)
    except Exception as error:
        _fail(claimed, run, error)
    return ENDED


def _interrupt(signum: int, frame: Any) -> None:
    raise InterruptedRunError


def _carry_out(claimed: Claim, run: Run) -> None:
    recorder = Recorder(claimed, run)
    recorder.plan_steps(_steps(run.export))
    if run.export.refreshes_segments:
        _refresh_segments(run.export, recorder)
    with recorder.step("check") as step:
        destination = _destination(run.export)
        plan = make_plan(run.export, type(destination))
        step["note"] = _expect(recorder, plan)
    _send(recorder, plan, destination)


def _succeed(recorder: Recorder) -> None:
    """Record the success; it counts only with the lease."""
    run = recorder.run
    if not queueing.finish(
        recorder.claimed,
        State.SUCCEEDED,
        rows_done=recorder.rows,
        bytes_done=recorder.bytes,
        rows_total=recorder.rows,
        items=run.items,
        steps=run.steps,
        files=run.files,
        has_leftovers=False,
    ):
        raise LeaseLostError


def _steps(export: Export) -> list[tuple[str, str]]:
    name = export.connection.name if export.connection else _("the target")
    steps = [("refresh", _("Refresh segments"))] if export.refreshes_segments else []
    return [
        *steps,
        ("check", _("Check what will be sent")),
        ("send", _("Send to %(connection)s") % {"connection": name}),
        ("manifest", _("Publish files and manifest")),
    ]


def _refresh_segments(export: Export, recorder: Recorder) -> None:
    with recorder.step("refresh") as step:
        notes = []
        for entry in export.export_segments.select_related("segment__table", "segment__environment"):
            count = _refresh(entry.segment)
            notes.append(f"{entry.segment.name} · {count:,}")
        step["note"] = ", ".join(notes)


def _refresh(segment: Segment) -> int:
    try:
        return refresh.refresh(segment)
    except refresh.RefreshError as error:
        if isinstance(error.__cause__, OperationalError):
            raise error.__cause__ from error  # the database is away, the segment is not to blame
        message = _("The segment “%(name)s” could not be refreshed: %(why)s") % {"name": segment.name, "why": error}
        raise RunError(message, reason=_("Segment could not be refreshed")) from error


def _destination(export: Export) -> Destination:
    """Return the export's destination, its secrets in hand. Raises RunError."""
    if export.connection is None:
        raise RunError(_("The export has no connection. Edit it and choose one."), reason=_("No connection"))
    try:
        return export.connection.open()
    except KeyError:
        message = _("Waybill has no connection type for “%(name)s” any more. Ask an administrator.")
        raise RunError(message % {"name": export.connection.name}, reason=_("Unknown type")) from None
    except UnreadableSecretError as error:
        message = _("The secret of the connection cannot be read. An administrator has to enter it again.")
        raise RunError(message, reason=_("Secret cannot be read")) from error


def _expect(recorder: Recorder, plan: Plan) -> str:
    """Note how many rows will go; return the words for it."""
    recorder.run.items = [
        {
            "id": item.segment.pk,
            "name": item.segment.name,
            "rows": 0,
            "expected": item.segment.member_count or 0,
        }
        for item in plan.items
    ]
    total = sum(entry["expected"] for entry in recorder.run.items)
    recorder.keep(items=recorder.run.items, rows_total=total)
    words = ngettext("%(rows)s rows in %(files)d file", "%(rows)s rows in %(files)d files", len(plan.items))
    return words % {"rows": f"{total:,}", "files": len(plan.items)}


def _send(recorder: Recorder, plan: Plan, destination: Destination) -> None:
    """Write everything under hidden names, then publish, the manifest last."""
    if not isinstance(destination, FileDestination):
        raise TypeError(f"{type(destination).__name__} takes no files.")
    run = recorder.run
    with ExitStack() as stack:
        with recorder.step("send"):
            _clear_dead_runs(run, destination)
            session = stack.enter_context(destination.session(_run_key(recorder)))
            written, slot = _write_all(session, recorder, plan, stack)
        with recorder.step("manifest"):
            run.files = [entry.entry for entry in written]
            recorder.keep(files=run.files, bytes_done=recorder.bytes, rows_done=recorder.rows)
            last = deliver.write_manifest(session, plan, slot, run, stack)
            _publish(recorder, [*(entry.part for entry in written), last])
        _succeed(recorder)
        session.settle(*{path.rpartition("/")[0] for path in plan.paths(slot)})


def _run_key(recorder: Recorder) -> str:
    """What marks the hidden names of this run and attempt; see FileDestination.session."""
    return f"{recorder.run.uuid.hex}-{recorder.claimed.token.hex[:8]}"


def _publish(recorder: Recorder, parts: list[Part]) -> None:
    """Give every file its name, the manifest last. From here on the run is no longer canceled."""
    if not queueing.begin_publishing(recorder.claimed):
        raise InterruptedRunError
    recorder.run.is_publishing = True
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    for part in parts:
        recorder.flush()  # the lease is still ours: a run that was taken over publishes nothing more
        part.publish()


def _write_all(
    session: FileSession, recorder: Recorder, plan: Plan, stack: ExitStack
) -> tuple[list[deliver.Written], str]:
    """Read every segment in one snapshot and write it."""
    run = recorder.run
    slot = deliver.choose_slot(session, plan, run)
    folders = sorted({path.rpartition("/")[0] for path in plan.paths(slot)})
    where = run.export.connection
    target = where.settings if where else {}
    recorder.keep(folder=slot, has_leftovers=True, folders=folders, connection=where, target=target)
    for folder in folders:
        session.clear_leftovers(folder)
    with warehouse.reader(run.environment, [item.segment for item in plan.items]) as connection:
        run.data_as_of = warehouse.snapshot_time(connection)
        recorder.keep(data_as_of=run.data_as_of)
        written = deliver.write_parts(session, connection, plan, slot, recorder, stack)
    recorder.flush()
    return written, slot


def _clear_dead_runs(run: Run, destination: FileDestination) -> None:
    """Remove hidden files that killed runs of the same export left on the same connection, as it was then."""
    dead_runs = run.export.runs.exclude(pk=run.pk).filter(has_leftovers=True)
    here = dead_runs.filter(connection=run.export.connection, target=destination.settings)
    for dead in here.order_by("-pk")[:MOST_CLEARED]:
        with destination.session(dead.uuid.hex) as session:
            for folder in dead.folders:
                session.clear_leftovers(folder)
            session.settle(*dead.folders)
        Run.objects.filter(pk=dead.pk).update(has_leftovers=False)


def _database_failed(claimed: Claim, run: Run, error: Exception) -> int:
    """Plan another try; with the database away the watcher does it when it is back."""
    connections.close_all()
    try:
        message = _("The database did not answer while the data was read. The export is tried again by itself.")
        reason = _("Database did not answer")
        queueing.try_again_later(claimed, run, message=message, detail=_where(error), reason=reason)
    except (DatabaseError, InterfaceError):
        return DATABASE_AWAY
    return ENDED


def _fail(claimed: Claim, run: Run, error: Exception) -> None:
    """Record why the run failed, for good or until the next try."""
    steps = run.steps
    queueing.keep(claimed, steps=steps, items=run.items)
    if isinstance(error, DeliveryError):
        words = {"message": error.message, "detail": error.detail, "reason": _first_words(error.message)}
        if not error.permanent:
            return queueing.try_again_later(claimed, run, **words)
    elif isinstance(error, DatabaseError | psycopg.Error | warehouse.NotReadyError):
        words = {"message": _(UNREADABLE), "detail": _where(error), "reason": _("Data could not be read")}
    elif isinstance(error, RunError):
        words = {"message": error.message, "detail": error.detail, "reason": error.reason}
    else:
        logger.exception("Run %s failed unexpectedly", run.uuid)
        words = {"message": _(UNEXPECTED), "detail": _where(error), "reason": _("Unexpected error")}
    if run.is_publishing:
        words["message"] += " " + _("Some of its files may be visible at the target, without a manifest.")
    queueing.finish(claimed, State.FAILED, **words)
    return None


def _first_words(message: str) -> str:
    """The first sentence of a message, which is what the list shows behind the status."""
    return message.partition(". ")[0].removesuffix(".")[:200]


def _where(error: BaseException) -> str:
    """What kind of error it was and where; never its text, which could hold customers' data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
