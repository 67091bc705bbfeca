"""Loads a CSV file into a table of the warehouse, again and again: the new rows take the old ones' place at once.

All of it is one transaction on Django's connection: a temporary table of texts, the types they allow, the typed
table beside the old one, the swap and the descriptions of table and fields. Whatever breaks, nothing has changed.
An unquoted empty value becomes NULL; a quoted one ("") stays an empty text where the column is text.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import psycopg
from django.db import connection as django_connection
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _
from psycopg import sql

from roles import audit
from roles.kinds import PROFILE_KINDS, Audience, SemanticType
from roles.models import Environment, User
from segments import columns as typing
from segments.columns import Column
from segments.csvfile import LONGEST_NAME_BYTES, CsvFile, ImportRefusedError
from segments.models import Field, Table
from segments.swapping import PATIENCE_SECONDS, swap

__all__ = ["ImportRefusedError", "import_table"]

STAGING = sql.Identifier("pg_temp", "waybill_staging")
SESSION = "SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL timezone = 'UTC'; SET LOCAL jit = off"


@dataclass
class _Plan:
    """What is asked for; where nothing is said, what the table had before."""

    environment: Environment
    name: str
    keys: Sequence[str]
    profile_kind: str | None
    date_formats: Mapping[str, str]
    semantic_types: Mapping[str, str]
    by: User | None
    say: Callable[[str], None]
    patience: float


def import_table(
    environment: Environment,
    name: str,
    path_or_stream: str | Path | BinaryIO,
    *,
    keys: Sequence[str] = (),
    profile_kind: str | None = None,
    date_formats: Mapping[str, str] | None = None,
    semantic_types: Mapping[str, str] | None = None,
    by: User | None = None,
    progress: Callable[[str], None] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> Table:
    """Replace the rows of table `name` by those of the file. Raises ImportRefusedError; nothing has changed then.

    `patience` is how many seconds to wait for exports that are reading the old rows.
    """
    plan = _Plan(
        environment,
        name,
        keys,
        profile_kind,
        date_formats or {},
        semantic_types or {},
        by,
        progress or (lambda text: None),
        patience,
    )
    _check_name(name)
    file = CsvFile(path_or_stream)
    try:
        with transaction.atomic():
            return _import(plan, file)
    except ProtectedError as error:
        raise ImportRefusedError(_("A field that the file no longer has is used by an export.")) from error
    finally:
        file.close()


def _import(plan: _Plan, file: CsvFile) -> Table:
    raw = _raw_connection()
    raw.execute(SESSION)
    _lock(raw, plan)
    old = Table.objects.filter(environment=plan.environment, name=plan.name).first()
    table = old or Table(environment=plan.environment, name=plan.name)
    before = table.row_count if old else None
    table.profile_kind = table.profile_kind if plan.profile_kind is None else plan.profile_kind
    columns = _columns(plan, file, table)
    rows = _stage(raw, plan, file, columns)
    plan.say(_("Deciding types"))
    _check_keys_filled(raw, file, columns)
    typing.decide_types(raw, STAGING, columns)
    _check_dates(raw, file, columns)
    new = sql.Identifier(plan.environment.warehouse_schema, f"~new_{plan.name}"[:40])
    _make(raw, plan, file, columns, new)
    plan.say(_("Replacing the table"))
    swap(raw, plan.environment.warehouse_schema, new, plan.name, is_known=old is not None, patience=plan.patience)
    table.row_count, table.refreshed_at = rows, timezone.now()
    table.save()
    _describe(plan, table, columns)
    changes = {"row_count": [before, rows], "fields": [column.name for column in columns]}
    audit.record(plan.environment, "import", table, by=plan.by, changes=changes)
    return table


def _raw_connection() -> psycopg.Connection:
    """Return the psycopg connection under Django's, with its transaction open."""
    with django_connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return django_connection.connection


def _check_name(name: str) -> None:
    if not name.strip() or "\0" in name or len(name.encode()) > LONGEST_NAME_BYTES:
        raise ImportRefusedError(_("A table's name has 1 to 63 bytes."))


def _lock(raw: psycopg.Connection, plan: _Plan) -> None:
    """Let one import at a time work on this table."""
    key = f"waybill:import:{plan.environment.pk}:{plan.name}"
    row = raw.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [key]).fetchone()
    if row != (True,):
        text = _("%(name)s is being imported by somebody else right now. Try again when that has ended.")
        raise ImportRefusedError(text % {"name": plan.name})


