"""Why an import failed, in words: what happened at which line, and what to do."""

import errno
import re
from collections.abc import Iterator
from datetime import datetime

import psycopg
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from psycopg import sql

from roles import shared_memory
from segments.importing import deciding
from segments.importing.columns import Column, date_pattern
from segments.importing.csvfile import CsvFile
from segments.importing.delimiters import delimiter_name
from segments.importing.sniffing import ImportRefusedError

LONGEST_SHOWN = 80  # characters of a value


def explain(error: Exception) -> ImportRefusedError:
    """Turn an error of the database or the machine into words."""
    cause = error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error
    if isinstance(cause, psycopg.errors.DiskFull) or getattr(cause, "errno", None) == errno.ENOSPC:
        text = _("The disk is full: %(reason)s. Free about three times the file's size and import again.")
        return ImportRefusedError(shared_memory.advice(cause) or text % {"reason": _reason(cause)})
    if isinstance(cause, psycopg.errors.InsufficientPrivilege):
        return ImportRefusedError(
            _("PostgreSQL denied it: %(reason)s. %(todo)s") % {"reason": _reason(cause), "todo": _right_for(cause)}
        )
    if isinstance(cause, psycopg.errors.ProgramLimitExceeded):
        text = _("A row is too large for a table: %(reason)s. Split the file into several tables with the same key.")
        return ImportRefusedError(text % {"reason": _reason(cause)})
    if isinstance(cause, psycopg.OperationalError) and (cause.diag.sqlstate or "57P")[:3] == "57P":
        text = _("The connection to the database was lost: %(reason)s. Check PostgreSQL's log and import again.")
        return ImportRefusedError(text % {"reason": _reason(cause)})
    if isinstance(cause, OSError):
        text = _("The file cannot be read: %(reason)s. Correct it and import again.")
        return ImportRefusedError(text % {"reason": _reason(cause)})
    text = _("PostgreSQL could not store the rows: %(reason)s. Correct this and import again.")
    return ImportRefusedError(text % {"reason": _reason(cause)})


def _right_for(error: BaseException) -> str:
    """Return which right Waybill's account lacks."""
    reason = _reason(error)
    if reason.startswith("must be owner of"):
        return _("Make Waybill's account the owner, or a member of the owner's role.")
    if "row-level security" in reason:
        return _("Make Waybill's account the table's owner, or grant it BYPASSRLS: it must see every row.")
    if re.search("for (table|view|materialized view|sequence)", reason):
        return _("Grant Waybill's account SELECT, INSERT, UPDATE and DELETE on it.")
    return _("Grant Waybill's account the right to create schemas and tables.")


def explain_copy(file: CsvFile, error: psycopg.Error) -> ImportRefusedError:
    """Turn PostgreSQL's refusal of a line into words."""
    found = re.search(r"line (\d+)", error.diag.context or "")
    if not found:
        return explain(error)
    line, fields = file.at(int(found[1]))
    if isinstance(error, psycopg.errors.ProgramLimitExceeded):
        # The server notices when it writes several rows at once.
        text = _("Line %(line)d or shortly before: a row is larger than PostgreSQL's limit of 8 kB. %(todo)s")
        todo = _("Split the file into several tables with the same key.")
        return ImportRefusedError(text % {"line": line, "todo": todo})
    if len(fields) != len(file.names):
        return _wrong_count(file, line, fields)
    return ImportRefusedError(_("Line %(line)d: %(reason)s.") % {"line": line, "reason": _reason(error)})


def check_count(file: CsvFile, loaded: int) -> None:
    """Refuse an import if PostgreSQL has another number of rows than were sent."""
    if loaded != file.rows:
        text = _(
            "The file has %(sent)s rows, but PostgreSQL loaded %(loaded)s. Import it again; if this repeats, "
            "report it to your Waybill operator."
        )
        raise ImportRefusedError(text % {"sent": f"{file.rows:,}", "loaded": f"{loaded:,}"})


def _wrong_count(file: CsvFile, line: int, fields: list[str]) -> ImportRefusedError:
    if not fields:
        return ImportRefusedError(_("Line %(line)d is empty. Remove it, or fill in its fields.") % {"line": line})
    few = ngettext(
        "Line %(line)d has %(count)d field, the header has %(wanted)d: %(missing)s. %(todo)s",
        "Line %(line)d has %(count)d fields, the header has %(wanted)d: %(missing)s. %(todo)s",
        len(fields),
    )
    many = _("Line %(line)d has %(count)d fields, the header has %(wanted)d. %(todo)s")
    todo = " ".join(filter(None, [_how_to_divide(file, fields), file.how_to_name_delimiter(line)]))
    details = {"line": line, "count": len(fields), "wanted": len(file.names), "todo": todo}
    is_one = len(file.names) - len(fields) == 1
    missing = _("column %(name)s is missing") if is_one else _("the columns from %(name)s on are missing")
    details["missing"] = missing % {"name": file.names[min(len(fields), len(file.names) - 1)]}
    return ImportRefusedError((few if len(fields) < len(file.names) else many) % details)


