"""Loads a CSV file into a table of the warehouse; a later import atomically replaces the rows.

All of it is one transaction on Django's connection: a temporary table of texts, the types they allow, the typed
table beside the old one, the swap and the descriptions of table and fields. Whatever breaks, nothing has changed.
An unquoted empty value becomes NULL; a quoted one ("") stays an empty text where the column is text.
"""

import difflib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psycopg
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseError
from django.db import connection as django_connection
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from psycopg import sql

from roles.audit import audit
from roles.kinds import PROFILE_KINDS, Audience, SemanticType
from roles.models import Environment, User
from roles.validators import composed, visible, visible_name
from segments import showing
from segments.importing import deciding, refusals, remembering, row_checks
from segments.importing.columns import Column, guess_semantic_type, pg_template, type_of_dates
from segments.importing.csvfile import LONGEST_NAME_BYTES, CsvFile, ImportRefusedError
from segments.importing.filling import Made
from segments.importing.locking import PATIENCE_SECONDS
from segments.importing.needing import uses_of_removed
from segments.importing.swapping import replace_rows
from segments.models import Field, Table
from segments.types import base_of
from segments.warehouse import sessions

__all__ = ["ImportRefusedError", "import_table"]

STAGING = sql.Identifier("pg_temp", "waybill_staging")
# The server ends a statement soon after its client was killed, so that the table's lock does not stay.
SESSION = "SET LOCAL client_connection_check_interval = '2s'"
TEMPORARY = "~"  # how a table in the making is called, and no other
Say = Callable[[str], None]


@dataclass
class _Options:
    """What the caller asks for; the table's earlier state supplies the rest."""

    environment: Environment
    name: str
    keys: Sequence[str]
    profile_kind: str | None
    date_formats: Mapping[str, str]
    semantic_types: Mapping[str, str]
    shown: Sequence[str]
    types: Mapping[str, str]
    by: User | None
    say: Say
    tell: Say
    patience: float
    confirm: Callable[[list[str]], bool] | None


def import_table(
    environment: Environment,
    name: str,
    path_or_stream: str | Path | BinaryIO,
    *,
    keys: Sequence[str] = (),
    profile_kind: str | None = None,
    date_formats: Mapping[str, str] | None = None,
    semantic_types: Mapping[str, str] | None = None,
    shown: Sequence[str] = (),
    types: Mapping[str, str] | None = None,
    encoding: str = "",
    delimiter: str = "",
    by: User | None = None,
    progress: Say | None = None,
    tell: Say | None = None,
    patience: float = PATIENCE_SECONDS,
    confirm: Callable[[list[str]], bool] | None = None,
) -> Table:
    """Replace the rows of table `name` by those of the file. Raises ImportRefusedError; nothing has changed then.

    `shown` names columns whose values viewers see from now on; those that they see already stay so.
    `progress` gets what goes on, often; `tell` what is special about the file or the new table, once each.
    `patience` is how many seconds to wait for exports that are reading the old rows. `confirm` is asked, before
    anything is read, whether columns may go that something uses; it gets a line for each.
    """
    name = _kept_name(environment, name)
    _check_name(name)
    say, tell = progress or _silence, tell or _silence
    formats, kinds = date_formats or {}, semantic_types or {}
    try:
        file = CsvFile(path_or_stream, encoding=encoding, delimiter=delimiter)
        options = _Options(
            environment, name, keys, profile_kind, formats, kinds, shown, types or {}, by, say, tell, patience, confirm
        )
        for note in file.notes:
            tell(note)
        try:
            with transaction.atomic():
                return _import(options, file)
        finally:
            file.close()
    except (psycopg.Error, DatabaseError, OSError) as error:
        raise refusals.explain(error) from error


def _silence(_text: str) -> None:
    """Ignore a message."""


