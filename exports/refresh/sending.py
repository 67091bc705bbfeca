"""The exports of a system refresh. Each is an ordinary run, and its part holds the result."""

from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.dispatch import receiver

from exports.models import Export, PartKind, PartState, RefreshPart, Run, ScheduleMode, SystemRefresh, Trigger
from exports.models.states import State
from exports.refresh import parts
from exports.runs import decide, lifecycle
from exports.runs.lifecycle import Origin
from exports.runs.signals import run_changed
from roles.messages import Message
from roles.messages import said as _

MOST_SENT = 50  # runs in one step
MOST_UNDER_WAY = 200  # runs of one refresh that wait or run: others that are asked for meanwhile come in between
# What a run's state means to the part. One that waits for a person, or for its next try, ends its part: the refresh
# would else be under way for hours, and the next one skipped.
ENDS = {
    State.SUCCEEDED: PartState.DONE,
    State.WARNED: PartState.WARNED,
    State.HELD: PartState.WARNED,
    State.RETRYING: PartState.FAILED,
    State.FAILED: PartState.FAILED,
    State.SKIPPED: PartState.SKIPPED,
    State.CANCELED: PartState.CANCELED,
}


def send_ready(refresh: SystemRefresh) -> None:
    """Queue runs of the exports all of whose tables and segments are ready."""
    free = MOST_UNDER_WAY - parts.running(refresh, PartKind.EXPORT).count()
    ready = parts.ready(refresh.pk, PartKind.EXPORT, most=max(0, min(free, MOST_SENT)))
    ids = [part.object_id for part in ready]
    exports = Export.objects.select_related("environment").in_bulk(ids)
    active = {run.export_id: run for run in Run.objects.active().filter(export__in=ids).select_related("export")}
    for part in ready:
        _send(refresh, part, exports.get(part.object_id), active.get(part.object_id))


def record_skipped(refresh: SystemRefresh, reasons: dict[int, Message]) -> None:
    """Record a skipped run for each export (by id) with its reason, which its status shows."""
    active = Run.objects.active().filter(export__in=reasons, most_rows=None).select_related("export")
    busy = {run.export_id for run in active if not decide.lapse(run)}
    for export in Export.objects.filter(pk__in=reasons):
        _record_skipped(refresh, export, reasons[export.pk], is_last=export.pk not in busy)


@receiver(run_changed, sender=SystemRefresh)
def end_part(*, run: Run, **_more: Any) -> None:
    """End the part whose run has ended, or waits for long, in the transaction that brought the run there."""
    if run.state in ENDS:
        _end(RefreshPart.objects.filter(run=run.pk, state=PartState.RUNNING), run)


def catch_up(refresh: SystemRefresh) -> None:
    """End parts whose run was removed, or was ended by an older version of Waybill that did not end its part."""
    ended = Q(run=None) | Q(run__state__in=ENDS)
    for part in parts.running(refresh, PartKind.EXPORT).filter(ended).select_related("run"):
        _end(RefreshPart.objects.filter(pk=part.pk), part.run)


def _send(refresh: SystemRefresh, part: RefreshPart, export: Export | None, earlier: Run | None) -> None:
    """Queue a run of one export, or say why there is none."""
    mine = RefreshPart.objects.filter(pk=part.pk)
    if export is None or export.schedule_mode != ScheduleMode.REFRESH or export.connection_id is None:
        return _leave_out(mine, _why_not(export))
    if earlier:
        reason = _("The previous run (%(run)s) was still in progress") % {"run": earlier.short_id}
        is_last = decide.lapse(earlier) or earlier.most_rows is not None  # a test is never the last run
        run = _record_skipped(refresh, export, reason, is_last=is_last)
        mine.update(run=run)
        return _leave_out(mine, reason)
    run = lifecycle.create(export, _origin(refresh))
    mine.update(state=PartState.RUNNING, started_at=Now(), run=run)
    return None


def _why_not(export: Export | None) -> Message:
    if export is None:
        return _("The export was removed")
    return _("It no longer follows the system refresh") if export.connection_id else _("No connection")


def _leave_out(part: QuerySet[RefreshPart], reason: Message) -> None:
    part.update(state=PartState.SKIPPED, ended_at=Now(), message=reason)


def _record_skipped(refresh: SystemRefresh, export: Export, reason: Message, *, is_last: bool) -> Run:
    """Record a run that never started. With `is_last` it becomes its export's last run."""
    return lifecycle.create_skipped(export, _origin(refresh), reason=reason, is_last=is_last)


def _origin(refresh: SystemRefresh) -> Origin:
    return Origin(Trigger.REFRESH, refresh.triggered_by, refresh)


def _end(part: QuerySet[RefreshPart], run: Run | None) -> None:
    if run is None:
        return _leave_out(part, _("The export was removed"))
    part.update(
        state=ENDS[State(run.state)],
        started_at=run.started_at,
        ended_at=run.ended_at or Now(),
        rows=run.rows_sent,
        message=_said(run),
    )
    return None


def _said(run: Run) -> Message:
    """What the part says about the end of its run, or about why the run takes longer."""
    words = {
        State.HELD: _("Held: waiting for a person to release or discard it."),
        State.RETRYING: _("Failed; will be retried automatically."),
    }
    return words.get(State(run.state)) or run.message or run.reason