def _how_to_divide(file: CsvFile, fields: list[str]) -> str:
    """Return how to write a line that has another number of fields than the header."""
    name = delimiter_name(file.delimiter)
    if len(fields) == 1 and file.delimiter in fields[0]:
        return _("The whole line is in double quotes: save it without them.")
    if len(file.header) == 1 and file.delimiter in file.header[0]:
        return _("The whole header is in double quotes: save it without them.")
    if len(fields) > len(file.names):
        return _("Put values that contain %(name)s in double quotes, or remove the extra values.") % {"name": name}
    return _("Write a delimiter for each column, even if the value is empty.")


def check_dates(raw: psycopg.Connection, staging: sql.Identifier, file: CsvFile, columns: list[Column]) -> None:
    """Refuse values that do not fit the date format given for their column."""
    for position, column in enumerate(columns):
        if not column.date_format or _dates_fit(raw, staging, column):
            continue
        if column.date_format == column.known_format:  # nobody asked for it this time
            column.date_format, column.pg_type = "", "text"
        else:
            line, value = next(_misfits(file, position, column.date_format))
            text = _("Line %(line)d, column %(column)s: “%(value)s” does not fit %(format)s.")
            details = {"line": line, "column": column.name, "value": value[:40], "format": column.date_format}
            raise ImportRefusedError(text % details)


def check_asked(raw: psycopg.Connection, staging: sql.Identifier, file: CsvFile, columns: list[Column]) -> None:
    """Refuse values that do not fit the types asked for."""
    for position, column in enumerate(columns):
        if deciding.is_as_asked(column):
            continue
        value = deciding.misfit(raw, staging, column, deciding.NAMES[column.asked])
        details = {"column": column.name, "type": column.asked, "value": value}
        if not value:
            text = _("Column %(column)s cannot be %(type)s: some values would not be written as in the file.")
            raise ImportRefusedError(text % details)
        found = file.find(lambda fields, at=position, bad=value: fields[at : at + 1][0][:40] == bad)  # type: ignore[misc]
        text = _(
            "Line %(line)d, column %(column)s: “%(value)s” is not a valid %(type)s. Correct it, or name another --type."
        )
        line = next(found)[0]
        raise ImportRefusedError(text % {**details, "line": line})


def _dates_fit(raw: psycopg.Connection, staging: sql.Identifier, column: Column) -> bool:
    pattern = f"^(?:{date_pattern(column.date_format).pattern})$"
    query = sql.SQL("SELECT bool_and({raw} = '' OR {raw} ~ {pattern}), max({value}) FROM {staging}").format(
        raw=column.raw, pattern=sql.Literal(pattern), value=column.value, staging=staging
    )
    try:
        with raw.transaction():
            row = raw.execute(query).fetchone()
    except psycopg.DataError:
        return False
    return row is None or row[0] is not False


def _misfits(file: CsvFile, position: int, date_format: str) -> Iterator[tuple[int, str]]:
    pattern = date_pattern(date_format)
    for line, fields in file.records():
        value = fields[position]
        if value and not (pattern.fullmatch(value) and _is_date(value, date_format)):
            yield line, value


def _is_date(value: str, date_format: str) -> bool:
    try:
        return bool(datetime.strptime(value, date_format))
    except ValueError:
        return False


def explain_repeat(
    raw: psycopg.Connection, staging: sql.Identifier, file: CsvFile, columns: list[Column]
) -> ImportRefusedError:
    """Return the first line whose key an earlier line has."""
    keys = [column for column in columns if column.is_key]
    names = sql.SQL(", ").join(column.raw for column in keys)
    query = sql.SQL(
        "SELECT {names} FROM (SELECT *, ctid AS place, row_number() OVER (PARTITION BY {names} ORDER BY ctid) AS n"
        " FROM {staging}) AS numbered WHERE n = 2 ORDER BY place LIMIT 1"
    ).format(names=names, staging=staging)
    values = list(raw.execute(query).fetchone() or ())
    positions = [position for position, column in enumerate(columns) if column.is_key]
    lines = file.find(lambda fields: [fields[position] for position in positions] == values)
    first, second = next(lines)[0], next(lines)[0]
    key = ", ".join(f"{column.name} “{value[:LONGEST_SHOWN]}”" for column, value in zip(keys, values, strict=True))
    text = _("Line %(second)d: %(key)s is already in line %(first)d. Remove one, or name another key.")
    return ImportRefusedError(text % {"second": second, "first": first, "key": key})


def explain_long_key(
    raw: psycopg.Connection, staging: sql.Identifier, file: CsvFile, columns: list[Column]
) -> ImportRefusedError:
    """Name the first line with the longest key."""
    positions = [position for position, column in enumerate(columns) if column.is_key]
    sizes = sql.SQL(" + ").join(sql.SQL("octet_length({})").format(columns[at].raw) for at in positions)
    row = raw.execute(sql.SQL("SELECT max({}) FROM {}").format(sizes, staging)).fetchone() or (0,)
    longest = int(row[0])
    line, _fields = next(file.find(lambda fields: sum(len(fields[at].encode()) for at in positions) == longest))
    text = _("Line %(line)d: the key has %(size)s bytes; the limit is about 2,700. Name a shorter key.")
    return ImportRefusedError(text % {"line": line, "size": f"{longest:,}"})


def _reason(error: BaseException) -> str:
    """Return the first line of the error without its full stop."""
    said = getattr(error, "strerror", None) or str(error)
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        said = error.diag.message_primary
    return said.strip().partition("\n")[0].rstrip(".")
