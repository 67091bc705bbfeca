"""Decides the types of columns: the earlier type if its values fit, else one that prints every value unchanged."""

import re
from dataclasses import dataclass

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from segments import times
from segments.importing.columns import Column, date_pattern, likely_format, type_of_dates
from segments.importing.csvfile import ImportRefusedError
from segments.types import TEXTS, WHOLE_BITS, base_of

SAMPLE_ROWS = 1000
MOST_AT_ONCE = 800  # columns; a SELECT has at most 1664 results, and each has two
# Which types a value may have at all, tried in this order; the exact test is in SQL (CHECKS).
LOOKS_LIKE = {
    "bigint": re.compile(r"-?\d{1,19}"),
    "numeric": re.compile(r"-?\d+(\.\d+)?"),
    "boolean": re.compile(r"true|false"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
}
# True where the value prints back identically; a value that is none of the type raises a DataError.
CHECKS = {
    "numeric": "{value}::numeric::text = {value} AND length({value}) <= 100"
    " AND {value} NOT IN ('NaN', 'Infinity', '-Infinity')",
    "boolean": "{value} IN ('true', 'false')",
    "date": "{value}::date::text = {value} AND length({value}) = 10",
    times.WITHOUT_ZONE: "{value}::timestamp::text = {value} AND length({value}) BETWEEN 19 AND 26"
    " AND right({value}, 1) BETWEEN '0' AND '9'",
}
SAME = "{value}::{type}::text = {value}"
# What may be asked for, and its type.
NAMES = {
    "text": "text",
    "integer": "bigint",
    "numeric": "numeric",
    "boolean": "boolean",
    "date": "date",
    "timestamp": times.WITHOUT_ZONE,
    "timestamptz": times.WITH_ZONE,
}
AUTO = "auto"
# How much room a value takes of a page; a text takes a byte more than it is long.
BYTES = {"smallint": 2, "integer": 4, "bigint": 8, "numeric": 8, "date": 4} | dict.fromkeys(
    (times.WITHOUT_ZONE, times.WITH_ZONE), 8
)
# How large a whole number is: for -1 as for 0, for -32768 as for 32767.
REACH = "greatest(max({value}::bigint), -1 - min({value}::bigint))"


@dataclass(frozen=True)
class Candidate:
    """A type that a column may get, and how its values are written if PostgreSQL prints them otherwise."""

    pg_type: str
    layout: str = ""

    def check(self, value: sql.Composable) -> sql.Composed:
        """Return the SQL that is true where the value prints back identically."""
        details = {"value": value, "type": sql.SQL(self.pg_type)}
        if self.layout == times.ANY:
            pattern = sql.Literal(f"^{times.MOMENT.pattern}$")
            return sql.SQL("{0} ~ {1} AND {0} ~ '(Z|[+-][0-9:]{{2,5}})$' AND {0}::timestamptz IS NOT NULL").format(
                value, pattern
            )
        if self.layout:
            printed = times.Layout.of(self.layout).printed(sql.SQL("{value}::{type}").format(**details))
            return sql.SQL("{} = {}").format(printed, value)
        return sql.SQL(CHECKS.get(self.pg_type, SAME)).format(**details)


def decide_types(raw: psycopg.Connection, staging: sql.Identifier, columns: list[Column]) -> None:
    """Set each column's `pg_type`, `layout` and `has_values`. Must run in a transaction.

    Raises ImportRefusedError when values are not of the type that was asked for.
    """
    rows = _sample(raw, staging, columns)
    open_: dict[str, list[Candidate]] = {}
    for position, column in enumerate(columns):
        values = {row[position] for row in rows} - {None, ""}
        column.likely_format, column.likely_type = likely_format(values), times.likely_type(values)
        _recall_format(column, values)
        found = [] if column.date_format else _candidates(column, values)
        if found and not (values and found[0].pg_type == "text"):
            open_[column.staged] = found
    by_staged = {column.staged: column for column in columns}
    while open_:
        verdicts = _verdicts(raw, staging, {staged: found[0] for staged, found in open_.items()})
        for staged, (fits, reach) in verdicts.items():
            tried = open_[staged].pop(0)
            if _settle(by_staged[staged], tried, fits, reach) or not open_[staged]:
                del open_[staged]


def name_misfits(raw: psycopg.Connection, staging: sql.Identifier, columns: list[Column]) -> None:
    """Find, for each column that became text, a value that did not fit its earlier type."""
    for column in columns:
        if column.known and column.pg_type == "text" and not column.asked:
            column.misfit = misfit(raw, staging, column, column.known)


def _recall_format(column: Column, values: set[str]) -> None:
    """Read dates in the format of the earlier import if they look like it."""
    if not column.known_format or column.date_format or column.asked or not values:
        return
    pattern = date_pattern(column.known_format)
    if all(pattern.fullmatch(value) for value in values):
        column.date_format, column.pg_type = column.known_format, type_of_dates(column.known_format)


def _settle(column: Column, tried: Candidate, fits: bool | None, reach: int | None) -> bool:
    """Take the candidate if all values fit, or the earlier type if there are none; return whether one was taken."""
    if fits is None:
        column.has_values = False
        column.pg_type, column.layout = _without_values(column), column.known_layout
        return True
    column.pg_type, column.layout = (tried.pg_type, tried.layout) if fits else ("text", "")
    if column.pg_type == "bigint":
        column.pg_type = _whole("" if column.asked == AUTO else column.known, reach or 0)
    return fits


def _without_values(column: Column) -> str:
    asked = NAMES.get(column.asked, "")
    if asked == "bigint":
        return column.known if column.known in WHOLE_BITS else "integer"
    return asked or column.known or "text"


def _whole(known: str, reach: int) -> str:
    """Return the smallest type of whole numbers for this range, not smaller than the earlier one."""
    fitting = [name for name, bits in WHOLE_BITS.items() if reach < 2**bits]
    return known if known in fitting else fitting[0]


def _sample(raw: psycopg.Connection, staging: sql.Identifier, columns: list[Column]) -> list[tuple]:
    starts = sql.SQL(", ").join(sql.SQL("left({}, 120)").format(column.raw) for column in columns)
    query = sql.SQL("SELECT {} FROM {} LIMIT {}").format(starts, staging, SAMPLE_ROWS)
    return raw.execute(query).fetchall()


def _candidates(column: Column, values: set[str]) -> list[Candidate]:
    """Return the types that the first rows allow; the one asked for, or the earlier one, comes first."""
    if column.asked and column.asked != AUTO:
        return _asked(NAMES[column.asked], values)
    text, known = Candidate("text"), "" if column.asked == AUTO else column.known
    if base_of(known) in TEXTS:
        missed = _inferred(column, values) if column.is_missed else []
        return list(dict.fromkeys([*missed, Candidate(known), text]))
    before = [Candidate("bigint" if known in WHOLE_BITS else known, column.known_layout)] if known else []
    return list(dict.fromkeys([*before, *_inferred(column, values), text]))


def _asked(pg_type: str, values: set[str]) -> list[Candidate]:
    found = [Candidate(pg_type)]
    if pg_type in (times.WITH_ZONE, times.WITHOUT_ZONE):
        exact = [Candidate(pg_type, layout) for layout in times.layouts(values) if _type_of(layout, values) == pg_type]
        found = exact or found
    return [*found, Candidate(pg_type, times.ANY)] if pg_type == times.WITH_ZONE else found


def _inferred(column: Column, values: set[str]) -> list[Candidate]:
    types = [name for name, look in LOOKS_LIKE.items() if all(look.fullmatch(value) for value in values)]
    if column.is_key and "numeric" in types:
        types.remove("numeric")  # 1.0 and 1.00 are different texts, but equal numbers
    found = [Candidate(name) for name in types]
    if not values:
        found.append(Candidate(times.WITHOUT_ZONE))
    return found + [Candidate(_type_of(layout, values), layout) for layout in times.layouts(values)]


def _type_of(layout: str, values: set[str]) -> str:
    """Return the type whose layout fits all of these moments."""
    if layout:
        return times.Layout.of(layout).pg_type
    return times.WITH_ZONE if next(iter(values)).endswith("+00") else times.WITHOUT_ZONE


def _verdicts(
    raw: psycopg.Connection, staging: sql.Identifier, candidates: dict[str, Candidate]
) -> dict[str, tuple[bool | None, int | None]]:
    """Check the candidates, with as few scans as PostgreSQL allows."""
    found: dict[str, tuple[bool | None, int | None]] = {}
    names = list(candidates)
    for start in range(0, len(names), MOST_AT_ONCE):
        some = {name: candidates[name] for name in names[start : start + MOST_AT_ONCE]}
        found |= _check(raw, staging, some)
    return found


def _check(
    raw: psycopg.Connection, staging: sql.Identifier, candidates: dict[str, Candidate]
) -> dict[str, tuple[bool | None, int | None]]:
    """Tell for each staged column whether all its values fit (None: it has none), and the reach of whole numbers.

    It takes one scan, if no value raises an error.
    """
    tests: list[sql.Composable] = []
    for staged, candidate in candidates.items():
        value = sql.SQL("nullif({}, '')").format(sql.Identifier(staged))
        reach = REACH if candidate.pg_type == "bigint" else "NULL"
        fits = sql.SQL("bool_and({})").format(candidate.check(value))
        if candidate.pg_type == "text":  # takes each, so only whether there are any is asked
            fits = sql.SQL("nullif(bool_or({} IS NOT NULL), false)").format(value)
        tests += [fits, sql.SQL(reach).format(value=value)]
    try:
        with raw.transaction():
            row = raw.execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(tests), staging)).fetchone() or ()
    except psycopg.DataError:
        if len(candidates) == 1:
            return dict.fromkeys(candidates, (False, None))
        alone = [_check(raw, staging, {staged: candidate}) for staged, candidate in candidates.items()]
        return {staged: verdict for one in alone for staged, verdict in one.items()}
    return {staged: (row[2 * at], row[2 * at + 1]) for at, staged in enumerate(candidates)}


