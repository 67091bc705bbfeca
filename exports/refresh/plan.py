"""What a system refresh consists of, in its order: tables, then segments, then the exports that follow it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from exports.models import Export, ExportSegment, ExportTable, PartKind, PartState, ScheduleMode
from exports.runs.run_all import LeftOut
from roles.messages import EMPTY, Message
from roles.messages import said as _
from roles.models import Environment
from segments.models import Segment
from segments.projection import contacts_of
from segments.relationships import related_names


@dataclass(frozen=True)
class Planned:
    """One part to be; `needs` are positions in the plan, `why_not` says why it is left out."""

    kind: PartKind
    object_id: int
    name: str
    needs: list[int] = field(default_factory=list)
    why_not: Message = EMPTY

    @property
    def state(self) -> PartState:
        """The state that it starts with."""
        return PartState.SKIPPED if self.why_not else PartState.WAITING


@dataclass(frozen=True)
class RefreshPreview:
    """What *Refresh all* would do now, as numbers, and which exports it leaves out by the reason."""

    tables: int
    segments: int
    exports: int
    left_out: list[LeftOut]


def plan(environment: Environment) -> list[Planned]:
    """Return the parts of a system refresh that starts now; each needs only earlier ones."""
    tables = environment.tables.values_list("pk", "name")
    planned = [Planned(PartKind.TABLE, pk, name) for pk, name in tables]
    by_name = {one.name: place for place, one in enumerate(planned)}
    segments = list(environment.segments.select_related("table"))
    planned += [Planned(PartKind.SEGMENT, one.pk, one.name, _places(by_name, read)) for one, read in _reads(segments)]
    return planned + _exports(environment, {(one.kind, one.object_id): place for place, one in enumerate(planned)})


def preview_refresh(environment: Environment) -> RefreshPreview:
    """Return what a system refresh that starts now would do."""
    exports = list(Export.objects.filter(environment=environment).order_by("name"))
    left_out: dict[Message, list[str]] = defaultdict(list)
    for export in exports:
        if why := _why_left_out(export):
            left_out[why].append(export.name)
    count = len(exports) - sum(map(len, left_out.values()))
    reasons = [LeftOut(str(reason), names) for reason, names in left_out.items()]
    return RefreshPreview(environment.tables.count(), environment.segments.count(), count, reasons)


def _why_left_out(export: Export) -> Message:
    if export.schedule_mode == ScheduleMode.OWN:
        return _("They have their own schedule")
    if export.schedule_mode == ScheduleMode.OFF:
        return _("Their schedule is off")
    return EMPTY if export.connection_id else _("They have no connection")


def _reads(segments: list[Segment]) -> Iterable[tuple[Segment, set[str]]]:
    """Give each segment with the names of the tables that its rules and its projection read."""
    contacts = contacts_of({one.table_id: one.table for one in segments if one.projected_fields}.values())
    for one in segments:
        contact = contacts.get(one.table_id) if one.projected_fields else None
        projected = {contact.table.name} if contact else set()
        yield one, {one.table.name, *related_names(one.conditions), *projected}


def _places(by_name: dict[str, int], names: Iterable[str]) -> list[int]:
    return sorted(by_name[name] for name in names if name in by_name)


def _exports(environment: Environment, places: dict[tuple[PartKind, int], int]) -> list[Planned]:
    """Plan the exports that follow the refresh; one without a connection is left out."""
    following = Export.objects.filter(environment=environment, schedule_mode=ScheduleMode.REFRESH)
    needs: dict[int, list[int]] = defaultdict(list)
    for export, segment in ExportSegment.objects.filter(export__in=following).values_list("export", "segment"):
        needs[export] += _place(places, PartKind.SEGMENT, segment)
    for export, table in ExportTable.objects.filter(export__in=following).values_list("export", "table"):
        needs[export] += _place(places, PartKind.TABLE, table)
    return [
        Planned(PartKind.EXPORT, pk, name, sorted(needs[pk]), EMPTY if connection else _("No connection"))
        for pk, name, connection in following.order_by("name").values_list("pk", "name", "connection")
    ]


def _place(places: dict[tuple[PartKind, int], int], kind: PartKind, pk: int) -> list[int]:
    place = places.get((kind, pk))
    return [] if place is None else [place]
