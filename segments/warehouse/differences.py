"""How today's members differ from what the ledger knows: who is new, has other values, or left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from segments.models import Segment
from segments.warehouse.ledger import Standing, ledger_of
from segments.warehouse.projecting import key_columns, projected_query
from segments.warehouse.queries import key_names, segment_query, table_query


@dataclass(frozen=True)
class Filling:
    """What fills a container: a segment of an export; `sources` are the fields that are read, in order."""

    container: int
    export: int
    segment: Segment
    sources: Sequence[str]
    is_projected: bool = False

    @property
    def place(self) -> tuple[int, int, int]:
        """What its rows of the ledger have in common: container, export and segment."""
        return self.container, self.export, self.segment.pk


@dataclass(frozen=True)
class Difference:
    """A member that is not as the ledger knows it: `values` has the texts of the sources."""

    record: str
    digest: Any
    values: Sequence[str | None]
    standing: int | None
    identity: bytes | None


@dataclass(frozen=True)
class Leaver:
    """A row of the ledger whose record is no member any more; `values` are None where its profile is gone."""

    record: str
    identity: bytes
    standing: int
    values: Sequence[str | None] | None


def differences(
    connection: psycopg.Connection, filling: Filling, matching: int, *, again: bool = False, most: int | None = None
) -> Iterator[Difference]:
    """Yield the members that the ledger does not know, or knows with other values, in the order of their keys.

    `matching` is the fingerprint of how values become what is sent. With `again` all of them; of `most` alone.
    """
    changed = sql.SQL("l.record IS NULL OR l.digest <> n.digest OR l.matching <> {} OR l.standing = {}").format(
        matching, int(Standing.ADDING)
    )
    query = sql.SQL(
        """SELECT n.record, n.digest, n.vals, l.standing, l.identity FROM ({now}) n
        LEFT JOIN {ledger} l ON l.export = {export} AND l.segment = {segment} AND l.record = n.record
            AND l.standing <> {leaving}
        WHERE {changed} ORDER BY n.record COLLATE "C" """
    ).format(
        now=_members(filling, most),
        ledger=ledger_of(filling.container),
        export=filling.export,
        segment=filling.segment.pk,
        leaving=int(Standing.LEAVING),
        changed=sql.SQL("TRUE") if again else changed,
    )
    for row in _stream(connection, query):
        yield Difference(*row)


def leavers(connection: psycopg.Connection, filling: Filling) -> Iterator[Leaver]:
    """Yield the ledger's rows of the filling whose record is no member any more."""
    query = sql.SQL(
        """SELECT l.record, l.identity, l.standing, p.vals FROM {ledger} l
        LEFT JOIN ({profiles}) p ON p.record = l.record
        WHERE l.export = {export} AND l.segment = {segment} AND l.standing <> {leaving}
            AND NOT EXISTS (SELECT FROM ({now}) n WHERE n.record = l.record)
        ORDER BY l.record COLLATE "C" """
    ).format(
        ledger=ledger_of(filling.container),
        profiles=_profiles(filling),
        now=_members(filling, None),
        export=filling.export,
        segment=filling.segment.pk,
        leaving=int(Standing.LEAVING),
    )
    for row in _stream(connection, query):
        yield Leaver(*row)


def _stream(connection: psycopg.Connection, query: sql.Composed) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(name="ledger") as cursor:
        cursor.itersize = 5000
        cursor.execute(query)
        yield from cursor


def _members(filling: Filling, most: int | None) -> sql.Composed:
    """Return the SELECT of record, digest and values of the members, or of their contacts."""
    segment = filling.segment
    if filling.is_projected:
        keys = [*key_names(segment.table), *key_columns(segment)]
        inner = projected_query(segment, _named(keys, filling.sources))
    else:
        keys = key_names(segment.table)
        inner = segment_query(segment, _named(keys, filling.sources))
    return _as_records(inner, len(keys), len(filling.sources), most)


def _profiles(filling: Filling) -> sql.Composed:
    """Return the same of all profiles, members or not; of contacts, those of members alone."""
    segment = filling.segment
    if filling.is_projected:
        return _members(filling, None)
    keys = key_names(segment.table)
    fields = {field.name: field for field in segment.table.fields.all()}
    types = {name: field.pg_type for name, field in fields.items()}
    layouts = {name: field.layout for name, field in fields.items()}
    inner = table_query(segment.table, _named(keys, filling.sources), types, layouts)
    return _as_records(inner, len(keys), len(filling.sources), None)


def _named(keys: Sequence[str], sources: Sequence[str]) -> list[tuple[str, str]]:
    named = [(name, f"k{number}") for number, name in enumerate(keys)]
    return named + [(name, f"v{number}") for number, name in enumerate(sources)]


def _as_records(inner: sql.Composed, keys: int, values: int, most: int | None) -> sql.Composed:
    key_texts = [sql.SQL("{}::text").format(sql.Identifier("q", f"k{number}")) for number in range(keys)]
    record = key_texts[0] if keys == 1 else sql.SQL("jsonb_build_array({})::text").format(sql.SQL(", ").join(key_texts))
    texts = sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier("q", f"v{number}")) for number in range(values)
    )
    return sql.SQL(
        """SELECT {record} AS record, md5(ROW({texts})::text)::uuid AS digest, ARRAY[{texts}]::text[] AS vals
        FROM ({inner}{limit}) q"""
    ).format(
        record=record,
        texts=texts,
        inner=inner,
        limit=sql.SQL("") if most is None else sql.SQL(" LIMIT {}").format(most),
    )
