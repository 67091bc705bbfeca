"""Who is at a target: the ledger, and how today's members differ from it.

A *container* is what a segment fills at the target; its id, and those of exports, come from above. The ledger holds no
clear personal data: a record's key, a keyed hash of what the vendor tells people apart by (`identity`), a digest of the
values that were sent, and what a removal needs. All statements are given a cursor; the caller's transaction counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import psycopg
from psycopg import sql

from segments.warehouse.queries import WORK_SCHEMA

Cursor = Any  # of psycopg or Django


class Standing(IntEnum):
    """What a row of the ledger says about its record. Up to SHARED the record's person is wanted at the target."""

    ADDING = 0  # noted before anything was sent: may be there
    THERE = 1  # the target has acknowledged it
    PROCESSING = 2  # the target works on it
    SHARED = 3  # another row with the same identity stands for both
    REJECTED = 4  # by the target, for good
    UNSENDABLE = 5  # a required value is missing or cannot be normalised
    SUPPRESSED = 6  # on the do-not-send list
    LEAVING = 7  # to be removed


WANTED = (Standing.ADDING, Standing.THERE, Standing.PROCESSING, Standing.SHARED)


@dataclass(frozen=True)
class Planned:
    """One row of a plan; see `open_plan`."""

    segment: int
    record: str
    is_removal: bool
    identity: bytes
    digest: Any
    standing: int
    code: str
    handle: str
    payload: bytes | None


def ledger_of(container: int) -> sql.Identifier:
    """Name the partition of the container."""
    return sql.Identifier(WORK_SCHEMA, f"ledger_{container:d}")


def make_partition(cursor: Cursor, container: int) -> None:
    """Make the container's part of the ledger, if it is not there. It is attached without stopping the others."""
    cursor.execute("SELECT to_regclass(%s)", [f"{WORK_SCHEMA}.ledger_{container:d}"])
    if cursor.fetchone()[0] is not None:
        return
    parts = {"part": ledger_of(container), "schema": sql.Identifier(WORK_SCHEMA), "id": sql.Literal(container)}
    for statement in (
        "CREATE TABLE {part} (LIKE {schema}.ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 80)",
        "ALTER TABLE {part} ADD PRIMARY KEY (container, export, segment, record, identity)",
        "CREATE INDEX ON {part} (identity)",
        "ALTER TABLE {schema}.ledger ATTACH PARTITION {part} FOR VALUES IN ({id})",
    ):
        cursor.execute(sql.SQL(statement).format(**parts))


def drop_partition(cursor: Cursor, container: int) -> None:
    """Forget who was in the container."""
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(ledger_of(container)))


def count_of(cursor: Cursor, container: int, export: int, segment: int) -> dict[Standing, int]:
    """Return how many records of a segment of an export have each standing in the container."""
    query = sql.SQL("SELECT standing, count(*) FROM {} WHERE export = %s AND segment = %s GROUP BY standing")
    cursor.execute(query.format(ledger_of(container)), [export, segment])
    return {Standing(standing): count for standing, count in cursor.fetchall()}


# -- the plan of a run


def open_plan(cursor: Cursor, run: int) -> None:
    """Make an empty plan for the run; one that a dead attempt left is dropped. Payloads in it are sealed."""
    drop_plan(cursor, run)
    statement = sql.SQL(
        """CREATE UNLOGGED TABLE {} (seq bigint GENERATED ALWAYS AS IDENTITY, container bigint NOT NULL,
        segment bigint NOT NULL, record text NOT NULL, is_removal boolean NOT NULL, identity bytea NOT NULL,
        digest uuid, standing smallint NOT NULL, code text NOT NULL, handle text NOT NULL, payload bytea)"""
    )
    cursor.execute(statement.format(_plan(run)))


def drop_plan(cursor: Cursor, run: int) -> None:
    """Drop the plan of the run."""
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_plan(run)))


@contextmanager
def planning(connection: psycopg.Connection, run: int, container: int) -> Iterator[Any]:
    """Give a function that takes a Planned row for the container."""
    copy = sql.SQL(
        """COPY {} (container, segment, record, is_removal, identity, digest, standing, code, handle, payload)
        FROM STDIN (FORMAT BINARY)"""
    )
    types = ["int8", "int8", "text", "bool", "bytea", "uuid", "int2", "text", "text", "bytea"]
    with connection.cursor() as cursor, cursor.copy(copy.format(_plan(run))) as into:
        into.set_types(types)

        def write(row: Planned) -> None:
            into.write_row(
                (
                    container, row.segment, row.record, row.is_removal, row.identity,
                    row.digest, row.standing, row.code, row.handle, row.payload,
                )
            )  # fmt: skip

        yield write


