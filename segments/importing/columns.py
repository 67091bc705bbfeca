"""The columns of a CSV file: their types, their date formats, and what their names mean."""

import re
from dataclasses import dataclass

from psycopg import sql

from roles.kinds import SemanticType
from segments import times
from segments.importing.csvfile import ImportRefusedError

# strptime's codes, what they look like, and PostgreSQL's name for them.
DATE_CODES = {
    "%Y": (r"\d{4}", "YYYY"),
    "%m": (r"\d{1,2}", "MM"),
    "%d": (r"\d{1,2}", "DD"),
    "%H": (r"\d{1,2}", "HH24"),
    "%M": (r"\d{1,2}", "MI"),
    "%S": (r"\d{1,2}", "SS"),
    "%f": (r"\d{1,6}", "US"),
    "%z": (r"(?:Z|[+-]\d\d:?\d\d)", ""),
}
# A Z behind the time means UTC, as in ISO 8601.
ENDS_IN_UTC = re.compile(r"%[MSf]Z$")
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
    """One column of the file: staged as text under `staged`, to become the field `name`.

    `asked` is the type that the import names, `known` the one that the table has (with its modifiers), both "" where
    there is none. `layout` says how moments are written where PostgreSQL prints them otherwise (`times.Layout`).
    """

    name: str
    staged: str
    is_key: bool = False
    date_format: str = ""
    pg_type: str = "text"
    likely_format: str = ""  # of what looks like dates but stays text
    likely_type: str = ""
    asked: str = ""
    known: str = ""
    is_missed: bool = False  # text, where rules or relationships need what it was before
    known_layout: str = ""
    known_format: str = ""
    layout: str = ""
    has_values: bool = True
    misfit: str = ""  # a value because of which it is no longer what it was

    @property
    def raw(self) -> sql.Composable:
        """The staged text."""
        return sql.Identifier(self.staged)

    @property
    def value(self) -> sql.Composable:
        """The SQL that turns the staged text into the field's value; an empty text becomes NULL unless it is text."""
        filled = sql.SQL("nullif({}, '')").format(self.raw)
        if self.date_format:
            return _dated(filled, self.date_format, self.pg_type)
        if self.pg_type == "text":
            return self.raw
        return sql.SQL("{}::{}").format(filled, sql.SQL(self.pg_type))


def type_of_dates(date_format: str) -> str:
    """Return the type of what is written in a strptime format."""
    if "%z" in date_format or ENDS_IN_UTC.search(date_format):
        return times.WITH_ZONE
    return times.WITHOUT_ZONE if "%H" in date_format else "date"


def _dated(value: sql.Composable, date_format: str, pg_type: str) -> sql.Composable:
    """Return the SQL that reads `value` as `date_format` says."""
    if pg_type != times.WITH_ZONE:
        template = sql.Literal(pg_template(date_format))
        return sql.SQL("to_timestamp({}, {})::{}").format(value, template, sql.SQL(pg_type))
    pieces = re.split(r"(%.)", date_format)
    pattern = "".join(f"({DATE_CODES[p][0]})" if p in DATE_CODES else re.escape(p) for p in pieces)
    at = {code: f"\\{number}" for number, code in enumerate(pieces[1::2], start=1)}
    clock = ":".join(at.get(code, "00") for code in ("%H", "%M", "%S"))
    zone = at.get("%z", "Z")
    iso = f"{at['%Y']}-{at['%m']}-{at['%d']} {clock}" + (f".{at['%f']}" if "%f" in at else "") + zone
    replaced = sql.SQL("regexp_replace({}, {}, {})").format(value, sql.Literal(f"^{pattern}$"), sql.Literal(iso))
    return sql.SQL("{}::{}").format(replaced, sql.SQL(pg_type))


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
    """Return what a field called `name` probably means, "" if its name does not tell."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if is_profile and is_key:
        return SemanticType.PERSON_ID
    if not is_profile and plain in PERSON_NAMES:
        return SemanticType.PERSON_ID
    return next((kind for kind, names in SEMANTIC_NAMES.items() if plain in names), SemanticType.NONE)


def likely_format(values: set[str]) -> str:
    """Return the date format that fits all of `values`, "" if there is none."""
    found = [WRITTEN_DATE.fullmatch(value) for value in values]
    dates = [match for match in found if match]
    if not dates or len(dates) < len(values) or len({date[2] for date in dates}) > 1:
        return ""
    first, second = (max(int(date[group]) for date in dates) for group in (1, 3))
    codes = ("%d", "%m") if first > 12 else ("%m", "%d")
    day = max(first, second)
    return dates[0][2].join([*codes, "%Y"]) if day <= 31 and min(first, second) <= 12 else ""
