"""Advances system refreshes: hands out the parts that are ready, skips the blocked ones, records the end.

Called each second by the dispatchers and by workers as soon as a part has ended; any number may call it.
"""

from collections import Counter

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from exports.models import REFRESHES_UNDER_WAY, PartKind, PartState, RefreshPart, RefreshState, Run, SystemRefresh
from exports.refresh import nudging, parts, sending
from exports.refresh.events import record
from exports.refresh.parts import LEASE
from exports.runs import lifecycle
from exports.runs.lease import UNOWNED
from roles.messages import Message, joined
from roles.messages import said as _
from roles.models import User

MOST_SKIPPED = 500  # in one step: each export among them gets a run that says so
LAYERS = 3  # tables, segments, exports


@transaction.atomic
def step(pk: int, *, by: User | None = None) -> None:
    """Advance one system refresh as far as possible. `by` is the person whose action caused this, if any."""
    under_way = SystemRefresh.objects.filter(pk=pk, state__in=REFRESHES_UNDER_WAY).select_related(
        "environment", "canceled_by"
    )
    refresh = under_way.select_for_update(of=("self",), no_key=True).first()
    if refresh is None:
        return
    is_paused = refresh.environment.paused_at is not None
    if refresh.state == RefreshState.QUEUED and not is_paused and not refresh.cancel_requested_at:
        _begin(refresh, by)
    sending.catch_up(refresh)
    if refresh.cancel_requested_at:
        _cancel_rest(refresh)
    else:
        _put_back_lost(refresh)
        _skip_blocked(refresh)
        if not is_paused:
            sending.send_ready(refresh)
            nudging.hand_out(refresh.pk)
    _settle(refresh, by)


def _begin(refresh: SystemRefresh, by: User | None) -> None:
    refresh.state = RefreshState.RUNNING
    SystemRefresh.objects.filter(pk=refresh.pk).update(state=refresh.state, started_at=Now())
    record(refresh, "start system refresh", by=by)


def _put_back_lost(refresh: SystemRefresh) -> None:
    """Put back parts whose workers died. A part that lost too many workers has failed."""
    message = _(
        "It was interrupted %(count)d times and was stopped. Refresh again; if that fails, ask your Waybill operator."
    )
    LEASE.put_back(
        refresh.parts.lost(),
        waiting={"state": PartState.WAITING, "started_at": None},
        given_up={"state": PartState.FAILED, "ended_at": Now(), "message": message % {"count": LEASE.most_claims}},
    )


def _cancel_rest(refresh: SystemRefresh) -> None:
    """Cancel waiting and lost parts, and ask active runs to stop. Workers notice the cancel themselves."""
    words = lifecycle.canceled_by(refresh.canceled_by)
    canceled = {"state": PartState.CANCELED, "ended_at": Now(), "message": words}
    parts.waiting(refresh).update(**canceled)
    refresh.parts.lost().update(**canceled, **UNOWNED)
    runs = Run.objects.active().filter(refresh=refresh, cancel_requested_at=None)
    for run in runs.select_related("environment", "export"):
        lifecycle.cancel(run, by=refresh.canceled_by)


def _skip_blocked(refresh: SystemRefresh) -> None:
    """Skip what needs something that went wrong, in layers, and say on what each depends."""
    for _layer in range(LAYERS):
        found = parts.blocked(refresh.pk, most=MOST_SKIPPED)
        if not found:
            return
        for one in found:
            RefreshPart.objects.filter(pk=one.part_id).update(
                state=PartState.SKIPPED, ended_at=Now(), message=_why_blocked(one)
            )
        sending.record_skipped(refresh, {one.object_id: _why_blocked(one) for one in found if _is_export(one)})


def _is_export(one: parts.Blocked) -> bool:
    return one.kind == PartKind.EXPORT


def _why_blocked(one: parts.Blocked) -> Message:
    """Name what failed; of one that was itself skipped, what that was skipped for."""
    if one.needed_state == PartState.SKIPPED:
        return one.needed_message
    words = {PartState.CANCELED.value: _("“%(name)s” was canceled")}.get(one.needed_state, _("“%(name)s” failed"))
    return words % {"name": one.needed}


def _settle(refresh: SystemRefresh, by: User | None) -> None:
    """End the refresh once none of its parts waits or runs."""
    counts: Counter[str] = Counter(dict(refresh.parts.order_by().values_list("state").annotate(Count("pk"))))
    if counts[PartState.WAITING] or counts[PartState.RUNNING]:
        return
    before, refresh.state = refresh.state, _end_state(refresh, counts)
    reason = _end_reason(refresh, counts)
    SystemRefresh.objects.filter(pk=refresh.pk).update(state=refresh.state, ended_at=Now(), reason=reason)
    record(refresh, "end system refresh", by=by, refresh_state=[before, refresh.state.value], reason=reason)


def _end_state(refresh: SystemRefresh, counts: Counter[str]) -> RefreshState:
    if refresh.cancel_requested_at:
        return RefreshState.CANCELED
    if not counts[PartState.FAILED]:
        return RefreshState.SUCCEEDED
    return RefreshState.WARNED if counts[PartState.DONE] + counts[PartState.WARNED] else RefreshState.FAILED


def _end_reason(refresh: SystemRefresh, counts: Counter[str]) -> Message:
    """Say in a few words how it ended, beside its state."""
    if refresh.cancel_requested_at:
        return lifecycle.canceled_by(refresh.canceled_by)
    if not counts:
        return _("There was nothing to refresh")
    words = {PartState.FAILED: _("%(n)d failed"), PartState.SKIPPED: _("%(n)d skipped")}
    return joined((text % {"n": counts[state]} for state, text in words.items() if counts[state]), by=" · ")