def narrow(raw: psycopg.Connection, staging: sql.Identifier, columns: list[Column]) -> bool:
    """Let columns be text whose values take less room so than as their type; return whether there are any.

    PostgreSQL keeps a row's short values in one page, and moves only long texts out of it.
    """
    fixed = [column for column in columns if base_of(column.pg_type) in BYTES]
    if not fixed:
        return False
    sizes = sql.SQL(", ").join(sql.SQL("max(octet_length({}))").format(column.raw) for column in fixed)
    row = raw.execute(sql.SQL("SELECT {} FROM {}").format(sizes, staging)).fetchone() or ()
    wide = [column for column, size in zip(fixed, row, strict=True) if (size or 0) + 1 < BYTES[base_of(column.pg_type)]]
    for column in wide:
        column.pg_type, column.layout, column.date_format = "text", "", ""
    return bool(wide)


def misfit(raw: psycopg.Connection, staging: sql.Identifier, column: Column, pg_type: str) -> str:
    """Return a value that does not look like the type, "" if all do or that cannot be decided."""
    name = "bigint" if pg_type in WHOLE_BITS else base_of(pg_type)
    look = LOOKS_LIKE.get(name) or (times.MOMENT if name.startswith("timestamp") else None)
    if look is None:
        return ""
    query = sql.SQL("SELECT left({0}, 40) FROM {1} WHERE {0} <> '' AND {0} !~ {2} LIMIT 1")
    row = raw.execute(query.format(column.raw, staging, sql.Literal(f"^(?:{look.pattern})$"))).fetchone()
    return row[0] if row else ""


def is_as_asked(column: Column) -> bool:
    """Whether the column got the type asked for, if one was."""
    wanted = NAMES.get(column.asked)
    return wanted in (None, column.pg_type) or (wanted == "bigint" and column.pg_type in WHOLE_BITS)


def known_name(name: str) -> str:
    """Return the name of a type that may be asked for. Raises ImportRefusedError for others."""
    if name not in NAMES and name != AUTO:
        text = _("Unknown type %(name)s. Known types: %(known)s.")
        raise ImportRefusedError(text % {"name": name, "known": ", ".join([*NAMES, AUTO])})
    return name
