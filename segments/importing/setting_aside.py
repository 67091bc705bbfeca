"""Drops the views on a table while it changes, and recreates them with everything set on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from segments.importing.csvfile import ImportRefusedError
from segments.importing.standing import View

GRANTS = """SELECT g.privilege_type, CASE WHEN g.grantee = 0 THEN '' ELSE pg_get_userbyid(g.grantee) END, g.is_grantable
FROM pg_class c, aclexplode(c.relacl) g WHERE c.oid = %s AND g.grantee <> c.relowner"""

Grant = tuple[str, str, bool]


@contextmanager
def set_aside(raw: psycopg.Connection, views: list[View]) -> Iterator[None]:
    """Drop the simple views, and recreate them at the end. Raises ImportRefusedError if one cannot be recreated."""
    raw.execute("SET LOCAL search_path = ''")  # view definitions then name schemas in full
    definitions = [(raw.execute("SELECT pg_get_viewdef(%s::oid)", [view.oid]).fetchone() or ("",))[0] for view in views]
    grants = [grants_on(raw, view.oid) for view in views]
    comments = [_comment(raw, view.oid) for view in views]
    for view in reversed(views):
        raw.execute(sql.SQL("DROP VIEW {}").format(_relation(view)))
    yield
    for view, definition, granted, comment in zip(views, definitions, grants, comments, strict=True):
        _make(raw, view, definition)
        grant(raw, _relation(view), granted)
        if comment is not None:
            raw.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(_relation(view), comment))
    raw.execute("SET LOCAL search_path TO DEFAULT")


def grants_on(raw: psycopg.Connection, oid: int) -> list[Grant]:
    """Return the grants of others on the table or view: right, role ("" for all), with grant option."""
    return raw.execute(GRANTS, [oid]).fetchall()


def grant(raw: psycopg.Connection, relation: sql.Identifier, grants: list[Grant]) -> None:
    """Set exactly these grants; a new table or view has those of ALTER DEFAULT PRIVILEGES."""
    for _right, grantee, _may_grant in grants_on(raw, _oid(raw, relation)):
        raw.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(relation, _role(grantee)))
    for privilege, grantee, is_grantable in grants:
        option = sql.SQL(" WITH GRANT OPTION" if is_grantable else "")
        command = sql.SQL("GRANT {} ON {} TO {}{}")
        raw.execute(command.format(sql.SQL(privilege), relation, _role(grantee), option))


def _role(name: str) -> sql.Composable:
    return sql.Identifier(name) if name else sql.SQL("PUBLIC")


def _relation(view: View) -> sql.Identifier:
    return sql.Identifier(view.schema, view.name)


def _oid(raw: psycopg.Connection, relation: sql.Identifier) -> int:
    row = raw.execute("SELECT %s::regclass::oid", [relation.as_string(raw)]).fetchone()
    return row[0] if row else 0


def _comment(raw: psycopg.Connection, oid: int) -> str | None:
    row = raw.execute("SELECT obj_description(%s, 'pg_class')", [oid]).fetchone()
    return row[0] if row else None


def _make(raw: psycopg.Connection, view: View, definition: str) -> None:
    """Create the view with its options, such as security_invoker."""
    pairs = [option.partition("=") for option in view.options]
    options = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, _sign, value in pairs)
    given = sql.SQL(" WITH ({})").format(options) if pairs else sql.SQL("")
    try:
        raw.execute(sql.SQL("CREATE VIEW {}{} AS {}").format(_relation(view), given, sql.SQL(definition)))
    except psycopg.ProgrammingError as error:
        text = _("The view %(view)s does not fit the new table: %(reason)s. Change or drop the view first.")
        details = {"view": f"{view.schema}.{view.name}", "reason": error.diag.message_primary}
        raise ImportRefusedError(text % details) from error
