"""All reading of customer data. Names of tables and fields go through psycopg.sql, nothing else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import psycopg
from django.db import connections
from django.utils.translation import gettext as _
from psycopg import pq, sql

from roles.models import Environment
from segments import projection, relationships, rules, times
from segments.models import Field, Segment, Table
from segments.types import TIMES, is_same_key
from segments.warehouse import sessions
from segments.warehouse.copying import CopyOut, copy_csv

__all__ = ["CopyOut", "copy_csv"]

WORK_SCHEMA = "waybill_work"
LONGEST_SHOWN = 300  # characters of a value in samples and previews
PAGE_SECONDS = 8.0  # what a page may cost; longer questions are for the clusters
# Work memory holds the hash of about two million members.
SESSION = "SET LOCAL synchronize_seqscans = off; SET LOCAL work_mem = '128MB'"

Columns = Sequence[tuple[str, str]]  # (field name, exported name), in order
Row = tuple[str | None, ...]


class NotReadyError(Exception):
    """The segment cannot be read yet; the text says why and what to do."""


def table_name(table: Table) -> sql.Identifier:
    """Return the relation that holds the rows of `table`."""
    return sql.Identifier(table.environment.warehouse_schema, table.name)


def members_table(segment: Segment) -> sql.Identifier:
    """Return the working table that holds the keys of the segment's members."""
    return sql.Identifier(WORK_SCHEMA, f"members_{segment.pk}")


@contextmanager
def reader(
    environment: Environment, of: Iterable[Table | Segment] | None = None, *, timeout: float | None = None
) -> Iterator[psycopg.Connection]:
    """Give a connection of its own in one read-only snapshot; `timeout` is in seconds for each statement.

    What will be read is locked before the snapshot is taken: a table that an import swaps in afterwards would
    look empty to it. `of` names it (a segment stands for all that its definition reads, too); None locks all of the
    environment, which lets imports wait for the end of this reader.
    """
    with psycopg.connect(**_parameters()) as connection:
        relations = _existing(connection, _relations(environment, of))
        connection.rollback()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        _prepare(connection, timeout)
        if relations:
            names = sql.SQL(", ").join(sql.Identifier(*name) for name in relations)
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))
        try:
            yield connection
        finally:
            _leave(connection)


def _leave(connection: psycopg.Connection) -> None:
    """Close the connection; the server ends a statement that was left early, and not only when it notices."""
    if connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=2)
    connection.close()


@contextmanager
def writer(environment: Environment, *, timeout: float | None = None) -> Iterator[psycopg.Connection]:
    """Give a connection of its own for working tables, in a transaction that is committed at the end."""
    with psycopg.connect(**_parameters()) as connection:
        _prepare(connection, timeout)
        yield connection


def snapshot_time(connection: psycopg.Connection) -> datetime:
    """Return the time of the reader's transaction: its data is as of then."""
    return _one(connection, sql.SQL("SELECT transaction_timestamp()"))


def export_query(segment: Segment, columns: Columns) -> sql.Composed:
    """Return the SELECT of the members' `columns`, under their exported names, in no particular order."""
    keys = key_names(segment.table)
    if not keys:
        raise NotReadyError(f"{segment.table} has no key. Import it again with --key.")
    fields = {field.name: field for field in segment.table.fields.all()}
    same = sql.SQL(" AND ").join(sql.SQL("t.{0} = m.{0}").format(sql.Identifier(key)) for key in keys)
    return sql.SQL("SELECT {} FROM {} t JOIN {} m ON {}").format(
        _selected(columns, fields), table_name(segment.table), members_table(segment), same
    )


def key_names(table: Table) -> list[str]:
    """Return the names of the key's fields, in the table's order."""
    return list(table.fields.filter(is_key=True).values_list("name", flat=True))


def why_not_readable(segment: Segment) -> str:
    """Say why the segment's member list cannot be joined with its table now, and what to do; "" when it can."""
    name, table = {"segment": segment.name}, segment.table
    keys = set(key_names(table))
    held = columns_of(table.environment.warehouse_schema, table.name)
    members = columns_of(WORK_SCHEMA, f"members_{segment.pk}")
    if not held:
        return _("Its table %(table)s is no longer there. Import the table again, then refresh the segment.") % {
            "table": table.name
        }
    if not keys or not keys <= held.keys():
        return _("Its table %(table)s has lost its key. Import it with one, then refresh the segment.") % {
            "table": table.name
        }
    if segment.member_count is None or not members:
        return _("The segment “%(segment)s” has no member list yet. Refresh it first.") % name
    if members.keys() != keys or not all(is_same_key(members[key], held[key]) for key in keys):
        return _("The key of its table has changed since “%(segment)s” was last refreshed. Refresh it first.") % name
    return ""