def index_plan(cursor: Cursor, run: int) -> None:
    """Index the plan once all rows are in."""
    cursor.execute(sql.SQL("CREATE INDEX ON {} (container, seq)").format(_plan(run)))
    cursor.execute(sql.SQL("ANALYZE {}").format(_plan(run)))


def count_leaving(cursor: Cursor, run: int, container: int, export: int) -> int:
    """Return how many people the plan would take out of the container: whoever nobody wants there any more."""
    query = sql.SQL(
        """WITH ended AS (
            SELECT l.identity, l.segment, l.record FROM {ledger} l JOIN {plan} p ON {ended}
            WHERE l.standing <= {shared})
        SELECT count(DISTINCT e.identity) FROM ended e
        WHERE NOT EXISTS (SELECT FROM {plan} n WHERE n.container = {container} AND n.identity = e.identity
            AND n.standing = {adding})
        AND NOT EXISTS (SELECT FROM {ledger} o WHERE o.identity = e.identity AND o.standing <= {shared}
            AND NOT (o.export = {export} AND EXISTS (
                SELECT FROM ended x
                WHERE x.segment = o.segment AND x.record = o.record AND x.identity = o.identity)))"""
    )
    parts = _parts(run, container, export)
    cursor.execute(query.format(**parts))
    return int(cursor.fetchone()[0])


def stage(cursor: Cursor, run: int, container: int, export: int, matching: int) -> None:
    """Note in the ledger, before anything is sent, who is to be added, changed and removed.

    Whoever is to be added may be at the target from now on; whoever leaves, or has another identity now, is to be
    removed. Of rows with one identity the one with the lowest key stands for all.
    """
    parts = _parts(run, container, export) | {"matching": sql.Literal(matching)}
    for statement in _STAGING:
        cursor.execute(sql.SQL(statement).format(**parts))


def _parts(run: int, container: int, export: int) -> dict[str, sql.Composable]:
    parts: dict[str, sql.Composable] = {
        "ledger": ledger_of(container),
        "plan": _plan(run),
        "container": sql.Literal(container),
        "export": sql.Literal(export),
        **{one.name.lower(): sql.Literal(int(one)) for one in Standing},
    }
    return parts | {"ended": _ENDED.format(**parts)}


# The row `l` is what the plan's row `p` ends: its record is no member any more, or has another identity.
_ENDED = sql.SQL(
    """l.export = {export} AND l.segment = p.segment AND l.record = p.record AND p.container = {container}
    AND l.standing <> {leaving} AND (p.is_removal OR l.identity <> p.identity)"""
)
_STAGING = (
    "DELETE FROM {ledger} l USING {plan} p WHERE {ended} AND l.standing > {shared}",
    # `code` keeps whether the target had acknowledged the person.
    """UPDATE {ledger} l SET standing = {leaving}, at = now(),
    code = CASE WHEN l.standing IN ({there}, {processing}) THEN 'there' ELSE '' END FROM {plan} p WHERE {ended}""",
    """INSERT INTO {ledger} AS l
    (container, export, segment, record, identity, digest, matching, standing, code, handle)
    SELECT container, {export}, segment, record, identity, digest, {matching}, standing, code, handle
    FROM {plan} p WHERE p.container = {container} AND NOT p.is_removal ORDER BY seq
    ON CONFLICT (container, export, segment, record, identity) DO UPDATE SET digest = excluded.digest,
    matching = excluded.matching, standing = excluded.standing, code = excluded.code, handle = excluded.handle,
    words = '', at = now()""",
    # Whose identity others have, too: one of them stands for all, the others share it.
    """WITH touched AS (
        SELECT DISTINCT identity FROM {plan} WHERE container = {container} AND standing = {adding}),
    ranked AS (
        SELECT l.export, l.segment, l.record, l.identity, row_number() OVER (
            PARTITION BY l.identity ORDER BY l.standing = {shared}, l.export, l.segment, l.record COLLATE "C") AS place
        FROM {ledger} l JOIN touched USING (identity) WHERE l.standing <= {shared})
    UPDATE {ledger} l SET standing = {shared} FROM ranked r WHERE r.place > 1 AND l.standing <> {shared}
        AND l.export = r.export AND l.segment = r.segment AND l.record = r.record AND l.identity = r.identity""",
    # The one that stood for others leaves: the lowest of them stands for them now, and its values go next time.
    """UPDATE {ledger} l SET digest = '00000000-0000-0000-0000-000000000000', standing = CASE WHEN EXISTS (
        SELECT FROM {ledger} o WHERE o.identity = l.identity AND o.standing = {leaving} AND o.code = 'there')
        THEN {there} ELSE {adding} END
    WHERE l.standing = {shared} AND NOT EXISTS (
        SELECT FROM {ledger} o WHERE o.identity = l.identity AND o.standing < {shared})
    AND NOT EXISTS (
        SELECT FROM {ledger} o WHERE o.identity = l.identity AND o.standing = {shared} AND
        (o.export, o.segment, o.record COLLATE "C") < (l.export, l.segment, l.record COLLATE "C"))""",
    # Who leaves and is wanted by another row stays at the target.
    """DELETE FROM {ledger} l WHERE l.standing = {leaving} AND EXISTS (
        SELECT FROM {ledger} o WHERE o.identity = l.identity AND o.standing <= {shared})""",
)


