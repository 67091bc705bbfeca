"""Replaces old rows by new ones without losing what depends on the old table.

A table that has nothing of its own is replaced by another one under its name: that is fastest and leaves nothing
behind. One on which something was set stays, and its rows change (`filling`): whatever hangs on it goes on as it is.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from segments.importing import fitting
from segments.importing.csvfile import LONGEST_NAME_BYTES, ImportRefusedError
from segments.importing.filling import Made, fill
from segments.importing.locking import EXCLUSIVE, PATIENCE_SECONDS, lock
from segments.importing.setting_aside import grant, grants_on, set_aside
from segments.importing.standing import MARK, Standing, View, standing_on

__all__ = ["MARK", "PATIENCE_SECONDS", "Made", "replace_rows"]

KEY_INDEX = """SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND i.indisprimary"""


def replace_rows(raw: psycopg.Connection, made: Made, *, patience: float, say: Callable[[str], None]) -> None:
    """Let the rows of `made` be those of the table that it is for. `say` is told when it has to wait for readers.

    Raises ImportRefusedError when readers do not end within `patience` seconds, when what stands on the table needs
    something that the new rows lack, or when the name belongs to something that no import made.
    """
    old = _old(raw, made.schema, made.name)
    if old is None:
        _take_name(raw, made)
        return
    oid, kind, comment = old
    if kind not in "rp" or not (made.was is not None or comment == MARK):
        text = _("%(schema)s already has an object called %(name)s that was not imported. Choose another name.")
        raise ImportRefusedError(text % {"name": made.name, "schema": made.schema})
    if made.was is None:  # an import made it, but its description is gone
        was, keys = fitting.held(raw, oid)
        made = replace(made, was=was, old_keys=keys)
    standing = _standing(raw, made, oid)
    if standing.is_plain:
        lock(raw, made.relation, made.name, EXCLUSIVE, patience, say)
        standing = _standing(raw, made, oid)  # somebody may have set something meanwhile
    if standing.is_plain:
        _replace(raw, made, oid, standing.views)
    else:
        fill(raw, made, oid, standing, patience=patience, say=say)


def _standing(raw: psycopg.Connection, made: Made, oid: int) -> Standing:
    return standing_on(raw, oid, made.was or {}, made.old_keys)


def _replace(raw: psycopg.Connection, made: Made, oid: int, views: list[View]) -> None:
    grants = grants_on(raw, oid)
    with set_aside(raw, views):
        raw.execute(sql.SQL("DROP TABLE {}").format(made.relation))
        _take_name(raw, made)
        grant(raw, made.relation, grants)


def _take_name(raw: psycopg.Connection, made: Made) -> None:
    """Rename the new table, and the index of its key as PostgreSQL would have called it."""
    raw.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(made.new, MARK))
    raw.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(made.new, sql.Identifier(made.name)))
    found = raw.execute(KEY_INDEX, [made.schema, made.name]).fetchone()
    if found is None:
        return
    endings = (f"{number or ''}_pkey" for number in itertools.count())
    names = (made.name.encode()[: LONGEST_NAME_BYTES - len(end)].decode(errors="ignore") + end for end in endings)
    free = next(one for one in names if _old(raw, made.schema, one) is None)
    index = sql.Identifier(made.schema, found[0])
    raw.execute(sql.SQL("ALTER INDEX {} RENAME TO {}").format(index, sql.Identifier(free)))


def _old(raw: psycopg.Connection, schema: str, name: str) -> tuple[int, str, str | None] | None:
    query = """SELECT c.oid, c.relkind::text, obj_description(c.oid, 'pg_class')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"""
    return raw.execute(query, [schema, name]).fetchone()
