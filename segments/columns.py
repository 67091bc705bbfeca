"""What a column of a CSV file holds: the PostgreSQL type under which every value prints back identically."""

import re
from dataclasses import dataclass

import psycopg
from psycopg import sql

from roles.kinds import SemanticType
from segments.csvfile import ImportRefusedError

SAMPLE_ROWS = 1000
# Which types a value may have at all, tried in this order; the exact test is in SQL (CHECKS).
LOOKS_LIKE = {
    "bigint": re.compile(r"-?\d{1,19}"),
    "numeric": re.compile(r"-?\d+(\.\d+)?"),
    "boolean": re.compile(r"true|false"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?"),
}
# True where the value prints back identically; a value that is none of the type raises a DataError.
CHECKS = {
    "bigint": "{value}::bigint::text = {value}",
    "numeric": "{value}::numeric::text = {value} AND length({value}) <= 100"
    " AND {value} NOT IN ('NaN', 'Infinity', '-Infinity')",
    "boolean": "{value} IN ('true', 'false')",
    "date": "{value}::date::text = {value} AND length({value}) = 10",
    "timestamp": "{value}::timestamp::text = {value} AND length({value}) BETWEEN 19 AND 26"
    " AND right({value}, 1) BETWEEN '0' AND '9'",
}
# strptime's codes, what they look like, and PostgreSQL's name for them.
DATE_CODES = {
    "%Y": (r"\d{4}", "YYYY"),
    "%m": (r"\d{1,2}", "MM"),
    "%d": (r"\d{1,2}", "DD"),
    "%H": (r"\d{1,2}", "HH24"),
    "%M": (r"\d{1,2}", "MI"),
    "%S": (r"\d{1,2}", "SS"),
}
# Dates as people write them; which number is the month has to be told.
WRITTEN_DATE = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2\d{4}")
SEMANTIC_NAMES = {
    SemanticType.FIRST_NAME: {"firstname", "givenname", "forename"},
    SemanticType.LAST_NAME: {"lastname", "surname", "familyname"},
    SemanticType.FULL_NAME: {"fullname", "customername", "contactname", "personname"},
    SemanticType.EMAIL: {"email", "emailaddress", "mail", "email1", "emailaddress1", "primaryemail"},
    SemanticType.PHONE: {"telephone", "phone", "phonenumber", "mobile", "mobilephone", "tel", "telephone1"},
    SemanticType.BIRTH_DATE: {"dateofbirth", "birthdate", "birthday", "dob"},
    SemanticType.STREET: {"streetaddress", "street", "address", "address1", "addressline1", "streetaddress1"},
    SemanticType.CITY: {"city", "town"},
    SemanticType.STATE: {"state", "province", "stateorprovince", "region"},
    SemanticType.POSTAL_CODE: {"postcode", "postalcode", "zip", "zipcode"},
    SemanticType.COUNTRY: {"country", "countryregion", "countrycode", "countryname"},
    SemanticType.COMPANY: {"company", "companyname", "accountname", "organization", "organisation"},
    SemanticType.WEBSITE: {"website", "websiteurl", "url", "homepage"},
}
PERSON_NAMES = {"contactid", "customerid", "personid", "accountid", "userid"}


@dataclass
class Column:
    """One column of the file: staged as text under `staged`, to become the field `name`."""

    name: str
    staged: str
    is_key: bool = False
    date_format: str = ""
    pg_type: str = "text"
    likely_format: str = ""  # of what looks like dates but stays text

    @property
    def raw(self) -> sql.Composable:
        """The staged text."""
        return sql.Identifier(self.staged)

    @property
    def value(self) -> sql.Composable:
        """The SQL that makes the field's value of the staged text; empty becomes NULL unless it is text."""
        filled = sql.SQL("nullif({}, '')").format(self.raw)
        if self.date_format:
            template = sql.Literal(pg_template(self.date_format))
            return sql.SQL("to_timestamp({}, {})::{}").format(filled, template, sql.SQL(self.pg_type))
        if self.pg_type == "text":
            return self.raw
        return sql.SQL("{}::{}").format(filled, sql.SQL(self.pg_type))


def pg_template(date_format: str) -> str:
    """Return a strptime format in PostgreSQL's spelling; ImportRefusedError if it uses another code."""
    pieces = re.split(r"(%.)", date_format)
    codes = pieces[1::2]
    if not {"%Y", "%m", "%d"} <= set(codes) <= set(DATE_CODES) or len(codes) != len(set(codes)):
        known = " ".join(DATE_CODES)
        raise ImportRefusedError(f"“{date_format}” is no date format. Use each of %Y %m %d once; known are {known}.")
    return "".join(DATE_CODES[piece][1] if piece in DATE_CODES else _quoted(piece) for piece in pieces)


def date_pattern(date_format: str) -> re.Pattern[str]:
    """Return what values in `date_format` look like."""
    pieces = re.split(r"(%.)", date_format)
    return re.compile("".join(DATE_CODES[p][0] if p in DATE_CODES else re.escape(p) for p in pieces))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if text else ""


def guess_semantic_type(name: str, *, is_key: bool, is_profile: bool) -> str:
    """Return what a field called `name` probably means, "" if that cannot be told."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if is_profile and is_key:
        return SemanticType.PERSON_ID
    if not is_profile and plain in PERSON_NAMES:
        return SemanticType.PERSON_ID
    return next((kind for kind, names in SEMANTIC_NAMES.items() if plain in names), SemanticType.NONE)


def decide_types(connection: psycopg.Connection, staging: sql.Identifier, columns: list[Column]) -> None:
    """Set each column's `pg_type`. Must run in a transaction."""
    candidates = _candidates(connection, staging, columns)
    while candidates:
        verdicts = _check(connection, staging, {name: types[0] for name, types in candidates.items()}, columns)
        for column in columns:
            if column.staged not in verdicts:
                continue
            tried = candidates[column.staged].pop(0)
            if verdicts[column.staged]:
                column.pg_type = tried
            if verdicts[column.staged] or not candidates[column.staged]:
                del candidates[column.staged]


def _candidates(connection: psycopg.Connection, staging: sql.Identifier, columns: list[Column]) -> dict[str, list[str]]:
    """Return for each staged column the types that the first rows allow."""
    starts = sql.SQL(", ").join(sql.SQL("left({}, 120)").format(column.raw) for column in columns)
    query = sql.SQL("SELECT {} FROM {} LIMIT {}").format(starts, staging, SAMPLE_ROWS)
    rows = connection.execute(query).fetchall()
    found = {}
    for position, column in enumerate(columns):
        values = {row[position] for row in rows} - {None, ""}
        column.likely_format = _likely_format(values)
        types = [name for name, look in LOOKS_LIKE.items() if all(look.fullmatch(value) for value in values)]
        if column.is_key and "numeric" in types:
            types.remove("numeric")  # 1.0 and 1.00 are different texts, but equal numbers
        if types and not column.date_format:
            found[column.staged] = types
    return found


def _likely_format(values: set[str]) -> str:
    """Return the date format that fits all of `values`, "" if there is none."""
    found = [WRITTEN_DATE.fullmatch(value) for value in values]
    dates = [match for match in found if match]
    if not dates or len(dates) < len(values) or len({date[2] for date in dates}) > 1:
        return ""
    first, second = (max(int(date[group]) for date in dates) for group in (1, 3))
    codes = ("%d", "%m") if first > 12 else ("%m", "%d")
    day = max(first, second)
    return dates[0][2].join([*codes, "%Y"]) if day <= 31 and min(first, second) <= 12 else ""


def _check(
    connection: psycopg.Connection, staging: sql.Identifier, types: dict[str, str], columns: list[Column]
) -> dict[str, bool]:
    """Tell for each staged column of `types` whether all its values print back identically; one scan if it can."""
    tests = sql.SQL(", ").join(
        sql.SQL("bool_and(" + CHECKS[pg_type] + ")").format(
            value=sql.SQL("nullif({}, '')").format(sql.Identifier(staged))
        )
        for staged, pg_type in types.items()
    )
    try:
        with connection.transaction():
            row = connection.execute(sql.SQL("SELECT {} FROM {}").format(tests, staging)).fetchone() or ()
    except psycopg.DataError:
        if len(types) == 1:
            return dict.fromkeys(types, False)
        alone = [_check(connection, staging, {staged: pg_type}, columns) for staged, pg_type in types.items()]
        return {staged: verdict for one in alone for staged, verdict in one.items()}
    return {staged: bool(verdict) for staged, verdict in zip(types, row, strict=True)}
