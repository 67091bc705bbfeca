"""Runs wait while something they need is being refreshed, and continue after that (docs/rules.md).

Only a run that has not started yet waits: one that was interrupted may itself have been the one that refreshed.
"""

from collections import defaultdict
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Greatest, Now

from exports.models import PartState, RefreshPart, Run
from exports.models.states import State
from exports.runs import lifecycle, log
from exports.runs.needs import MOST_TEXT, PART, SEGMENT, Need, being_refreshed, wait_values, without_own
from exports.runs.nudging import nudge
from roles.messages import EMPTY
from roles.messages import said as _
from segments.models import Segment, SegmentError, SegmentStatus
from segments.warehouse.members import heal_stuck


def update_waits() -> None:
    """Update what runs wait for. Start or skip those whose wait is over."""
    waiting = Run.objects.filter(state=State.QUEUED, started_at=None, most_rows=None)
    refreshing = being_refreshed(waiting.values("export_id"))
    concerned = waiting.filter(Q(export__in=refreshing) | ~Q(waits_for="")).select_related("export").order_by("pk")
    _heal(refreshing.values())
    for run in concerned:
        needs = without_own(refreshing.get(run.export_id, []), run.refresh_id)
        if needs:
            _wait(run, needs)
        elif run.waits_for:
            _wait_no_more(run)


def _heal(needs: Iterable[list[Need]]) -> None:
    """End refreshes whose worker died, so that no run waits for them."""
    ids = {need.id for found in needs for need in found if need.kind == SEGMENT}
    if ids:
        heal_stuck(list(Segment.objects.filter(pk__in=ids).select_related("environment")))


def _wait(run: Run, needs: list[Need]) -> None:
    values = wait_values(needs, run.awaits)
    if (run.waits_for, run.awaits) != (values["waits_for"], values["awaits"]):
        mine = Run.objects.filter(pk=run.pk, state=State.QUEUED, started_at=None)
        if mine.update(**values) and run.waits_for != values["waits_for"]:
            log.note_wait(run, values["waits_for"])


@transaction.atomic
def _wait_no_more(run: Run) -> None:
    """Start the run, or skip it where something that it waited for has failed."""
    failed, still = _failed(run), ~Q(waits_for="") & Q(awaits=run.awaits)
    if not failed:
        # It becomes claimable now; without a new time it would look as if workers had left it alone all along.
        mine = Run.objects.filter(still, pk=run.pk, state=State.QUEUED)
        if mine.update(
            waits_for=EMPTY, awaits=[], reason=EMPTY, reason_code="", not_before=Greatest("not_before", Now())
        ):
            log.note_wait(run, EMPTY)
        return nudge()
    message = _(
        "It waited for the refresh of “%(name)s”, which failed. Nothing was sent: fix the refresh, then run the "
        "export again."
    ) % {"name": failed}  # fmt: skip
    reason = _("“%(name)s” could not be refreshed") % {"name": failed}
    lifecycle.move(run.pk, State.QUEUED, State.SKIPPED, only_if=still, waits_for=EMPTY, reason=reason, message=message)
    return None


def _failed(run: Run) -> str:
    """Return the name of something that the run waited for and that failed; "" where nothing did.

    A refresh whose worker died is no failure to a run that refreshes its segments itself.
    """
    ids: dict[str, list[int]] = defaultdict(list)
    for kind, pk in run.awaits:
        ids[kind].append(pk)
    segments = Segment.objects.filter(pk__in=ids[SEGMENT], status=SegmentStatus.FAILED)
    if run.export.refreshes_segments:
        segments = segments.exclude(error_code=SegmentError.STUCK)
    parts = RefreshPart.objects.filter(pk__in=ids[PART], state__in=[PartState.FAILED, PartState.SKIPPED])
    names = [*segments.values_list("name", flat=True)[:1], *parts.values_list("name", flat=True)[:1]]
    return names[0][:MOST_TEXT] if names else ""
