"""Fits the columns of a table to new rows in place; refuses, by name, to lose what depends on a column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from segments.importing.csvfile import ImportRefusedError

COLUMNS = """SELECT a.attname::text, replace(format_type(a.atttypid, a.atttypmod), ' without time zone', ''),
    a.attnum, a.attgenerated <> '', a.attgenerated <> '' OR a.attidentity <> '' OR a.atthasdef
FROM pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
# What DROP COLUMN would take away without a word: indexes, constraints, statistics.
TAKEN_ALONG = """SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %(oid)s AND d.refobjsubid = %(number)s AND d.deptype = 'a'
    AND d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_statistic_ext'::regclass)
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        AND k.contype IN ('p', 'n') AND k.conrelid = d.refobjid)"""
CHILDREN = """SELECT pg_describe_object('pg_class'::regclass, i.inhrelid, 0) FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhparent WHERE i.inhparent = %s AND c.relkind = 'r'"""
# Foreign keys that would change or remove rows of other tables.
REACHING = """SELECT pg_describe_object('pg_constraint'::regclass, k.oid, 0) FROM pg_constraint k
WHERE k.confrelid = %s AND k.contype = 'f' AND (k.confdeltype NOT IN ('a', 'r') OR k.confupdtype NOT IN ('a', 'r'))"""
KEY = """SELECT k.conname::text, (SELECT array_agg(a.attname::text ORDER BY a.attname COLLATE "C") FROM pg_attribute a
    WHERE a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey))
FROM pg_constraint k WHERE k.conrelid = %s AND k.contype = 'p'"""


@dataclass(frozen=True)
class ColumnChanges:
    """What has to change of the columns of `relation`: those to add and to retype (name to type), and to drop.

    `own` are columns that no import made; they stay. `generated` are those that PostgreSQL fills.
    """

    relation: sql.Identifier
    added: Mapping[str, str]
    retyped: Mapping[str, str]
    dropped: Mapping[str, int]
    own: Sequence[str] = field(default=())
    generated: Sequence[str] = field(default=())

    @property
    def is_needed(self) -> bool:
        """Whether the table's columns differ from those of the new rows."""
        return bool(self.added or self.retyped or self.dropped)


def change_for(
    raw: psycopg.Connection, relation: sql.Identifier, oid: int, types: Mapping[str, str], was: Mapping[str, str]
) -> ColumnChanges:
    """Return the changes that make the table's columns those of `types`; only columns of `was` are dropped."""
    rows = raw.execute(COLUMNS, [oid]).fetchall()
    names = {row[0] for row in rows}
    return ColumnChanges(
        relation,
        added={name: pg_type for name, pg_type in types.items() if name not in names},
        retyped={row[0]: types[row[0]] for row in rows if row[0] in types and types[row[0]] != row[1]},
        dropped={row[0]: row[2] for row in rows if row[0] in was and row[0] not in types},
        own=[row[0] for row in rows if row[0] not in was and row[0] not in types and not row[4]],
        generated=[row[0] for row in rows if row[0] in types and row[3]],
    )


def refuse_unkeepable(raw: psycopg.Connection, name: str, oid: int, change: ColumnChanges, *, has_key: bool) -> None:
    """Refuse, before anything changes, to lose data or to affect other tables."""
    found = [row[0] for row in raw.execute(CHILDREN, [oid]).fetchall()]
    found += [row[0] for row in raw.execute(REACHING, [oid]).fetchall()]
    if found:
        text = _(
            "%(name)s has objects in PostgreSQL that an import cannot keep: %(things)s. Change or drop them first."
        )
        raise ImportRefusedError(text % {"name": name, "things": ", ".join(found)})
    for column, number in change.dropped.items():
        needing = [row[0] for row in raw.execute(TAKEN_ALONG, {"oid": oid, "number": number}).fetchall()]
        if needing:
            text = _("The file no longer has %(column)s, which %(things)s needs. Change or drop that first.")
            raise ImportRefusedError(text % {"column": column, "things": ", ".join(needing)})
    if change.generated:
        text = _(
            "PostgreSQL fills %(column)s of %(name)s automatically. Rename it there, or rename the column in the file."
        )
        raise ImportRefusedError(text % {"column": change.generated[0], "name": name})
    if not has_key:
        _refuse_filled(raw, name, change)


