"""Puts a newly made table in the place of an old one, with the old one's readers, grants and views in mind."""

import itertools
import time
from collections.abc import Callable

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from segments.csvfile import LONGEST_NAME_BYTES, ImportRefusedError

PATIENCE_SECONDS = 900.0
TRY_MILLISECONDS = 1000  # new readers wait behind us that long, so it is short
PAUSE_SECONDS = 0.5
MARK = "Imported by Waybill; the next import replaces it."

# Views on the table `%s` (an oid), each after those that it stands on.
DEPENDENT_VIEWS = """
WITH RECURSIVE found(oid, depth) AS (
    SELECT %s::oid, 0
  UNION
    SELECT r.ev_class, found.depth + 1 FROM found
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = found.oid
    JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.ev_class <> found.oid)
SELECT n.nspname, c.relname, c.relkind, pg_get_viewdef(c.oid), c.oid
FROM (SELECT oid, max(depth) AS depth FROM found WHERE depth > 0 GROUP BY oid) AS views
JOIN pg_class c ON c.oid = views.oid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY depth, c.oid"""

GRANTS = """SELECT g.privilege_type, CASE WHEN g.grantee = 0 THEN '' ELSE pg_get_userbyid(g.grantee) END, g.is_grantable
FROM pg_class c, aclexplode(c.relacl) g WHERE c.oid = %s AND g.grantee <> c.relowner"""

KEY_INDEX = """SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND i.indisprimary"""

Grant = tuple[str, str, bool]


def swap(
    raw: psycopg.Connection,
    schema: str,
    new: sql.Identifier,
    name: str,
    *,
    is_known: bool,
    patience: float,
    say: Callable[[str], None],
) -> None:
    """Rename `new` to `name`, in place of what is there; views on it and grants are made again.

    `say` is told when it has to wait for readers.

    Raises ImportRefusedError when readers do not end within `patience` seconds, when a view cannot be made again,
    or when the name belongs to something that no import made (`is_known` is False).
    """
    raw.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(new, MARK))
    old = _old(raw, schema, name)
    if old is None:
        _rename(raw, schema, new, name)
        return
    relation = sql.Identifier(schema, name)
    oid, kind, comment = old
    if kind not in "rp" or not (is_known or comment == MARK):
        text = _("There is already something called %(name)s in %(schema)s that no import made. Take another name.")
        raise ImportRefusedError(text % {"name": name, "schema": schema})
    _lock(raw, relation, name, patience, say)
    raw.execute("SET LOCAL search_path = ''")  # view definitions then name schemas in full
    views = raw.execute(DEPENDENT_VIEWS, [oid]).fetchall()
    grants = {place: _grants(raw, place) for place in [oid, *(view[4] for view in views)]}
    _remove(raw, relation, name, views)
    _rename(raw, schema, new, name)
    _grant(raw, relation, grants[oid])
    for view_schema, view_name, _kind, definition, view_oid in views:
        view = sql.Identifier(view_schema, view_name)
        _make_view(raw, view, f"{view_schema}.{view_name}", definition)
        _grant(raw, view, grants[view_oid])
    raw.execute("SET LOCAL search_path TO DEFAULT")


def _rename(raw: psycopg.Connection, schema: str, new: sql.Identifier, name: str) -> None:
    """Rename the table, and the index of its key as PostgreSQL would have called it."""
    raw.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(new, sql.Identifier(name)))
    found = raw.execute(KEY_INDEX, [schema, name]).fetchone()
    if found is None:
        return
    endings = (f"{number or ''}_pkey" for number in itertools.count())
    names = (name.encode()[: LONGEST_NAME_BYTES - len(ending)].decode(errors="ignore") + ending for ending in endings)
    free = next(one for one in names if _old(raw, schema, one) is None)
    raw.execute(sql.SQL("ALTER INDEX {} RENAME TO {}").format(sql.Identifier(schema, found[0]), sql.Identifier(free)))


def _old(raw: psycopg.Connection, schema: str, name: str) -> tuple[int, str, str | None] | None:
    query = """SELECT c.oid, c.relkind::text, obj_description(c.oid, 'pg_class')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"""
    return raw.execute(query, [schema, name]).fetchone()


def _lock(
    raw: psycopg.Connection, relation: sql.Identifier, name: str, patience: float, say: Callable[[str], None]
) -> None:
    """Wait until nobody reads the old table, in short tries so that readers do not queue up behind us."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with raw.transaction():
                raw.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(TRY_MILLISECONDS))
                raw.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(relation))
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() > deadline:
                text = _("%(name)s is being read by an export that does not end. Import again when it has ended.")
                raise ImportRefusedError(text % {"name": name}) from error
            say(_("Step 4 of 4: waiting for an export that is reading the old rows"))
            time.sleep(PAUSE_SECONDS)


def _remove(raw: psycopg.Connection, relation: sql.Identifier, name: str, views: list[tuple]) -> None:
    try:
        for schema, view, _kind, _definition, _oid in reversed(views):
            raw.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier(schema, view)))
        raw.execute(sql.SQL("DROP TABLE {}").format(relation))
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.WrongObjectType) as error:
        reason = error.diag.message_detail or error.diag.message_primary
        text = _("Something stands on %(name)s that an import cannot make again: %(reason)s")
        raise ImportRefusedError(text % {"name": name, "reason": reason}) from error


def _make_view(raw: psycopg.Connection, view: sql.Identifier, name: str, definition: str) -> None:
    try:
        raw.execute(sql.SQL("CREATE VIEW {} AS {}").format(view, sql.SQL(definition)))
    except psycopg.ProgrammingError as error:
        text = _("The view %(view)s cannot stand on the new table: %(reason)s. Change or drop the view first.")
        raise ImportRefusedError(text % {"view": name, "reason": error.diag.message_primary}) from error


def _grants(raw: psycopg.Connection, oid: int) -> list[Grant]:
    return raw.execute(GRANTS, [oid]).fetchall()


def _grant(raw: psycopg.Connection, relation: sql.Identifier, grants: list[Grant]) -> None:
    for privilege, grantee, is_grantable in grants:
        to = sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC")
        option = sql.SQL(" WITH GRANT OPTION" if is_grantable else "")
        command = sql.SQL("GRANT {} ON {} TO {}{}")
        raw.execute(command.format(sql.SQL(privilege), relation, to, option))
