"""The contacts of an account segment: one record for each contact of a member."""

from collections.abc import Callable, Iterable

import psycopg
from psycopg import sql

from roles.messages import said as _
from segments.models import Field, Relationship, Segment, Table
from segments.projection import contact_of, projected_name
from segments.warehouse.queries import (
    Columns,
    NotReadyError,
    as_text,
    key_names,
    members_query,
    members_table,
    spelled,
    table_name,
    types_of_members,
)
from segments.warehouse.reader import PAGE_SECONDS, snapshot
from segments.warehouse.records import Row


def projected_query(segment: Segment, columns: Columns) -> sql.Composed:
    """Return the SELECT of the contacts' records, in no particular order.

    A column is a field of the account table, or one of `projection.projected_name`. Raises NotReadyError.
    """
    contact = _contact(segment)
    find = _finder(segment, contact)
    chosen = [sql.SQL("{} AS {}").format(find(name), sql.Identifier(exported)) for name, exported in columns]
    return sql.SQL("SELECT {}").format(sql.SQL(", ").join(chosen)) + _joined(segment, contact)


def key_columns(segment: Segment) -> list[str]:
    """Return the columns that identify a record: the contact table's key."""
    contact = _contact(segment)
    return [projected_name(contact.table, key) for key in key_names(contact.table)]


def count_projected(connection: psycopg.Connection, segment: Segment) -> int:
    """Return how many contacts the segment's accounts have in this snapshot. Raises NotReadyError."""
    row = connection.execute(sql.SQL("SELECT count(*)") + _joined(segment, _contact(segment))).fetchone()
    return row[0] if row else 0


def count_distinct(connection: psycopg.Connection, segments: Iterable[Segment], projected: Iterable[Segment]) -> int:
    """Return how many different profiles these lists hold in this snapshot; profiles of different tables add up.

    Of the segments `projected` the contacts are counted. Raises warehouse.NotReadyError.
    """
    lists: dict[int, list[sql.Composed]] = {}
    for segment in segments:
        lists.setdefault(segment.table_id, []).append(_member_keys(segment))
    for segment in projected:
        contact = contact_of(segment.table)
        keys = [(name, name) for name in key_columns(segment)]
        lists.setdefault(contact.table_id if contact else 0, []).append(projected_query(segment, keys))
    return sum(_count(connection, queries) for queries in lists.values())


def preview_projected(segment: Segment, columns: Columns, limit: int = 5) -> list[Row]:
    """Return the first `limit` records as texts. Raises NotReadyError, psycopg.Error."""
    query = as_text(projected_query(segment, columns), len(columns), limit)
    with snapshot(segment.environment, [segment], timeout=PAGE_SECONDS) as connection:
        return connection.execute(query).fetchall()


def _member_keys(segment: Segment) -> sql.Composed:
    types = types_of_members(segment)
    return members_query(segment, [(key, key) for key in key_names(segment.table)], types)


def _count(connection: psycopg.Connection, queries: list[sql.Composed]) -> int:
    union = sql.SQL(" UNION ").join(queries)
    row = connection.execute(sql.SQL("SELECT count(*) FROM ({}) AS profiles").format(union)).fetchone()
    return row[0] if row else 0


def _contact(segment: Segment) -> Relationship:
    contact = contact_of(segment.table)
    if contact is None:
        text = _("No contact table is linked to %(table)s. Add the relationship on that table's page.")
        raise NotReadyError(text % {"table": segment.table.name})
    if segment.member_count is None:
        text = _("The segment “%(segment)s” has no member list yet. Refresh it first.")
        raise NotReadyError(text % {"segment": segment.name})
    return contact


def _joined(segment: Segment, contact: Relationship) -> sql.Composed:
    """Return FROM: the members `m`, their accounts `t`, and the contacts `c` of these."""
    keys = key_names(segment.table)
    same = sql.SQL(" AND ").join(sql.SQL("t.{0} = m.{0}").format(sql.Identifier(key)) for key in keys)
    return sql.SQL(" FROM {} m JOIN {} t ON {} JOIN {} c ON c.{} = t.{}").format(
        members_table(segment),
        table_name(segment.table),
        same,
        sql.Identifier(segment.environment.warehouse_schema, contact.table.name),
        sql.Identifier(contact.field_name),
        sql.Identifier(contact.to_field_name),
    )


def _finder(segment: Segment, contact: Relationship) -> Callable[[str], sql.Composed]:
    """Return what gives a column's SQL; a contact field that the segment does not project is not found."""
    own, others = _fields(segment.table), _fields(contact.table)
    projected = {projected_name(contact.table, name): name for name in segment.projected_fields if name in others}
    projected |= {projected_name(contact.table, key): key for key in key_names(contact.table)}

    def find(name: str) -> sql.Composed:
        if name in own:
            return spelled("t", name, own[name].pg_type, own[name].layout)
        if name in projected:
            field = others[projected[name]]
            return spelled("c", field.name, field.pg_type, field.layout)
        raise NotReadyError(_("The field %(name)s no longer exists. Choose the fields again.") % {"name": name})

    return find


def _fields(table: Table) -> dict[str, Field]:
    return {field.name: field for field in table.fields.all()}