@dataclass(frozen=True)
class Waiting:
    """A row to send: `payload` is sealed with the number `seq`; both None for a removal without a profile."""

    seq: int | None
    segment: int
    record: str
    identity: bytes
    handle: str
    vendor_id: str
    payload: bytes | None


def to_add(cursor: Cursor, run: int, container: int, export: int, after: int, most: int) -> list[Waiting]:
    """Return the next rows of the plan to add or change, those whose `seq` is above `after`."""
    query = sql.SQL(
        """SELECT p.seq, p.segment, p.record, p.identity, p.handle, l.vendor_id, p.payload
        FROM {plan} p JOIN {ledger} l ON l.export = %s AND l.segment = p.segment AND l.record = p.record
            AND l.identity = p.identity AND l.standing = {adding}
        WHERE p.container = %s AND p.seq > %s AND NOT p.is_removal AND p.standing = {adding}
        ORDER BY p.seq LIMIT %s"""
    ).format(plan=_plan(run), ledger=ledger_of(container), adding=int(Standing.ADDING))
    cursor.execute(query, [export, container, after, most])
    return [_waiting(row) for row in cursor.fetchall()]


def to_remove(cursor: Cursor, run: int, container: int, after: bytes, most: int) -> list[Waiting]:
    """Return the next people to remove from the container, whoever put them in, by identity above `after`."""
    query = sql.SQL(
        """SELECT DISTINCT ON (l.identity) p.seq, l.segment, l.record, l.identity, l.handle, l.vendor_id, p.payload
        FROM {ledger} l LEFT JOIN {plan} p ON p.container = %s AND p.is_removal AND p.identity = l.identity
        WHERE l.standing = {leaving} AND l.identity > %s ORDER BY l.identity, p.payload NULLS LAST LIMIT %s"""
    ).format(plan=_plan(run), ledger=ledger_of(container), leaving=int(Standing.LEAVING))
    cursor.execute(query, [container, after, most])
    return [_waiting(row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Verdict:
    """What became of a row that was sent."""

    row: Waiting
    standing: Standing
    vendor_id: str = ""
    code: str = ""
    words: str = ""

    @property
    def said(self) -> tuple[int, str, str, str]:
        """What the ledger keeps of it."""
        return int(self.standing), self.vendor_id, self.code, self.words


def note(cursor: Cursor, container: int, export: int, verdicts: Sequence[Verdict]) -> None:
    """Record what the target said about a batch of additions and changes."""
    query = sql.SQL(
        """UPDATE {ledger} l SET standing = v.standing, code = v.code, words = v.words, at = now(),
            vendor_id = CASE WHEN v.vendor_id = '' THEN l.vendor_id ELSE v.vendor_id END
        FROM unnest(%s::bigint[], %s::text[], %s::bytea[], %s::smallint[], %s::text[], %s::text[], %s::text[])
            AS v(segment, record, identity, standing, vendor_id, code, words)
        WHERE l.export = %s AND l.segment = v.segment AND l.record = v.record AND l.identity = v.identity"""
    ).format(ledger=ledger_of(container))
    columns = zip(
        *((v.row.segment, v.row.record, v.row.identity, *v.said) for v in verdicts),
        strict=True,
    )
    cursor.execute(query, [*map(list, columns), export])


def forget(cursor: Cursor, container: int, identities: Iterable[bytes]) -> None:
    """Record that people were removed."""
    query = sql.SQL("DELETE FROM {} WHERE standing = %s AND identity = ANY(%s)").format(ledger_of(container))
    cursor.execute(query, [int(Standing.LEAVING), list(identities)])


def _plan(run: int) -> sql.Identifier:
    return sql.Identifier(WORK_SCHEMA, f"plan_{run:d}")


def _waiting(row: Sequence[Any]) -> Waiting:
    seq, segment, record, identity, handle, vendor_id, payload = row
    sealed = None if payload is None else bytes(payload)
    return Waiting(seq, segment, record, bytes(identity), handle, vendor_id, sealed)
