"""What a run will send: items, each of them chosen fields of a segment's members, a whole table, or a member list."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from psycopg import sql

from connections.destinations.base import Destination
from exports.models import Export, ExportKind, Run
from exports.spec import eligibility
from exports.spec.ineligible import not_eligible
from exports.work.errors import NotEligibleError, RunError
from roles.messages import listed
from roles.messages import said as _
from segments import projection
from segments.models import Field, Segment, Table
from segments.warehouse import projecting, queries, records


class ItemKind(StrEnum):
    """The kinds of item, as Run.items and the manifest name them."""

    SEGMENT = "segment"
    TABLE = "table"
    MEMBERS = "members"


@dataclass(frozen=True)
class ItemColumn:
    """A column called `name` at the target, filled from `field`; `source` is what the query calls that."""

    name: str
    field: Field
    source: str
    pg_type: str


@dataclass(frozen=True)
class Item:
    """One part of what a run sends. `noun` is a Table for the kind TABLE and a Segment otherwise.

    `is_projected` tells that the contacts of an account segment go out, one record each.
    """

    kind: ItemKind
    noun: Table | Segment
    columns: list[ItemColumn]
    is_projected: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return self.noun.name

    @property
    def segment(self) -> Segment | None:
        """The segment whose members or list it is; None for a whole table."""
        return self.noun if isinstance(self.noun, Segment) else None

    @cached_property
    def table(self) -> Table:
        """The table that its rows, or the profiles of its list, are in."""
        return self.noun.table if isinstance(self.noun, Segment) else self.noun

    @property
    def expected(self) -> int | None:
        """How many rows it will have; None where that is not known before reading."""
        if isinstance(self.noun, Segment):
            return None if self.is_projected else self.noun.member_count
        return self.noun.row_count if self.noun.refreshed_at else None

    @property
    def names(self) -> list[str]:
        """The names of its columns at the target."""
        return [column.name for column in self.columns]

    def query(self, most_rows: int | None) -> sql.Composed:
        """Return the SELECT of its rows, of `most_rows` of them for a test."""
        query = self._query([(column.source, column.name) for column in self.columns])
        return query if most_rows is None else query + sql.SQL(" LIMIT {}").format(most_rows)

    def _query(self, columns: list[tuple[str, str]]) -> sql.Composed:
        types = {column.source: column.pg_type for column in self.columns}
        layouts = {column.source: column.field.layout for column in self.columns}
        if isinstance(self.noun, Table):
            return queries.table_query(self.noun, columns, types, layouts)
        if self.kind == ItemKind.MEMBERS:
            return queries.members_query(self.noun, columns, types, layouts)
        if self.is_projected:
            return projecting.projected_query(self.noun, columns)
        return queries.segment_query(self.noun, columns)


@dataclass(frozen=True)
class TooSmall:
    """A segment with too few profiles for the target, which is left out."""

    item: Item
    profiles: int


@dataclass(frozen=True)
class RunPlan:
    """What a run will send: of the items that the export names, in their order, those that are not too small."""

    named: list[Item]
    items: list[Item]
    too_small: list[TooSmall] = field(default_factory=list)

    @property
    def nouns(self) -> list[Table | Segment]:
        """All that is read."""
        return [item.noun for item in self.named]


def make_plan(run: Run, destination: type[Destination]) -> RunPlan:
    """Return what the run of an export sends now. Raises RunError where a person has to change something first."""
    is_data_out = run.export.kind == ExportKind.DATA_OUT
    items = _data_out(run.export, destination) if is_data_out else _segments(run.export, destination)
    return RunPlan(items, items)


def _segments(export: Export, destination: type[Destination]) -> list[Item]:
    segments = _segments_of(export)
    if not segments:
        raise RunError(_("The export has no segments. Edit it and choose at least one."), reason=_("No segments"))
    _refuse_ineligible(export, segments, destination)
    return [
        _segment_item(export, segment, is_projected=eligibility.is_projected(segment, destination, export.settings))
        for segment in segments
    ]


def _data_out(export: Export, destination: type[Destination]) -> list[Item]:
    if not destination.takes_tables:
        message = _("%(type)s doesn't accept tables. Edit the export and choose a connection to a file store.")
        raise RunError(message % {"type": destination.label}, reason=_("Doesn't accept tables"))
    tables = [entry.table for entry in export.export_tables.select_related("table__environment")]
    items = [*map(_table_item, tables), *map(_members_item, _segments_of(export))]
    if not items:
        message = _("The export has no tables and no member lists. Edit it and choose at least one.")
        raise RunError(message, reason=_("No tables"))
    return items


def _segments_of(export: Export) -> list[Segment]:
    entries = export.export_segments.select_related("segment__table__environment", "segment__environment")
    return [entry.segment for entry in entries]


def _refuse_ineligible(export: Export, segments: list[Segment], destination: type[Destination]) -> None:
    """Raise NotEligibleError naming every segment that the destination does not take."""
    refused = [segment for segment in segments if eligibility.why_not(segment, destination, export.settings)]
    if refused:
        raise NotEligibleError(
            not_eligible(refused),
            reason=_("Segment not eligible"),
            segment_ids=[segment.pk for segment in refused],
        )


def _table_item(table: Table) -> Item:
    """Return the whole table. Raises RunError when it cannot be read now."""
    if why := records.why_not_sendable(table):
        raise RunError(why, reason=_("Table cannot be read"))
    types = queries.types_of(table)
    return Item(ItemKind.TABLE, table, _all_columns(table.fields.all(), types))


def _members_item(segment: Segment) -> Item:
    """Return the segment's member list as a table. Raises RunError when it cannot be read now."""
    _refuse_unreadable(segment)
    types = queries.types_of_members(segment)
    return Item(ItemKind.MEMBERS, segment, _all_columns(segment.table.fields.filter(is_key=True), types))


