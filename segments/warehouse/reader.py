"""Separate connections for reading customer data, each in one read-only snapshot."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import psycopg
from django.db import connections
from psycopg import pq, sql

from roles.models import Environment
from segments import projection, relationships
from segments.models import Segment, Table
from segments.warehouse import sessions
from segments.warehouse.queries import WORK_SCHEMA

# Work memory holds the hash of about two million members.
SESSION = "SET LOCAL synchronize_seqscans = off; SET LOCAL work_mem = '128MB'"
PAGE_SECONDS = 8.0  # what a page may cost; longer questions are for the clusters


@contextmanager
def snapshot(
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


@contextmanager
def reading(environment: Environment, of: Iterable[Table | Segment]) -> Iterator[psycopg.Connection]:
    """Give a connection of its own on which each statement sees what is committed by then, in one transaction.

    What `of` names is locked against being swapped.
    """
    with psycopg.connect(**_parameters()) as connection:
        _prepare(connection, None)
        if relations := _existing(connection, _relations(environment, of)):
            names = sql.SQL(", ").join(sql.Identifier(*name) for name in relations)
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))
        try:
            yield connection
        finally:
            _leave(connection)


def open_session() -> psycopg.Connection:
    """Return a connection of its own that commits each statement by itself; the caller closes it."""
    return psycopg.connect(**_parameters(), autocommit=True)


def _leave(connection: psycopg.Connection) -> None:
    """Close the connection; the server ends a statement that was left early, and not only when it notices."""
    if connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=2)
    connection.close()


def snapshot_time(connection: psycopg.Connection) -> datetime:
    """Return the time of the reader's transaction: its data is as of then."""
    row = connection.execute("SELECT transaction_timestamp()").fetchone()
    assert row is not None
    return row[0]


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