def _import(options: _Options, file: CsvFile) -> Table:
    raw = _raw_connection()
    raw.execute(f"{SESSION}; {sessions.settings(raw.info.server_version)}")
    _lock(raw, options)
    old = Table.objects.filter(environment=options.environment, name=options.name).first()
    table = old or Table(environment=options.environment, name=options.name)
    before = table.row_count if old else None
    was = {field.name: field for field in table.fields.all()} if old else None
    table.profile_kind = table.profile_kind if options.profile_kind is None else options.profile_kind
    columns = _columns(options, file, table)
    _ask(options, table, set(was or ()) - {column.name for column in columns})
    rows = _stage(raw, options, file, columns)
    options.say(_("Step 2 of 4: deciding the types of %(rows)s rows") % {"rows": f"{rows:,}"})
    row_checks.check(raw, STAGING, file, columns, options.tell)
    remembering.recall_types(table, columns)
    deciding.decide_types(raw, STAGING, columns)
    refusals.check_dates(raw, STAGING, file, columns)
    refusals.check_asked(raw, STAGING, file, columns)
    deciding.name_misfits(raw, STAGING, columns)
    _tell_of_dates(options, columns)
    options.say(_("Step 3 of 4: building the table of %(rows)s rows") % {"rows": f"{rows:,}"})
    new = sql.Identifier(options.environment.warehouse_schema, f"{TEMPORARY}{secrets.token_hex(8)}")
    _make(raw, options, file, columns, new)
    options.say(_("Step 4 of 4: replacing the table"))
    replace_rows(raw, _made(options, columns, new, was), patience=options.patience, say=options.say)
    raw.execute(sql.SQL("DROP TABLE {}").format(STAGING))
    table.row_count, table.refreshed_at = rows, timezone.now()
    table.save()
    had, were_shown = list(table.fields.values_list("name", flat=True)), showing.shown_names(table.fields.all())
    _describe(options, table, columns)
    for column in columns:
        if said := remembering.type_change(table, column):
            options.tell(said)
    fields = [had, [column.name for column in columns]]
    changes = {"row_count": [before, rows]} | ({"fields": fields} if had != fields[1] else {})
    changes |= showing.changes_of(were_shown, showing.shown_names(table.fields.all()))
    audit.record(options.environment, "import", table, by=options.by, changes=changes)
    return table


def _ask(options: _Options, table: Table, gone: set[str]) -> None:
    """Ask whether the columns may go that something uses. Raises ImportRefusedError."""
    if not (gone and options.confirm):
        return
    uses = {name: uses_of_removed(table, name) for name in sorted(gone)}
    text = _("The file no longer has %(name)s. %(todo)s")
    lines = [text % {"name": name, "todo": todo} for name, todo in uses.items() if todo]
    if lines and not options.confirm(lines):
        raise ImportRefusedError(_("Stopped: the table keeps its columns."))


def _made(options: _Options, columns: list[Column], new: sql.Identifier, was: Mapping[str, Field] | None) -> Made:
    """Return the new rows with what is known about their table."""
    return Made(
        options.environment.warehouse_schema,
        options.name,
        new,
        {column.name: column.pg_type for column in columns},
        [column.name for column in columns if column.is_key],
        None if was is None else {name: field.pg_type for name, field in was.items()},
        [name for name, field in (was or {}).items() if field.is_key],
    )


def _raw_connection() -> psycopg.Connection:
    """Return the psycopg connection under Django's, with its transaction open."""
    with django_connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return django_connection.connection


def _kept_name(environment: Environment, name: str) -> str:
    """Return `name` composed, unless a table from before names were composed has it as it is."""
    name = composed(name)
    kept = Table.objects.filter(environment=environment).values_list("name", flat=True)
    return name if name in kept else next((one for one in kept if composed(one) == name), name)


def _check_name(name: str) -> None:
    """Refuse names that PostgreSQL, people or Waybill's temporary tables cannot handle."""
    try:
        visible_name(name)
    except ValidationError as error:
        raise ImportRefusedError(_("The table's name: %(problem)s") % {"problem": error.messages[0]}) from None
    if len(name.encode()) > LONGEST_NAME_BYTES:
        raise ImportRefusedError(_("A table's name has 1 to 63 bytes. Shorten it."))
    if name != name.strip():
        raise ImportRefusedError(_("A table's name cannot begin or end with a space. Remove it."))
    if name.startswith(TEMPORARY):
        text = _("Names that begin with %(mark)s are reserved for unfinished tables. Choose another name.")
        raise ImportRefusedError(text % {"mark": TEMPORARY})