def _columns(plan: _Plan, file: CsvFile, table: Table) -> list[Column]:
    """Return the file's columns with what is asked of them; refuse names that the file does not have."""
    keys = list(plan.keys)
    if not keys and table.pk:
        keys = list(table.fields.filter(is_key=True).values_list("name", flat=True))
    kinds = PROFILE_KINDS[Audience(plan.environment.audience)]
    if table.profile_kind and table.profile_kind not in kinds:
        allowed = ", ".join(kinds)
        raise ImportRefusedError(_("A profile table of this environment is one of: %(kinds)s.") % {"kinds": allowed})
    if table.profile_kind and not keys:
        raise ImportRefusedError(_("A profile table needs a key: the column that tells its rows apart."))
    for name in [*keys, *plan.date_formats, *plan.semantic_types]:
        if name not in file.header:
            raise ImportRefusedError(_("Line 1: there is no column %(name)s.") % {"name": name})
    for kind in plan.semantic_types.values():
        if kind not in SemanticType.values:
            known = ", ".join(filter(None, SemanticType.values))
            raise ImportRefusedError(
                _("There is no semantic type %(kind)s. Known are: %(known)s.") % {"kind": kind, "known": known}
            )
    columns = [Column(name, f"c{number}", name in keys) for number, name in enumerate(file.header)]
    for column in columns:
        column.date_format = plan.date_formats.get(column.name, "")
        if column.date_format:
            typing.pg_template(column.date_format)
            column.pg_type = "timestamp" if "%H" in column.date_format else "date"
    return columns


def _stage(raw: psycopg.Connection, plan: _Plan, file: CsvFile, columns: list[Column]) -> int:
    """Copy the file into a temporary table of texts; return its number of rows."""
    fields = sql.SQL(", ").join(sql.SQL("{} text").format(column.raw) for column in columns)
    raw.execute(sql.SQL("CREATE TEMPORARY TABLE waybill_staging ({}) ON COMMIT DROP").format(fields))
    command = sql.SQL("COPY {} FROM STDIN (FORMAT csv, HEADER true, ENCODING 'UTF8')").format(STAGING)
    cursor, sent = raw.cursor(), 0
    try:
        with raw.transaction(), cursor.copy(command) as copy:
            for chunk in file.chunks():
                copy.write(chunk)
                sent += len(chunk)
                plan.say(_("Reading: %(size).1f MB") % {"size": sent / 1e6})
    except psycopg.DataError as error:
        raise _explain_copy(file, error) from error
    return cursor.rowcount


def _explain_copy(file: CsvFile, error: psycopg.DataError) -> ImportRefusedError:
    """Turn PostgreSQL's refusal of a line into words for people."""
    context = error.diag.context or ""
    found = re.search(r"line (\d+)", context)
    reason = error.diag.message_primary or str(error)
    if not found:
        return ImportRefusedError(reason)
    line, fields = file.at(int(found[1]))
    if "unterminated" in reason:
        column = file.header[min(len(fields), len(file.header)) - 1]
        text = _("Line %(line)d, column %(column)s: a double quote opens here and is never closed.")
        return ImportRefusedError(text % {"line": line, "column": column})
    if len(fields) != len(file.header):
        text = _("Line %(line)d has %(count)d fields, the header has %(wanted)d.")
        if len(fields) < len(file.header):
            text = _("Line %(line)d has %(count)d fields, the header has %(wanted)d: column %(column)s is missing.")
        column = file.header[min(len(fields), len(file.header) - 1)]
        numbers = {"line": line, "count": len(fields), "wanted": len(file.header), "column": column}
        return ImportRefusedError(text % numbers)
    return ImportRefusedError(_("Line %(line)s: %(reason)s.") % {"line": found[1], "reason": reason})


def _check_keys_filled(raw: psycopg.Connection, file: CsvFile, columns: list[Column]) -> None:
    for position, column in enumerate(columns):
        if not column.is_key:
            continue
        query = sql.SQL("SELECT 1 FROM {} WHERE coalesce({}, '') = '' LIMIT 1").format(STAGING, column.raw)
        if raw.execute(query).fetchone():
            line, _fields = next(file.find(lambda fields, at=position: not fields[at : at + 1] or not fields[at]))  # type: ignore[misc]
            text = _("Line %(line)d: the key %(column)s is empty.")
            raise ImportRefusedError(text % {"line": line, "column": column.name})


