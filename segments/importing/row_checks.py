"""Checks the staged rows: empty keys, keys with invisible characters, a repeated header."""

from collections.abc import Callable, Sequence

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from roles.validators import visible
from segments.importing import invisible
from segments.importing.columns import Column
from segments.importing.csvfile import CsvFile
from segments.importing.sniffing import ImportRefusedError

LONGEST_SHOWN = 80  # characters of a value
# What may stand around a name in a header that comes again.
AROUND = " \t\r\n\x1a\u00a0\u200b\ufeff"
AROUND_BYTES = 8


def check(
    raw: psycopg.Connection,
    staging: sql.Identifier,
    file: CsvFile,
    columns: Sequence[Column],
    tell: Callable[[str], None],
) -> None:
    """Refuse rows with empty keys and repeated headers; note keys with invisible characters."""
    keys = [(position, column) for position, column in enumerate(columns) if column.is_key]
    tests = [sql.SQL("coalesce({}, '') = ''").format(column.raw) for _position, column in keys]
    tests += [sql.SQL("{key} <> btrim({key}, {around})").format(key=c.raw, around=" \t\r\n") for _position, c in keys]
    found = _any(raw, staging, [*tests, _repeats_header(file, columns)])
    for (position, column), is_empty in zip(keys, found, strict=False):
        if is_empty:
            raise _empty_key(file, position, column)
    if found[-1]:
        _refuse_header(file, tell)
    for (position, column), has_blanks in zip(keys, found[len(keys) :], strict=False):
        _tell_of_key(raw, staging, file, (position, column), has_blanks=has_blanks, tell=tell)


def _any(raw: psycopg.Connection, staging: sql.Identifier, tests: Sequence[sql.Composable]) -> list[bool]:
    """Return for each test whether any row passes it, in one scan."""
    found = sql.SQL(", ").join(sql.SQL("bool_or({})").format(test) for test in tests)
    row = raw.execute(sql.SQL("SELECT {} FROM {}").format(found, staging)).fetchone() or ()
    return [bool(value) for value in row]


def _empty_key(file: CsvFile, position: int, column: Column) -> ImportRefusedError:
    line, _fields = next(file.find(lambda fields: not fields[position : position + 1] or not fields[position]))
    text = _("Line %(line)d: the key %(column)s is empty. Fill it in, or remove the row.")
    return ImportRefusedError(text % {"line": line, "column": column.name})


def _repeats_header(file: CsvFile, columns: Sequence[Column]) -> sql.Composable:
    """Return the condition that a row holds the column names. Lengths come first because they compare fast."""
    pairs = list(zip(columns, file.header, strict=True))
    sizes = [
        sql.SQL("octet_length({}) BETWEEN {} AND {}").format(
            column.raw, sql.Literal(len(name.strip(AROUND).encode())), sql.Literal(len(name.encode()) + AROUND_BYTES)
        )
        for column, name in pairs[:3]
        if name
    ]
    same = [
        sql.SQL("lower(btrim(coalesce({}, ''), {})) = lower({})").format(
            column.raw, sql.Literal(AROUND), sql.Literal(name.strip(AROUND))
        )
        for column, name in pairs
    ]
    return sql.SQL(" AND ").join([*sizes, *same])


def _refuse_header(file: CsvFile, tell: Callable[[str], None]) -> None:
    """Refuse the row with the column names; in a single column it may be a value, and is only noted."""
    names = [name.strip(AROUND).casefold() for name in file.header]
    line, _fields = next(file.find(lambda fields: [field.strip(AROUND).casefold() for field in fields] == names))
    if len(names) == 1:
        text = _("Line %(line)d repeats the column's name. If it is not a value, remove the line and import again.")
        tell(text % {"line": line})
        return
    text = _("Line %(line)d repeats the header. Remove all such lines: joined files have one for each file.")
    raise ImportRefusedError(text % {"line": line})


def _tell_of_key(
    raw: psycopg.Connection,
    staging: sql.Identifier,
    file: CsvFile,
    key: tuple[int, Column],
    *,
    has_blanks: bool,
    tell: Callable[[str], None],
) -> None:
    """Note that the key has invisible characters, or blanks at its ends."""
    position, column = key
    tests = [sql.SQL("{key} <> btrim({key}, {around})").format(key=column.raw, around=" \t\r\n")] if has_blanks else []
    if file.hides_signs:
        tests.append(sql.SQL("{} ~ {}").format(column.raw, sql.Literal(f"[{invisible.IN_KEYS}]")))
    if not tests:
        return
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(staging, sql.SQL(" OR ").join(tests))
    count = (raw.execute(query).fetchone() or (0,))[0]
    if count:
        line, fields = next(file.find(lambda fields: _is_odd(fields[position])))
        tell(_note_on_key(column.name, line, fields[position], count))


def _is_odd(value: str) -> bool:
    return bool(invisible.in_key(value)) or value != value.strip(" \t\r\n")


def _note_on_key(name: str, line: int, value: str, count: int) -> str:
    codes = invisible.in_key(value)
    text = _("Line %(line)d: the key %(name)s “%(value)s” has invisible characters: %(codes)s.")
    if not codes:
        text = _("Line %(line)d: the key %(name)s “%(value)s” begins or ends with a space.")
    details = {"line": line, "name": name, "value": visible(value)[:LONGEST_SHOWN], "codes": codes}
    more = _("Rows with such keys: %(count)s.") % {"count": f"{count:,}"} if count > 1 else ""
    todo = _("It is kept, as a different key than “%(value)s”. Correct the file unless this is intended.") % details
    return " ".join(filter(None, [text % details, more, todo]))