def columns_of(schema: str, name: str) -> dict[str, str]:
    """Return the relation's columns, in order, with PostgreSQL's names of their types; {} when it is not there."""
    query = """SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
    with connections["default"].cursor() as cursor:
        cursor.execute(query, [schema, name])
        return dict(cursor.fetchall())


def count_members(connection: psycopg.Connection, segment: Segment) -> int:
    """Return how many members the segment has in this snapshot; NotReadyError before its first refresh."""
    if segment.member_count is None:
        raise NotReadyError(f"The segment {segment} has not been refreshed yet. Refresh it first.")
    return _one(connection, sql.SQL("SELECT count(*) FROM {}").format(members_table(segment)))


def count_rows(connection: psycopg.Connection, query: sql.Composed) -> int:
    """Return how many rows `query` gives in this snapshot."""
    return int(_one(connection, sql.SQL("SELECT count(*) FROM ({}) AS counted").format(query)))


def preview(segment: Segment, columns: Columns, limit: int = 5) -> list[Row]:
    """Return the first `limit` members as texts; by the rules while there is no member list yet."""
    if segment.member_count is None:
        return preview_rules(segment.table, segment.match, segment.conditions, columns, limit)
    query = as_text(export_query(segment, columns), len(columns), limit)
    with reader(segment.environment, [segment], timeout=PAGE_SECONDS) as connection:
        return connection.execute(query).fetchall()


def preview_rules(
    table: Table, match: str, conditions: list[rules.Condition], columns: Columns, limit: int = 5
) -> list[Row]:
    """Return the first `limit` rows that fit the conditions, as texts. Raises rules.RulesError."""
    fields = {field.name: field for field in table.fields.all()}
    where = rules_where(table, match, conditions)
    query = sql.SQL("SELECT {} FROM {} t WHERE {}").format(_selected(columns, fields), table_name(table), where)
    with reader(table.environment, _read_by(table, conditions), timeout=PAGE_SECONDS) as connection:
        return connection.execute(as_text(query, len(columns), limit)).fetchall()


def sample(table: Table, fields: Iterable[Field], limit: int = 10) -> list[Row]:
    """Return the first `limit` rows of the table, `fields` in their order, as texts."""
    names = [field.name for field in fields]
    return preview_rules(table, "all", [], [(name, name) for name in names], limit) if names else []


def count_matching(table: Table, match: str, conditions: list[rules.Condition]) -> tuple[int, int]:
    """Return (rows that fit the conditions, all rows). Raises rules.RulesError, psycopg.errors.QueryCanceled."""
    where = rules_where(table, match, conditions)
    query = sql.SQL("SELECT count(*) FILTER (WHERE {0}), count(*) FROM {1} t")
    if relationships.related_names(conditions):  # only below WHERE does PostgreSQL join other tables at once
        query = sql.SQL("SELECT (SELECT count(*) FROM {1} t WHERE {0}), (SELECT count(*) FROM {1})")
    with reader(table.environment, _read_by(table, conditions), timeout=PAGE_SECONDS) as connection:
        row = connection.execute(query.format(where, table_name(table))).fetchone()
    return row or (0, 0)


def rules_where(table: Table, match: str, conditions: list[rules.Condition]) -> sql.Composable:
    """Return the conditions as SQL on alias `t`, fields of related tables included. Raises rules.RulesError."""
    types = dict(table.fields.values_list("name", "pg_type"))
    needs_others = bool(relationships.related_names(conditions))
    return rules.where(types, match, conditions, relationships.related_fields(table) if needs_others else {})


def _read_by(table: Table, conditions: list[rules.Condition]) -> list[Table]:
    """Return the table with those that its rows are asked about."""
    names = relationships.related_names(conditions)
    others = Table.objects.filter(environment=table.environment_id, name__in=names) if names else []
    return [table, *others]


def _selected(columns: Columns, fields: Mapping[str, Field]) -> sql.Composed:
    """Name the columns of alias `t`."""
    parts: list[sql.Composable] = []
    for name, exported in columns:
        if name not in fields:
            raise NotReadyError(f"There is no field {name} any more. Choose the fields again.")
        parts.append(
            sql.SQL("{} AS {}").format(
                spelled("t", name, fields[name].pg_type, fields[name].layout), sql.Identifier(exported)
            )
        )
    return sql.SQL(", ").join(parts)


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


def _parameters() -> dict[str, Any]:
    """Return how Django connects, without what only Django's own connection needs."""
    unwanted = {"context", "cursor_factory", "prepare_threshold"}
    parameters = connections["default"].get_connection_params()
    return {name: value for name, value in parameters.items() if name not in unwanted}


def _prepare(connection: psycopg.Connection, timeout: float | None) -> None:
    own = sessions.settings(connection.info.server_version, timeout=timeout)
    connection.execute(sql.SQL(f"{SESSION}; {own}"))


def _relations(environment: Environment, of: Iterable[Table | Segment] | None) -> set[tuple[str, str]]:
    nouns: Iterable[Table | Segment]
    nouns = of if of is not None else [*environment.tables.all(), *environment.segments.select_related("table")]
    found = set()
    for noun in nouns:
        table = noun.table if isinstance(noun, Segment) else noun
        found.add((environment.warehouse_schema, table.name))
        if isinstance(noun, Segment):
            found.add((WORK_SCHEMA, f"members_{noun.pk}"))
            others = relationships.related_names(noun.conditions) | projection.table_names(noun)
            found |= {(environment.warehouse_schema, name) for name in others}
    return found


def _existing(connection: psycopg.Connection, relations: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return those of `relations` (schema, name) that are there and can be locked, in one fixed order."""
    query = """SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%s) AND c.relname = ANY(%s) AND c.relkind IN ('r', 'p', 'v') ORDER BY 1, 2"""
    schemas, names = [list(part) for part in zip(*relations, strict=True)] if relations else ([], [])
    rows = connection.execute(query, [schemas, names]).fetchall()
    return [row for row in rows if row in relations]


def _one(connection: psycopg.Connection, query: sql.SQL | sql.Composed) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
