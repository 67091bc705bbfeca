"""Reads a table again: whether it still exists with its key, and how many rows it has."""

from typing import NamedTuple

from django.utils import timezone
from psycopg import sql

from roles.messages import EMPTY, Listed, Message, SaidError, listed
from roles.messages import said as _
from roles.messages import said_many as ngettext
from segments import showing
from segments.models import Field, Table
from segments.warehouse.queries import columns_of, table_name
from segments.warehouse.reader import snapshot


class RereadError(SaidError):
    """The table cannot be used as it is; the text says why and what to do, for everyone."""


class Reread(NamedTuple):
    """A table's number of rows, and what changed (nothing if all is well)."""

    rows: int
    warning: Message


def reread(table: Table) -> Reread:
    """Count the table's rows and store their number. Raises RereadError, psycopg.Error."""
    held = columns_of(table.environment.warehouse_schema, table.name)
    missing = [field for field in table.fields.all() if field.name not in held]
    if not held:
        raise RereadError(_("The table “%(table)s” no longer exists. Import it again.") % {"table": table.name})
    if keys := [field for field in missing if field.is_key]:
        text = _("The table “%(table)s” has lost its key %(fields)s. Import it again with its key.")
        raise RereadError(text % {"table": table.name, "fields": _named(keys)})
    showing.hide_changed(table, held)
    rows = _count(table)
    Table.objects.filter(pk=table.pk).update(row_count=rows, refreshed_at=timezone.now())
    return Reread(rows, _warning(missing))


def _count(table: Table) -> int:
    with snapshot(table.environment, [table]) as connection:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table_name(table))).fetchone()
    return row[0] if row else 0


def _warning(missing: list[Field]) -> Message:
    words = ngettext(
        "Its field %(fields)s no longer exists. Import the table again.",
        "Its fields %(fields)s no longer exist. Import the table again.",
        len(missing),
    )
    return words % {"fields": _named(missing)} if missing else EMPTY


def _named(fields: list[Field]) -> Listed:
    return listed(f"“{field.name}”" for field in fields)
