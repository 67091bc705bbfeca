"""The first five records as they would be sent, personal data masked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import psycopg
from django.utils.translation import gettext as _

from exports.pane.field_list import FieldList
from exports.pane.setup import Setup
from exports.spec.columns import problem_of_name
from roles import shared_memory
from roles.access.seeing import NO_DATA
from segments import showing
from segments.models import Field, Segment, Table
from segments.projection import projected_name
from segments.rules import RulesError
from segments.warehouse import queries, records
from segments.warehouse.projecting import preview_projected

RECORDS = 5


@dataclass(frozen=True)
class RecordPreview:
    """Records of one thing that was chosen, by its name; `problem` says why there are none to show.

    `choices` are all that can be shown, as (value, label); `value` is what is.
    """

    name: str
    columns: list[str]
    rows: list[list[str | None]]
    problem: str = ""
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    is_for_viewer: bool = False


class PreviewColumn(NamedTuple):
    """A column `name` of a segment's records; `source` is what the query calls its field."""

    name: str
    field: Field
    source: str


class Offer(NamedTuple):
    """One thing that was chosen, and how its records are read."""

    label: str
    read: Callable[[], RecordPreview]


def preview_records(setup: Setup) -> RecordPreview | None:
    """Return the first records of what is asked for, or else was chosen first; None while nothing is chosen."""
    offers = dict(_offers(setup))
    if not offers:
        return None
    asked = setup.data.get("preview", "") if setup.data else ""
    value = asked if asked in offers else next(iter(offers))
    choices = tuple((value, offer.label) for value, offer in offers.items())
    if setup.access.is_support:
        return RecordPreview(offers[value].label, [], [], str(NO_DATA), value, choices)
    is_for_viewer = showing.is_for_viewer(setup.access)
    return replace(offers[value].read(), value=value, choices=choices, is_for_viewer=is_for_viewer)


def _offers(setup: Setup) -> Iterator[tuple[str, Offer]]:
    if setup.is_of_segments:
        for segment in setup.segments:
            yield f"segments-{segment.pk}", Offer(segment.name, partial(_of_segment, setup, segment))
        return
    for table in setup.tables:
        yield f"tables-{table.pk}", Offer(table.name, partial(_of_table, setup, table))
    for segment in setup.segments:
        label = _("%(name)s (member list)") % {"name": segment.name}
        yield f"members-{segment.pk}", Offer(label, partial(_of_members, setup, segment))


def _of_segment(setup: Setup, segment: Segment) -> RecordPreview:
    columns = _columns(setup, segment)
    names = [column.name for column in columns]
    if not names:
        return RecordPreview(segment.name, [], [], _("Choose at least one field."))
    if problem := next(filter(None, map(problem_of_name, names)), ""):
        return RecordPreview(segment.name, [], [], problem)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        problem = _("Several columns are called “%(names)s”. Give each its own name.")
        return RecordPreview(segment.name, names, [], problem % {"names": "”, “".join(twice)})
    asked = [(column.source, column.name) for column in columns]
    rows = preview_projected if segment.pk in setup.resolved.field_sources.projected else records.preview
    fields = [column.field for column in columns]
    return _read(setup, segment.name, names, fields, lambda: rows(segment, asked, RECORDS), _unreadable_segment())


def _columns(setup: Setup, segment: Segment) -> list[PreviewColumn]:
    """The columns that the segment sends: fields of its own table, then the fields of its contacts that it projects."""
    lists = {fields.table.pk: fields for fields in setup.field_lists}
    columns = [PreviewColumn(name, one, one.name) for one, name in _included(lists.get(segment.table_id))]
    contacts = setup.resolved.field_sources.contact_table_of(segment)
    for field, name in _included(lists.get(contacts.pk)) if contacts else []:
        source = projected_name(field.table, field.name)
        if field.name in segment.projected_fields:
            is_taken = any(column.name == name for column in columns)  # by a field of the account
            columns.append(PreviewColumn(source if is_taken else name, field, source))
    return columns


def _included(fields: FieldList | None) -> list[tuple[Field, str]]:
    if fields is None:
        return []
    by_name = {field.name: field for field in fields.table.fields.all()}
    return [(by_name[column.field], column.name) for column in fields.columns]


def _of_table(setup: Setup, table: Table) -> RecordPreview:
    fields = list(table.fields.all())
    names = [field.name for field in fields]
    problem = _("The table cannot be read now. Open it to see why.")
    return _read(setup, table.name, names, fields, lambda: records.sample(table, fields, RECORDS), problem)


def _of_members(setup: Setup, segment: Segment) -> RecordPreview:
    """A member list holds the key of its profiles."""
    keys = list(segment.table.fields.filter(is_key=True))
    names = [key.name for key in keys]
    columns = [(name, name) for name in names]
    rows = partial(records.preview, segment, columns, RECORDS)
    return _read(setup, segment.name, names, keys, rows, _unreadable_segment())


def _unreadable_segment() -> str:
    return _("The segment cannot be read now. Open it to see why.")


def _read(
    setup: Setup,
    name: str,
    columns: list[str],
    fields: list[Field],
    read: Callable[[], list[records.Row]],
    cannot_be_read: str,
) -> RecordPreview:
    try:
        rows = read()
    except psycopg.errors.QueryCanceled:
        return RecordPreview(name, columns, [], _("The preview took too long. The export itself may take longer."))
    except (psycopg.Error, RulesError, queries.NotReadyError) as error:
        return RecordPreview(name, columns, [], str(shared_memory.advice(error) or cannot_be_read))
    return RecordPreview(name, columns, showing.rows_of(rows, fields, showing.for_preview(setup.access)))
