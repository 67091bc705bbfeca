"""What a run will send. Nothing is sent here."""

from dataclasses import dataclass, field, replace

import psycopg
from django.utils.translation import gettext as _

from connections.destinations.base import Destination
from exports.models import Export, ExportKind, Run
from exports.spec.eligibility import is_projected
from exports.work import gate
from exports.work.errors import RunError
from exports.work.gate import TooSmall
from exports.work.items import Item, members_item, segment_item, table_item
from segments.models import Segment, Table


@dataclass(frozen=True)
class Plan:
    """What a run will send: of the items that the export names, in their order, those that are not too small."""

    named: list[Item]
    items: list[Item]
    too_small: list[TooSmall] = field(default_factory=list)

    @property
    def nouns(self) -> list[Table | Segment]:
        """All that is read."""
        return [item.noun for item in self.named]


def make_plan(run: Run, destination: type[Destination]) -> Plan:
    """Return what the run of an export sends now. Raises RunError where a person has to change something first."""
    is_data_out = run.export.kind == ExportKind.DATA_OUT
    items = _data_out(run.export, destination) if is_data_out else _segments(run.export, destination)
    return Plan(items, items)


def within_limits(plan: Plan, connection: psycopg.Connection, destination: type[Destination]) -> Plan:
    """Return the plan without the segments that are too small for the target.

    Raises SkippedRunError where the target's limits let nothing go.
    """
    items, too_small = gate.within_limits(connection, plan.items, destination)
    return replace(plan, items=items, too_small=too_small)


def _segments(export: Export, destination: type[Destination]) -> list[Item]:
    segments = _segments_of(export)
    if not segments:
        raise RunError(_("The export has no segments. Edit it and choose at least one."), reason=_("No segments"))
    gate.refuse_ineligible(export, segments, destination)
    return [
        segment_item(export, segment, is_projected=is_projected(segment, destination, export.settings))
        for segment in segments
    ]


def _data_out(export: Export, destination: type[Destination]) -> list[Item]:
    if not destination.takes_tables:
        message = _("%(type)s takes no tables. Edit the export and choose a connection to a file store.")
        raise RunError(message % {"type": destination.label}, reason=_("Takes no tables"))
    tables = [entry.table for entry in export.export_tables.select_related("table__environment")]
    items = [*map(table_item, tables), *map(members_item, _segments_of(export))]
    if not items:
        message = _("The export has no tables and no member lists. Edit it and choose at least one.")
        raise RunError(message, reason=_("No tables"))
    return items


def _segments_of(export: Export) -> list[Segment]:
    entries = export.export_segments.select_related("segment__table__environment", "segment__environment")
    return [entry.segment for entry in entries]