def _refuse_filled(raw: psycopg.Connection, name: str, change: ColumnChanges) -> None:
    """Refuse to lose values in people's own columns: only a key tells which row they belong to."""
    for column in change.own:
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} IS NOT NULL)")
        row = raw.execute(query.format(change.relation, sql.Identifier(column))).fetchone()
        if row == (True,):
            text = _(
                "Column %(column)s of %(name)s was not imported, so its values would be lost. Import with --key to "
                "keep each value with its row, or empty the column first."
            )
            raise ImportRefusedError(text % {"column": column, "name": name})


def apply(raw: psycopg.Connection, name: str, change: ColumnChanges) -> bool:
    """Add, retype and drop columns; return whether that emptied the table. Raises ImportRefusedError."""
    is_emptied = False
    try:
        for column in change.dropped:
            _alter(raw, change, "DROP COLUMN {}", sql.Identifier(column))
        for column, pg_type in change.added.items():
            _alter(raw, change, "ADD COLUMN {} {}", sql.Identifier(column), sql.SQL(pg_type))
        for column, pg_type in change.retyped.items():
            is_emptied |= _retype(raw, name, change, column, pg_type)
    except psycopg.IntegrityError as error:
        raise unfit(name, error) from error
    except (psycopg.ProgrammingError, psycopg.NotSupportedError, psycopg.DataError, psycopg.InternalError) as error:
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            raise
        raise _needed(name, error) from error
    return is_emptied


def _needed(name: str, error: psycopg.Error) -> ImportRefusedError:
    reason = ". ".join(filter(None, [error.diag.message_primary, error.diag.message_detail]))
    text = _("An object in PostgreSQL needs %(name)s as it is: %(reason)s. Change or drop it first.")
    return ImportRefusedError(text % {"name": name, "reason": reason.rstrip(".")})


def _retype(raw: psycopg.Connection, name: str, change: ColumnChanges, column: str, pg_type: str) -> bool:
    """Change the column's type and keep the existing rows if their values allow it."""
    parts = sql.Identifier(column), sql.SQL(pg_type)
    try:
        with raw.transaction():
            _alter(raw, change, "ALTER COLUMN {0} TYPE {1} USING {0}::text::{1}", *parts)
    except psycopg.DataError:
        _refuse_filled(raw, name, change)
        raw.execute(sql.SQL("DELETE FROM {}").format(change.relation))
        _alter(raw, change, "ALTER COLUMN {0} TYPE {1} USING {0}::text::{1}", *parts)
        return True
    return False


def _alter(raw: psycopg.Connection, change: ColumnChanges, how: str, *parts: sql.Composable) -> None:
    raw.execute(sql.SQL("ALTER TABLE {} ").format(change.relation) + sql.SQL(how).format(*parts))


def held(raw: psycopg.Connection, oid: int) -> tuple[dict[str, str], list[str]]:
    """Return the table's columns (name to type) and the names of its key columns."""
    key = raw.execute(KEY, [oid]).fetchone()
    columns = raw.execute(COLUMNS, [oid]).fetchall()
    return {row[0]: row[1] for row in columns}, key[1] if key else []


def has_key(raw: psycopg.Connection, oid: int, keys: Sequence[str]) -> bool:
    """Whether these columns are already the table's key."""
    found = raw.execute(KEY, [oid]).fetchone()
    return bool(keys) and found is not None and found[1] == sorted(keys)


def drop_key(raw: psycopg.Connection, name: str, relation: sql.Identifier, oid: int, old_keys: Sequence[str]) -> None:
    """Drop a key that an import made; a key made by others stays. Raises ImportRefusedError."""
    found = raw.execute(KEY, [oid]).fetchone()
    if found is None or found[1] != sorted(old_keys):
        return
    try:
        raw.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(relation, sql.Identifier(found[0])))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise _needed(name, error) from error


def add_key(raw: psycopg.Connection, relation: sql.Identifier, oid: int, keys: Sequence[str]) -> None:
    """Add the key unless the table has it."""
    if keys and raw.execute(KEY, [oid]).fetchone() is None:
        names = sql.SQL(", ").join(map(sql.Identifier, keys))
        raw.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(relation, names))


def unfit(name: str, error: psycopg.Error) -> ImportRefusedError:
    """Return which constraint of the table the new rows violate, without their values."""
    text = _("The rows do not fit the PostgreSQL settings of %(name)s: %(reason)s. Correct the rows or the settings.")
    return ImportRefusedError(text % {"name": name, "reason": error.diag.message_primary})