def _segment_item(export: Export, segment: Segment, *, is_projected: bool) -> Item:
    """Return the chosen fields of the segment's members. Raises RunError when they cannot be read now."""
    _refuse_unreadable(segment)
    columns = _chosen(export, segment.table)
    if is_projected:
        columns += _chosen_contacts(export, segment, {column.name for column in columns})
    if not columns:
        message = _("No field of “%(name)s” is included. Edit the export and choose at least one.")
        raise RunError(message % {"name": segment.name if is_projected else segment.table.name}, reason=_("No fields"))
    return Item(ItemKind.SEGMENT, segment, columns, is_projected)


def _refuse_unreadable(segment: Segment) -> None:
    """Raise RunError when the segment's member list cannot be read now."""
    if why := records.why_not_readable(segment):
        raise RunError(why, reason=_("Segment cannot be read"))


def _all_columns(fields: Iterable[Field], types: dict[str, str]) -> list[ItemColumn]:
    """All fields under their own names."""
    return [ItemColumn(field.name, field, field.name, types.get(field.name, field.pg_type)) for field in fields]


def _chosen(export: Export, table: Table) -> list[ItemColumn]:
    """The export's chosen columns of `table`; all fields where nothing was chosen."""
    fields, types = {field.name: field for field in table.fields.all()}, queries.types_of(table)
    selection = _selection(export, table, list(fields))
    _refuse_missing(table, [name for name, _column in selection if name not in fields])
    return [ItemColumn(column, fields[name], name, types.get(name, fields[name].pg_type)) for name, column in selection]


def _chosen_contacts(export: Export, segment: Segment, taken: set[str]) -> list[ItemColumn]:
    """The chosen columns of the contact table among those that the segment projects."""
    contact = projection.contact_of(segment.table)
    if contact is None:
        message = _("The contacts of “%(name)s” cannot be found. Open its table and link the contacts to it.")
        raise RunError(message % {"name": segment.name}, reason=_("Segment cannot be read"))
    if why := records.why_not_sendable(contact.table):
        raise RunError(why, reason=_("Table cannot be read"))
    fields = {field.name: field for field in contact.table.fields.all()}
    gone = [name for name in segment.projected_fields if name not in fields]
    chosen = _selection(export, contact.table, [*fields, *gone])
    selection = [(name, column) for name, column in chosen if name in segment.projected_fields]
    _refuse_missing(contact.table, [name for name, _column in selection if name not in fields])
    types = queries.types_of(contact.table)
    columns = []
    for name, column in selection:
        source = projection.projected_name(contact.table, name)
        columns.append(ItemColumn(_free(column, source, taken), fields[name], source, types[name]))
    return columns


def _selection(export: Export, table: Table, names: list[str]) -> list[tuple[str, str]]:
    """Return the export's (field, name at the target) of `table`; `names` where nothing was chosen."""
    chosen = export.field_selection.get(str(table.pk))
    if chosen is None:
        return [(name, name) for name in names]
    return [(entry["field"], entry["name"]) for entry in chosen]


def _free(column: str, source: str, taken: set[str]) -> str:
    """A name that no column of the account has: the one chosen, else with the contact table before it."""
    name = next(name for name in (column, source, *(f"{source} {n}" for n in range(2, 10_000))) if name not in taken)
    taken.add(name)
    return name


def _refuse_missing(table: Table, missing: list[str]) -> None:
    if missing:
        message = _("The table “%(table)s” no longer has %(fields)s. Edit the export and choose its fields again.")
        names = listed(f"“{name}”" for name in missing)
        raise RunError(message % {"table": table.name, "fields": names}, reason=_("A field is missing"))
