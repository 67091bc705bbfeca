"""The SQL that reads customer data. Names of tables and fields go through psycopg.sql."""

from collections.abc import Mapping, Sequence

from django.db import connections
from psycopg import sql

from roles.messages import SaidError
from roles.messages import said as _
from segments import relationships, rules, times
from segments.models import Field, Segment, Table
from segments.types import TIMES

WORK_SCHEMA = "waybill_work"
LONGEST_SHOWN = 300  # characters of a value in samples and previews
WITHOUT_ZONE = " without time zone"  # Waybill leaves it out: "timestamp"

Columns = Sequence[tuple[str, str]]  # (field name, exported name), in order
Types = Mapping[str, str]  # of fields, by name
NO_LAYOUTS: Types = {}


class NotReadyError(SaidError):
    """The segment cannot be read yet: why, and what to do."""


def table_name(table: Table) -> sql.Identifier:
    """Return the relation that holds the rows of `table`."""
    return sql.Identifier(table.environment.warehouse_schema, table.name)


def members_table(segment: Segment) -> sql.Identifier:
    """Return the working table that holds the keys of the segment's members."""
    return sql.Identifier(WORK_SCHEMA, f"members_{segment.pk}")


def key_names(table: Table) -> list[str]:
    """Return the names of the key's fields, in the table's order."""
    return list(table.fields.filter(is_key=True).values_list("name", flat=True))


def columns_of(schema: str, name: str) -> dict[str, str]:
    """Return the relation's columns, in order, with PostgreSQL's names of their types; {} when it is not there."""
    query = """SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
    with connections["default"].cursor() as cursor:
        cursor.execute(query, [schema, name])
        return dict(cursor.fetchall())


def types_of(table: Table) -> dict[str, str]:
    """Return the columns that the table or view has now, in order, with PostgreSQL's full names of their types."""
    return _types(table.environment.warehouse_schema, table.name)


def types_of_members(segment: Segment) -> dict[str, str]:
    """Return the columns of the segment's member list in the same way; {} before its first refresh."""
    return _types(WORK_SCHEMA, f"members_{segment.pk}")


def _types(schema: str, name: str) -> dict[str, str]:
    query = """SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
    with connections["default"].cursor() as cursor:
        cursor.execute(query, [schema, name])
        return {column: pg_type.replace(WITHOUT_ZONE, "") for column, pg_type in cursor.fetchall()}


def segment_query(segment: Segment, columns: Columns) -> sql.Composed:
    """Return the SELECT of the members' `columns`, under their exported names, in no particular order."""
    keys = key_names(segment.table)
    if not keys:
        raise NotReadyError(_("%(table)s has no key. Import it again with --key.") % {"table": segment.table})
    fields = {field.name: field for field in segment.table.fields.all()}
    same = sql.SQL(" AND ").join(sql.SQL("t.{0} = m.{0}").format(sql.Identifier(key)) for key in keys)
    return sql.SQL("SELECT {} FROM {} t JOIN {} m ON {}").format(
        selected(columns, fields), table_name(segment.table), members_table(segment), same
    )


def table_query(table: Table, columns: Columns, types: Types, layouts: Types = NO_LAYOUTS) -> sql.Composed:
    """Return the SELECT of all rows of `table`; `types` maps its fields to PostgreSQL's names of their types.

    `layouts` maps those that are moments to how they are written, as `warehouse.spelled` takes it.
    """
    return _select(columns, types, layouts, table_name(table))


def members_query(segment: Segment, columns: Columns, types: Types, layouts: Types = NO_LAYOUTS) -> sql.Composed:
    """Return the SELECT of the segment's member list: its columns are the key fields of the segment's table."""
    return _select(columns, types, layouts, members_table(segment))


def _select(columns: Columns, types: Types, layouts: Types, relation: sql.Identifier) -> sql.Composed:
    chosen = [
        sql.SQL("{} AS {}").format(
            spelled("t", name, types.get(name, ""), layouts.get(name, "")), sql.Identifier(exported)
        )
        for name, exported in columns
    ]
    return sql.SQL("SELECT {} FROM {} t").format(sql.SQL(", ").join(chosen), relation)


def selected(columns: Columns, fields: Mapping[str, Field]) -> sql.Composed:
    """Name the columns of alias `t`."""
    parts: list[sql.Composable] = []
    for name, exported in columns:
        if name not in fields:
            raise NotReadyError(_("The field %(name)s no longer exists. Choose the fields again.") % {"name": name})
        parts.append(
            sql.SQL("{} AS {}").format(
                spelled("t", name, fields[name].pg_type, fields[name].layout), sql.Identifier(exported)
            )
        )
    return sql.SQL(", ").join(parts)


def rules_where(table: Table, match: str, conditions: list[rules.Condition]) -> sql.Composable:
    """Return the conditions as SQL on alias `t`, fields of related tables included. Raises rules.RulesError."""
    types = dict(table.fields.values_list("name", "pg_type"))
    needs_others = bool(relationships.related_names(conditions))
    return rules.where(types, match, conditions, relationships.related_fields(table) if needs_others else {})


def spelled(alias: str, name: str, pg_type: str, layout: str = "") -> sql.Composed:
    """Return a field of the rows called `alias`, as it read in the file that it came from.

    That is true and false for booleans, and for moments what `layout` (`times.Layout`) says.
    """
    field = sql.Identifier(alias, name)
    if layout not in ("", times.ANY) and pg_type in TIMES:
        return times.Layout.of(layout).printed(field)
    return sql.SQL("{}::text" if pg_type == "boolean" else "{}").format(field)


def as_text(query: sql.Composed, width: int, limit: int) -> sql.Composed:
    """Wrap `query` so that at most `limit` rows come, each value as PostgreSQL prints it."""
    names = [sql.Identifier(f"c{number}") for number in range(width)]
    values = sql.SQL(", ").join(sql.SQL("left({}::text, {})").format(name, LONGEST_SHOWN) for name in names)
    return sql.SQL("SELECT {} FROM ({} LIMIT {}) AS found({})").format(values, query, limit, sql.SQL(", ").join(names))