def _lock(raw: psycopg.Connection, options: _Options) -> None:
    """Allow one import at a time for this table."""
    key = f"waybill:import:{options.environment.pk}:{options.name}"
    row = raw.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [key]).fetchone()
    if row != (True,):
        text = _("%(name)s is being imported by another process. Try again when it has ended.")
        raise ImportRefusedError(text % {"name": options.name})


def _columns(options: _Options, file: CsvFile, table: Table) -> list[Column]:
    """Return the file's columns with the options for them; refuse names that the file does not have."""
    keys = _used_names(file, options.keys)
    if not keys and table.pk:
        keys = _used_names(file, table.fields.filter(is_key=True).values_list("name", flat=True))
    kinds = PROFILE_KINDS[Audience(options.environment.audience)]
    if table.profile_kind and table.profile_kind not in kinds:
        allowed = ", ".join(kinds)
        raise ImportRefusedError(
            _("A profile table of this environment must be one of: %(kinds)s.") % {"kinds": allowed}
        )
    if table.profile_kind and not keys:
        raise ImportRefusedError(_("A profile table needs a key: the column that identifies its rows."))
    _check_semantic_types(options.semantic_types.values())
    formats = dict(zip(_used_names(file, options.date_formats), options.date_formats.values(), strict=True))
    options.semantic_types = dict(
        zip(_used_names(file, options.semantic_types), options.semantic_types.values(), strict=True)
    )
    options.shown = _used_names(file, options.shown)
    types = dict(zip(_used_names(file, options.types), map(deciding.known_name, options.types.values()), strict=True))
    columns = [
        Column(name, f"c{number}", name in keys, asked=types.get(name, "")) for number, name in enumerate(file.names)
    ]
    for column in columns:
        column.date_format = formats.get(column.name, "")
        if column.date_format:
            pg_template(column.date_format)
            column.pg_type = type_of_dates(column.date_format)
    return columns


def _used_names(file: CsvFile, names: Iterable[str]) -> list[str]:
    """Return the field names of the named columns; they may be named as in the header, or as shown."""
    renamed = dict(zip(reversed(file.header), reversed(file.names), strict=True))
    seen = Counter(map(visible, file.names))
    shown = {text: name for name in file.names if seen[text := visible(name)] == 1}
    return [
        name if name in file.names else renamed.get(name) or shown.get(visible(name)) or _missing(file, name)
        for name in names
    ]


def _missing(file: CsvFile, name: str) -> str:
    text = _("Line 1: no column %(name)s. The file has: %(names)s.")
    like = difflib.get_close_matches(name, file.names, 1, cutoff=0.75) or [
        n for n in file.names if n.lower() == name.lower()
    ]
    if like:
        text = _("Line 1: no column %(name)s. Did you mean %(like)s?")
    names = ", ".join(file.names[:10]) + (" …" if len(file.names) > 10 else "")
    raise ImportRefusedError(text % {"name": name, "names": names, "like": "".join(like)})


def _check_semantic_types(kinds: Iterable[str]) -> None:
    for kind in kinds:
        if kind not in SemanticType.values:
            known = ", ".join(filter(None, SemanticType.values))
            text = _("Unknown semantic type %(kind)s. Known types: %(known)s.")
            raise ImportRefusedError(text % {"kind": kind, "known": known})


def _stage(raw: psycopg.Connection, options: _Options, file: CsvFile, columns: list[Column]) -> int:
    """Copy the file into a temporary table of texts; return the number of rows."""
    fields = sql.SQL(", ").join(sql.SQL("{} text").format(column.raw) for column in columns)
    raw.execute(sql.SQL("CREATE TEMPORARY TABLE waybill_staging ({}) ON COMMIT DROP").format(fields))
    command = sql.SQL("COPY {} FROM STDIN (FORMAT csv, HEADER true, DELIMITER {}, ENCODING 'UTF8')")
    cursor, started = raw.cursor(), time.monotonic()
    try:
        with raw.transaction(), cursor.copy(command.format(STAGING, file.delimiter)) as copy:
            for chunk in file.chunks():
                copy.write(chunk)
                options.say(_reading(file, time.monotonic() - started))
    except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded) as error:
        raise refusals.explain_copy(file, error) from error
    refusals.check_count(file, cursor.rowcount)
    for note in file.notes_on_rows():
        options.tell(note)
    return cursor.rowcount


