"""How a column writes its moments (ISO 8601), so that exports write them the same way."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

WITH_ZONE = "timestamp with time zone"
WITHOUT_ZONE = "timestamp"
ANY = "any"  # layout of values that are written in several ways: exports write them as PostgreSQL does, in UTC
ZONE = r"Z|[+-]\d\d(?::?\d\d)?"
MOMENT = re.compile(rf"\d{{4}}-\d\d-\d\d([T ])\d\d:\d\d(?::\d\d(?:\.(\d{{1,6}}))?)?({ZONE})?")
MOMENT_WITHOUT_SECONDS = re.compile(rf"\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d(?:{ZONE})?")
# How PostgreSQL itself prints them in UTC.
NATIVE = {" t", " t+00"}


@dataclass(frozen=True)
class Layout:
    """How moments are written: what stands before the hour, the fraction, and the zone, the same for all.

    `fraction` is a number of digits, that number behind a question mark where 0 is left out, "t" where zeros at its
    end are, "m" where there are no seconds either.
    """

    divider: str
    fraction: str
    zone: str

    def __str__(self) -> str:
        return f"{self.divider}{self.fraction}{self.zone}"

    @classmethod
    def of(cls, text: str) -> "Layout":
        """Return what was written by str()."""
        found = re.fullmatch(rf"([T ])(m|t|\??\d)({ZONE})?", text)
        if found is None:
            raise ValueError(f"{text} is no layout of moments.")
        return cls(found[1], found[2], found[3] or "")

    @property
    def pg_type(self) -> str:
        """The type of such moments."""
        return WITH_ZONE if self.zone else WITHOUT_ZONE

    def printed(self, value: sql.Composable) -> sql.Composed:
        """Return the SQL that writes a value of that type so."""
        text = sql.SQL("to_char({}, {})").format(self._local(value), sql.Literal(self._template()))
        if self.fraction == "t":
            text = sql.SQL("rtrim(rtrim({}, '0'), '.')").format(text)
        if self.fraction.startswith("?"):
            text = sql.SQL("replace({}, {}, '')").format(text, sql.Literal("." + "0" * int(self.fraction[1:])))
        return sql.SQL("({} || {})").format(text, sql.Literal(self.zone)) if self.zone else text

    def _local(self, value: sql.Composable) -> sql.Composable:
        if not self.zone:
            return value
        digits = re.sub(r"\D", "", self.zone).ljust(4, "0")
        offset = f"{self.zone[0]}{digits[:2]}:{digits[2:]}" if self.zone != "Z" else "00:00"
        return sql.SQL("({} AT TIME ZONE {}::interval)").format(value, sql.Literal(offset))

    def _template(self) -> str:
        start = f'YYYY-MM-DD"{self.divider}"HH24:MI'
        if self.fraction == "m":
            return start
        digits = {"t": "6"}.get(self.fraction, self.fraction.removeprefix("?"))
        return f"{start}:SS" + (f".FF{digits}" if digits != "0" else "")


def layouts(values: Iterable[str]) -> list[str]:
    """Return the layouts that all of `values` may have, the most exact first; "" stands for PostgreSQL's own."""
    found = [MOMENT.fullmatch(value) for value in values]
    moments = [one for one in found if one]
    ways = {(one[1], one[3] or "") for one in moments}
    if len(moments) < len(found) or len(ways) != 1:
        return []
    ((divider, zone),) = ways
    have_seconds = {MOMENT_WITHOUT_SECONDS.fullmatch(one[0]) is None for one in moments}
    if have_seconds == {True}:
        fractions = _fractions({len(one[2] or "") for one in moments})
    else:
        fractions = ["m"] if have_seconds == {False} else []
    texts = [str(Layout(divider, fraction, zone)) for fraction in fractions]
    return ["" if text in NATIVE else text for text in texts]


def _fractions(lengths: set[int]) -> list[str]:
    """Return how fractions of these numbers of digits may be written; rows further down may have others."""
    if lengths == {0}:
        return ["t", "?3", "?6"]
    if len(lengths) == 1:
        (digits,) = lengths
        return [str(digits), f"?{digits}", "t"]
    most = max(lengths)
    return [f"?{most}", "t"] if lengths == {0, most} else ["t"]


def likely_type(values: Iterable[str]) -> str:
    """Return how --type calls what all of `values` look like: moments, however each is written; "" if they do not."""
    found = [MOMENT.fullmatch(value) for value in values]
    have_zones = {bool(one and one[3]) for one in found}
    if not found or not all(found) or len(have_zones) > 1:
        return ""
    return "timestamptz" if have_zones == {True} else "timestamp"
