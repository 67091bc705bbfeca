"""Runs that wait for a refresh of something they need, and why the other queued ones wait (product.md section 4).

Only a run that has not started yet waits: one that was interrupted may itself have been the one that refreshed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.audited import note_run
from exports.models import (
    REFRESHES_UNDER_WAY,
    Export,
    ExportSegment,
    ExportTable,
    PartKind,
    PartState,
    RefreshPart,
    Run,
    SystemRefresh,
)
from exports.models.states import State
from exports.runs import log
from exports.runs.queue import nudge
from segments.models import Segment, SegmentStatus
from segments.warehouse.members import STUCK_TEXT, heal_stuck

MOST_TEXT = 120  # characters of names
SEGMENT, PART = "segment", "part"  # kinds in Run.awaits


@dataclass(frozen=True)
class Need:
    """Something that is being refreshed: a segment, or a part of the system refresh `refresh_id`."""

    kind: str
    id: int
    name: str
    refresh_id: int | None = None


def waits_of(export: Export, refresh: SystemRefresh | None = None) -> dict[str, Any]:
    """Return the values of a new run of `export` that say what it waits for."""
    going_on = _going_on([export.pk]).get(export.pk, [])
    return _values(_without(going_on, refresh.pk if refresh else None), [])


def look_again() -> None:
    """Let runs wait for what is being refreshed, and start or skip those for which that has ended."""
    waiting = Run.objects.filter(state=State.QUEUED, started_at=None, most_rows=None)
    going_on = _going_on(waiting.values("export_id"))
    concerned = waiting.filter(Q(export__in=going_on) | ~Q(waits_for="")).select_related("export").order_by("pk")
    _heal(going_on.values())
    for run in concerned:
        needs = _without(going_on.get(run.export_id, []), run.refresh_id)
        if needs:
            _wait(run, needs)
        elif run.waits_for:
            _wait_no_more(run)


def _going_on(exports: Any) -> dict[int, list[Need]]:
    """Return by export what is being refreshed of what it needs; `exports` are ids, or a query of them."""
    found: dict[int, list[Need]] = defaultdict(list)
    chosen = ExportSegment.objects.filter(export__in=exports).order_by("export", "position", "pk")
    refreshing = chosen.filter(segment__status=SegmentStatus.REFRESHING)
    for export, pk, name in refreshing.values_list("export", "segment", "segment__name"):
        found[export].append(Need(SEGMENT, pk, name))
    parts = _parts()
    if not parts:
        return found
    tables = ExportTable.objects.filter(export__in=exports).order_by("export", "position", "pk")
    needed = [(export, (PartKind.SEGMENT, pk)) for export, pk in chosen.values_list("export", "segment")]
    needed += [(export, (PartKind.TABLE, pk)) for export, pk in tables.values_list("export", "table")]
    for export, what in needed:
        found[export] += parts.get(what, [])
    return {export: needs for export, needs in found.items() if needs}


def _parts() -> dict[tuple[PartKind, int], list[Need]]:
    """Return the tables and segments that a system refresh has not come to the end of."""
    unfinished = RefreshPart.objects.filter(
        refresh__state__in=REFRESHES_UNDER_WAY,
        kind__in=[PartKind.TABLE, PartKind.SEGMENT],
        state__in=[PartState.WAITING, PartState.RUNNING],
    )
    found: dict[tuple[PartKind, int], list[Need]] = defaultdict(list)
    for kind, object_id, pk, name, refresh in unfinished.values_list("kind", "object_id", "pk", "name", "refresh"):
        found[PartKind(kind), object_id].append(Need(PART, pk, name, refresh))
    return found


def _without(needs: Iterable[Need], refresh_id: int | None) -> list[Need]:
    """Leave out the parts of the refresh that a run belongs to: that starts it when its parts are done."""
    return [need for need in needs if need.refresh_id is None or need.refresh_id != refresh_id]


def _heal(needs: Iterable[list[Need]]) -> None:
    """See that nobody waits for a refresh whose worker died."""
    ids = {need.id for found in needs for need in found if need.kind == SEGMENT}
    if ids:
        heal_stuck(list(Segment.objects.filter(pk__in=ids).select_related("environment")))


def _values(needs: Sequence[Need], awaited: list[list[Any]]) -> dict[str, Any]:
    if not needs:
        return {}
    words = _named([need.name for need in needs])
    more = [[need.kind, need.id] for need in needs if [need.kind, need.id] not in awaited]
    return {"waits_for": words, "reason": _("waiting for %(what)s") % {"what": words}, "awaits": [*awaited, *more]}


def _named(names: list[str]) -> str:
    """Name what is waited for: the first, and how many more."""
    different = list(dict.fromkeys(names))
    name = different[0] if len(different[0]) <= MOST_TEXT else different[0][:MOST_TEXT] + "…"
    if len(different) == 1:
        return _("the refresh of “%(name)s”") % {"name": name}
    count = len(different) - 1
    words = ngettext("the refresh of “%(name)s” and %(n)d more", "the refresh of “%(name)s” and %(n)d more", count)
    return words % {"name": name, "n": count}


def _wait(run: Run, needs: list[Need]) -> None:
    values = _values(needs, run.awaits)
    if (run.waits_for, run.awaits) != (values["waits_for"], values["awaits"]):
        mine = Run.objects.filter(pk=run.pk, state=State.QUEUED, started_at=None)
        if mine.update(**values) and run.waits_for != values["waits_for"]:
            log.note_wait(run, values["waits_for"])


@transaction.atomic
def _wait_no_more(run: Run) -> None:
    """Start the run, or skip it where something that it waited for has failed."""
    mine = Run.objects.filter(pk=run.pk, state=State.QUEUED, waits_for=run.waits_for)
    failed = _failed(run)
    if not failed:
        # It becomes claimable now; without a new time it would look as if workers had left it alone all along.
        if mine.update(waits_for="", awaits=[], reason="", not_before=Greatest("not_before", Now())):
            log.note_wait(run, "")
        return nudge()
    message = _("It waited for the refresh of “%(name)s”, and that failed. Nothing was sent: put that right, then run "
                "the export again.") % {"name": failed}  # fmt: skip
    reason = _("“%(name)s” could not be refreshed") % {"name": failed}
    if mine.update(state=State.SKIPPED, ended_at=Now(), waits_for="", reason=reason, message=message):
        note_run(run.pk, State.QUEUED)
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
        segments = segments.exclude(error=_(STUCK_TEXT))
    parts = RefreshPart.objects.filter(pk__in=ids[PART], state__in=[PartState.FAILED, PartState.SKIPPED])
    names = [*segments.values_list("name", flat=True)[:1], *parts.values_list("name", flat=True)[:1]]
    return names[0][:MOST_TEXT] if names else ""