def _check_dates(raw: psycopg.Connection, file: CsvFile, columns: list[Column]) -> None:
    """Refuse values that do not fit the date format given for their column."""
    for position, column in enumerate(columns):
        if column.date_format and not _dates_fit(raw, column):
            line, value = next(_misfits(file, position, column.date_format))
            text = _("Line %(line)d, column %(column)s: “%(value)s” does not fit %(format)s.")
            details = {"line": line, "column": column.name, "value": value[:40], "format": column.date_format}
            raise ImportRefusedError(text % details)


def _dates_fit(raw: psycopg.Connection, column: Column) -> bool:
    pattern = f"^(?:{typing.date_pattern(column.date_format).pattern})$"
    query = sql.SQL("SELECT bool_and({raw} = '' OR {raw} ~ {pattern}), max({value}) FROM {staging}").format(
        raw=column.raw, pattern=sql.Literal(pattern), value=column.value, staging=STAGING
    )
    try:
        with raw.transaction():
            row = raw.execute(query).fetchone()
    except psycopg.DataError:
        return False
    return row is None or row[0] is not False


def _misfits(file: CsvFile, position: int, date_format: str) -> Iterator[tuple[int, str]]:
    pattern = typing.date_pattern(date_format)
    for line, fields in file.records():
        value = fields[position]
        if value and not (pattern.fullmatch(value) and _is_date(value, date_format)):
            yield line, value


def _is_date(value: str, date_format: str) -> bool:
    try:
        return bool(datetime.strptime(value, date_format))
    except ValueError:
        return False


def _make(raw: psycopg.Connection, plan: _Plan, file: CsvFile, columns: list[Column], new: sql.Identifier) -> None:
    """Make the typed table under its temporary name, filled, with its key, and known to the planner."""
    raw.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(plan.environment.warehouse_schema)))
    values = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(column.value, sql.Identifier(column.name)) for column in columns
    )
    # Unlike INSERT, this keeps the rows in the file's order.
    raw.execute(sql.SQL("CREATE TABLE {} AS SELECT {} FROM {}").format(new, values, STAGING))
    if any(column.is_key for column in columns):
        _make_key(raw, file, columns, new)
    raw.execute(sql.SQL("ANALYZE {}").format(new))


def _make_key(raw: psycopg.Connection, file: CsvFile, columns: list[Column], new: sql.Identifier) -> None:
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns if column.is_key)
    try:
        with raw.transaction():
            raw.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(new, names))
    except psycopg.errors.UniqueViolation as error:
        raise _explain_repeat(raw, file, columns) from error
    except psycopg.errors.ProgramLimitExceeded as error:
        raise ImportRefusedError(_("The key holds values that are too long for a key.")) from error


def _explain_repeat(raw: psycopg.Connection, file: CsvFile, columns: list[Column]) -> ImportRefusedError:
    """Name the first line whose key stands in an earlier one."""
    keys = [column for column in columns if column.is_key]
    names = sql.SQL(", ").join(column.raw for column in keys)
    query = sql.SQL(
        "SELECT {names} FROM (SELECT *, ctid AS place, row_number() OVER (PARTITION BY {names} ORDER BY ctid) AS n"
        " FROM {staging}) AS numbered WHERE n = 2 ORDER BY place LIMIT 1"
    ).format(names=names, staging=STAGING)
    values = list(raw.execute(query).fetchone() or ())
    positions = [position for position, column in enumerate(columns) if column.is_key]
    lines = file.find(lambda fields: [fields[position] for position in positions] == values)
    first, second = next(lines)[0], next(lines)[0]
    key = ", ".join(f"{column.name} “{value[:80]}”" for column, value in zip(keys, values, strict=True))
    text = _("Line %(second)d: %(key)s stands already in line %(first)d.")
    return ImportRefusedError(text % {"second": second, "first": first, "key": key})


def _describe(plan: _Plan, table: Table, columns: list[Column]) -> None:
    """Keep the fields' rows by name, with their ids and what people said about them."""
    known = {field.name: field for field in table.fields.all()}
    for position, column in enumerate(columns):
        field = known.pop(column.name, None) or Field(
            table=table,
            name=column.name,
            semantic_type=typing.guess_semantic_type(
                column.name, is_key=column.is_key, is_profile=table.is_profile_table
            ),
        )
        field.position, field.pg_type, field.is_key = position, column.pg_type, column.is_key
        field.semantic_type = plan.semantic_types.get(column.name, field.semantic_type)
        field.save()
    table.fields.filter(pk__in=[field.pk for field in known.values()]).delete()
