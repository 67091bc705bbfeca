"""Finds the refreshes that an export's runs have to wait for (docs/rules.md)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from exports.models import (
    REFRESHES_UNDER_WAY,
    Export,
    ExportSegment,
    ExportTable,
    PartKind,
    PartState,
    RefreshPart,
    SystemRefresh,
)
from roles.messages import Message
from roles.messages import said as _
from roles.messages import said_many as ngettext
from segments.models import SegmentStatus

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
    found = being_refreshed([export.pk]).get(export.pk, [])
    return wait_values(without_own(found, refresh.pk if refresh else None), [])


def being_refreshed(exports: Any) -> dict[int, list[Need]]:
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


def without_own(needs: Iterable[Need], refresh_id: int | None) -> list[Need]:
    """Leave out the parts of the refresh that a run belongs to: that starts it when its parts are done."""
    return [need for need in needs if need.refresh_id is None or need.refresh_id != refresh_id]


def wait_values(needs: Sequence[Need], awaited: list[list[Any]]) -> dict[str, Any]:
    """Return the values of a run that waits for `needs`, and waited for what is `awaited` before."""
    if not needs:
        return {}
    words = _named([need.name for need in needs])
    more = [[need.kind, need.id] for need in needs if [need.kind, need.id] not in awaited]
    reason = _("waiting for %(what)s") % {"what": words}
    return {"waits_for": words, "reason": reason, "reason_code": "", "awaits": [*awaited, *more]}


def _named(names: list[str]) -> Message:
    """Name what is waited for: the first, and how many more."""
    different = list(dict.fromkeys(names))
    name = different[0] if len(different[0]) <= MOST_TEXT else different[0][:MOST_TEXT] + "…"
    if len(different) == 1:
        return _("the refresh of “%(name)s”") % {"name": name}
    count = len(different) - 1
    words = ngettext("the refresh of “%(name)s” and %(n)d more", "the refresh of “%(name)s” and %(n)d more", count)
    return words % {"name": name}