def _reading(file: CsvFile, seconds: float) -> str:
    """Return the progress of reading: percent, rows, bytes and time left."""
    share = file.position / file.size
    details = {
        "percent": int(share * 100),
        "rows": f"{file.rows:,}",
        "done": f"{file.position / 1e6:,.1f}",
        "all": f"{file.size / 1e6:,.1f}",
        "left": round(seconds / share - seconds),
    }
    text = _("Step 1 of 4: reading, %(percent)d %%, %(rows)s rows, %(done)s of %(all)s MB, %(left)d s left")
    return text % details


def _tell_of_dates(options: _Options, columns: list[Column]) -> None:
    """Note which columns stay text although they look like dates."""
    for column in columns:
        if column.likely_type and column.pg_type == "text" and column.asked != "text":
            text = _(
                "%(name)s looks like times, but stays text. To import it as times, use --type %(option)s. Exports "
                "then write UTC, e.g. 2026-03-01 07:30:00+00."
            )
            options.tell(text % {"name": column.name, "option": f"{column.name}={column.likely_type}"})
        if column.likely_format and column.pg_type == "text":
            text = _("%(name)s looks like dates, but stays text. To import it as dates, use --date %(option)s.")
            option = f"{column.name}={column.likely_format}"
            options.tell(text % {"name": column.name, "option": f"'{option}'" if " " in option else option})


def _make(
    raw: psycopg.Connection, options: _Options, file: CsvFile, columns: list[Column], new: sql.Identifier
) -> None:
    """Create and fill the typed table under its temporary name, add its key, and analyse it."""
    raw.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(options.environment.warehouse_schema)))
    try:
        with raw.transaction():
            made = _copy(raw, columns, new)
    except psycopg.errors.ProgramLimitExceeded:
        if not deciding.narrow(raw, STAGING, columns):
            raise
        made = _copy(raw, columns, new)
    refusals.check_count(file, made)
    if any(column.is_key for column in columns):
        _make_key(raw, file, columns, new)
    raw.execute(sql.SQL("ANALYZE {}").format(new))


def _copy(raw: psycopg.Connection, columns: list[Column], new: sql.Identifier) -> int:
    """Create the table from the columns' values and return its rows; unlike INSERT, this keeps the file's order."""
    values = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(column.value, sql.Identifier(column.name)) for column in columns
    )
    return raw.execute(sql.SQL("CREATE TABLE {} AS SELECT {} FROM {}").format(new, values, STAGING)).rowcount


def _make_key(raw: psycopg.Connection, file: CsvFile, columns: list[Column], new: sql.Identifier) -> None:
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns if column.is_key)
    try:
        with raw.transaction():
            raw.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(new, names))
    except psycopg.errors.UniqueViolation as error:
        raise refusals.explain_repeat(raw, STAGING, file, columns) from error
    except psycopg.errors.ProgramLimitExceeded as error:
        raise refusals.explain_long_key(raw, STAGING, file, columns) from error


def _describe(options: _Options, table: Table, columns: list[Column]) -> None:
    """Update the rows of Field by name, keeping ids and what people said about them."""
    known = {field.name: field for field in table.fields.select_for_update()}
    for position, column in enumerate(columns):
        field = known.pop(column.name, None) or Field(
            table=table,
            name=column.name,
            semantic_type=guess_semantic_type(column.name, is_key=column.is_key, is_profile=table.is_profile_table),
        )
        _mark(options, field, column)
        field.position, field.is_key = position, column.is_key
        remembering.store_type(field, column)
        field.semantic_type = options.semantic_types.get(column.name, field.semantic_type)
        field.save()
    table.fields.filter(pk__in=[field.pk for field in known.values()]).delete()
    for name in known:
        text = _("The file no longer has %(name)s. %(todo)s")
        options.tell(text % {"name": name, "todo": uses_of_removed(table, name) or _("It was not used.")})


def _mark(options: _Options, field: Field, column: Column) -> None:
    """Show the column to viewers if asked, and hide it if it is now another column."""
    was_shown, meaning = field.is_shown, options.semantic_types.get(column.name, field.semantic_type)
    field.is_shown = column.name in options.shown or showing.is_kept(field, base_of(column.pg_type), meaning)
    if was_shown and not field.is_shown:
        options.tell(showing.lost_text(column.name))
