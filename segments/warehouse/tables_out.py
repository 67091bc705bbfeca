"""Whole tables and member lists as rows to send: what their columns are, and why one cannot be read now."""

from collections.abc import Iterable, Mapping

import psycopg
from django.db import connections
from django.utils.translation import gettext as _
from psycopg import sql

from segments.models import Segment, Table
from segments.projection import contact_of
from segments.warehouse.projecting import key_columns, projected_query
from segments.warehouse.reading import WORK_SCHEMA, Columns, key_names, members_table, spelled, table_name

Types = Mapping[str, str]  # of fields, by name
NO_LAYOUTS: Types = {}
WITHOUT_ZONE = " without time zone"  # Waybill leaves it out: "timestamp"


def table_query(table: Table, columns: Columns, types: Types, layouts: Types = NO_LAYOUTS) -> sql.Composed:
    """Return the SELECT of all rows of `table`; `types` maps its fields to PostgreSQL's names of their types.

    `layouts` maps those that are moments to how they are written, as `warehouse.spelled` takes it.
    """
    return _select(columns, types, layouts, table_name(table))


def members_query(segment: Segment, columns: Columns, types: Types, layouts: Types = NO_LAYOUTS) -> sql.Composed:
    """Return the SELECT of the segment's member list: its columns are the key fields of the segment's table."""
    return _select(columns, types, layouts, members_table(segment))


def types_of(table: Table) -> dict[str, str]:
    """Return the columns that the table or view has now, in order, with PostgreSQL's full names of their types."""
    return _types(table.environment.warehouse_schema, table.name)


def types_of_members(segment: Segment) -> dict[str, str]:
    """Return the columns of the segment's member list in the same way; {} before its first refresh."""
    return _types(WORK_SCHEMA, f"members_{segment.pk}")


def why_not_sendable(table: Table) -> str:
    """Say why the whole table cannot be sent now, and what to do; "" when it can."""
    held, wanted = types_of(table), list(table.fields.values_list("name", flat=True))
    name = {"table": table.name}
    if not held:
        return (
            _("The table “%(table)s” is no longer there. Import it again, or edit the export and take it out.") % name
        )
    if not wanted:
        return _("The table “%(table)s” has no fields. Import it again, or edit the export and take it out.") % name
    if missing := [field for field in wanted if field not in held]:
        return _("The table “%(table)s” no longer has %(fields)s. Import it again, then run the export again.") % {
            **name,
            "fields": ", ".join(f"“{field}”" for field in missing),
        }
    return ""


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


def _member_keys(segment: Segment) -> sql.Composed:
    types = types_of_members(segment)
    return members_query(segment, [(key, key) for key in key_names(segment.table)], types)


def _count(connection: psycopg.Connection, queries: list[sql.Composed]) -> int:
    union = sql.SQL(" UNION ").join(queries)
    row = connection.execute(sql.SQL("SELECT count(*) FROM ({}) AS profiles").format(union)).fetchone()
    return row[0] if row else 0


def _select(columns: Columns, types: Types, layouts: Types, relation: sql.Identifier) -> sql.Composed:
    chosen = [
        sql.SQL("{} AS {}").format(
            spelled("t", name, types.get(name, ""), layouts.get(name, "")), sql.Identifier(exported)
        )
        for name, exported in columns
    ]
    return sql.SQL("SELECT {} FROM {} t").format(sql.SQL(", ").join(chosen), relation)


def _types(schema: str, name: str) -> dict[str, str]:
    query = """SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
    with connections["default"].cursor() as cursor:
        cursor.execute(query, [schema, name])
        return {column: pg_type.replace(WITHOUT_ZONE, "") for column, pg_type in cursor.fetchall()}
