"""The first five records as they would be sent, personal data masked."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from django.utils.translation import gettext as _

from exports.set_up.field_list import FieldList
from exports.set_up.setup import Setup
from segments import warehouse
from segments.masking import mask
from segments.models import Field, Segment, Table
from segments.projecting import preview_projected
from segments.projection import projected_name
from segments.rules import RulesError

RECORDS = 5


@dataclass(frozen=True)
class Preview:
    """Records of what was chosen first, by its name; `problem` says why there are none to show."""

    name: str
    columns: list[str]
    rows: list[list[str | None]]
    problem: str = ""


def preview(setup: Setup) -> Preview | None:
    """Return the first records of what was chosen first; None while nothing is chosen."""
    if setup.is_of_segments:
        return _of_segment(setup, setup.segments.chosen[0]) if setup.segments.chosen else None
    if setup.tables.chosen:
        return _of_table(setup.tables.chosen[0])
    return _of_members(setup.members.chosen[0]) if setup.members.chosen else None


def _of_segment(setup: Setup, segment: Segment) -> Preview:
    table = setup.field_sources.table_of(segment)
    fields = next((one for one in setup.field_lists if table and one.table.pk == table.pk), None)
    if table is None or fields is None:
        return Preview(segment.name, [], [], _("The contacts of its accounts cannot be found. Open the segment."))
    is_projected = segment.pk in setup.field_sources.projected
    columns = _sent(fields, segment) if is_projected else fields.columns
    names = [column for _field, column in columns]
    if not names:
        return Preview(segment.name, [], [], _("Choose at least one field."))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        problem = _("Several columns are called “%(names)s”. Give each a name of its own.")
        return Preview(segment.name, names, [], problem % {"names": "”, “".join(twice)})
    by_name = {field.name: field for field in table.fields.all()}
    fields_of = [by_name[field] for field, _column in columns]
    if is_projected:
        columns = [(projected_name(table, field), column) for field, column in columns]
    rows = preview_projected if is_projected else warehouse.preview
    return _read(segment.name, names, fields_of, lambda: rows(segment, columns, RECORDS), _unreadable_segment())


def _sent(fields: FieldList, segment: Segment) -> list[tuple[str, str]]:
    """What a projected segment sends of the contacts' fields: those that it projects itself."""
    return [(field, column) for field, column in fields.columns if field in segment.projected_fields]


def _of_table(table: Table) -> Preview:
    fields = list(table.fields.all())
    names = [field.name for field in fields]
    problem = _("The table cannot be read now. Open it to see why.")
    return _read(table.name, names, fields, lambda: warehouse.sample(table, RECORDS), problem)


def _of_members(segment: Segment) -> Preview:
    """A member list holds the key of its profiles."""
    keys = list(segment.table.fields.filter(is_key=True))
    names = [key.name for key in keys]
    columns = [(name, name) for name in names]
    return _read(segment.name, names, keys, lambda: warehouse.preview(segment, columns, RECORDS), _unreadable_segment())


def _unreadable_segment() -> str:
    return _("The segment cannot be read now. Open it to see why.")


def _read(
    name: str, columns: list[str], fields: list[Field], read: Callable[[], list[warehouse.Row]], cannot_be_read: str
) -> Preview:
    try:
        rows = read()
    except psycopg.errors.QueryCanceled:
        return Preview(name, columns, [], _("The preview took too long. The export itself may take longer."))
    except (psycopg.Error, RulesError, warehouse.NotReadyError):
        return Preview(name, columns, [], cannot_be_read)
    types = [field.semantic_type for field in fields]
    return Preview(
        name, columns, [[mask(value, type_) for value, type_ in zip(row, types, strict=True)] for row in rows]
    )
