"""Records to look at and check: samples, previews and counts, and why some cannot be read."""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from roles.messages import EMPTY, Message, listed
from roles.messages import said as _
from segments import relationships, rules
from segments.models import Field, Segment, Table
from segments.types import is_same_key
from segments.warehouse.queries import (
    WORK_SCHEMA,
    Columns,
    NotReadyError,
    as_text,
    columns_of,
    key_names,
    members_table,
    rules_where,
    segment_query,
    selected,
    table_name,
    types_of,
)
from segments.warehouse.reader import PAGE_SECONDS, snapshot

Row = tuple[str | None, ...]


def why_not_readable(segment: Segment) -> Message:
    """Return why the segment's members cannot be read now, and what to do; nothing if they can."""
    name, table = {"segment": segment.name}, segment.table
    keys = set(key_names(table))
    held = columns_of(table.environment.warehouse_schema, table.name)
    members = columns_of(WORK_SCHEMA, f"members_{segment.pk}")
    if not held:
        return _("Its table %(table)s no longer exists. Import the table again, then refresh the segment.") % {
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
    return EMPTY


def why_not_sendable(table: Table) -> Message:
    """Return why the whole table cannot be sent now, and what to do; nothing if it can."""
    held, wanted = types_of(table), list(table.fields.values_list("name", flat=True))
    name = {"table": table.name}
    if not held:
        return (
            _("The table “%(table)s” no longer exists. Import it again, or edit the export and remove the table.")
            % name
        )
    if not wanted:
        return (
            _("The table “%(table)s” has no fields. Import it again, or edit the export and remove the table.") % name
        )
    if missing := [field for field in wanted if field not in held]:
        return _("The table “%(table)s” no longer has %(fields)s. Import it again, then run the export again.") % {
            **name,
            "fields": listed(f"“{field}”" for field in missing),
        }
    return EMPTY


def preview(segment: Segment, columns: Columns, limit: int = 5) -> list[Row]:
    """Return the first `limit` members as texts; by the rules while there is no member list yet."""
    if segment.member_count is None:
        return preview_rules(segment.table, segment.match, segment.conditions, columns, limit)
    query = as_text(segment_query(segment, columns), len(columns), limit)
    with snapshot(segment.environment, [segment], timeout=PAGE_SECONDS) as connection:
        return connection.execute(query).fetchall()


def preview_rules(
    table: Table, match: str, conditions: list[rules.Condition], columns: Columns, limit: int = 5
) -> list[Row]:
    """Return the first `limit` rows that fit the conditions, as texts. Raises rules.RulesError."""
    fields = {field.name: field for field in table.fields.all()}
    where = rules_where(table, match, conditions)
    query = sql.SQL("SELECT {} FROM {} t WHERE {}").format(selected(columns, fields), table_name(table), where)
    with snapshot(table.environment, _read_by(table, conditions), timeout=PAGE_SECONDS) as connection:
        return connection.execute(as_text(query, len(columns), limit)).fetchall()


def sample(table: Table, fields: Iterable[Field], limit: int = 10) -> list[Row]:
    """Return the first `limit` rows of the table, `fields` in their order, as texts."""
    names = [field.name for field in fields]
    return preview_rules(table, "all", [], [(name, name) for name in names], limit) if names else []


def count_members(connection: psycopg.Connection, segment: Segment) -> int:
    """Return how many members the segment has in this snapshot; NotReadyError before its first refresh."""
    if segment.member_count is None:
        raise NotReadyError(_("The segment %(name)s has not been refreshed yet. Refresh it first.") % {"name": segment})
    return _one(connection, sql.SQL("SELECT count(*) FROM {}").format(members_table(segment)))


def count_rows(connection: psycopg.Connection, query: sql.Composed) -> int:
    """Return how many rows `query` gives in this snapshot."""
    return int(_one(connection, sql.SQL("SELECT count(*) FROM ({}) AS counted").format(query)))


def count_matching(table: Table, match: str, conditions: list[rules.Condition]) -> tuple[int, int]:
    """Return (rows that fit the conditions, all rows). Raises rules.RulesError, psycopg.errors.QueryCanceled."""
    where = rules_where(table, match, conditions)
    query = sql.SQL("SELECT count(*) FILTER (WHERE {0}), count(*) FROM {1} t")
    if relationships.related_names(conditions):  # only below WHERE does PostgreSQL join other tables at once
        query = sql.SQL("SELECT (SELECT count(*) FROM {1} t WHERE {0}), (SELECT count(*) FROM {1})")
    with snapshot(table.environment, _read_by(table, conditions), timeout=PAGE_SECONDS) as connection:
        row = connection.execute(query.format(where, table_name(table))).fetchone()
    return row or (0, 0)


def _read_by(table: Table, conditions: list[rules.Condition]) -> list[Table]:
    """Return the table with those that its rows are asked about."""
    names = relationships.related_names(conditions)
    others = Table.objects.filter(environment=table.environment_id, name__in=names) if names else []
    return [table, *others]


def _one(connection: psycopg.Connection, query: sql.SQL | sql.Composed) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
