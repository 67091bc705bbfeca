"""Cron expressions as people know them from other systems, read into the five parts that the library takes.

Taken are also `?`, names in full, ranges over the end (`FRI-MON`, `22-2`), `@daily` and its like, and `cron(…)` around
it. What means something else elsewhere (seconds, years, `H`) is refused with the expression to type in its place.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cronsim import CronSim, CronSimError

from roles.messages import EMPTY, Message, SaidError, listed
from roles.messages import said as _

BAD_CRON = (CronSimError, AssertionError, TypeError, ValueError)  # what the library raises, by the kind of nonsense
ALIASES = {
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
    "@MONTHLY": "0 0 1 * *",
    "@WEEKLY": "0 0 * * 0",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@HOURLY": "0 * * * *",
}
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
LONG = {name: name[:3] for name in (
    "SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "JANUARY", "FEBRUARY", "MARCH",
    "APRIL", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER",
)}  # fmt: skip
MINUTE, HOUR, DAY, MONTH, WEEKDAY = range(5)
VALUES = (range(60), range(24), range(1, 32), range(1, 13), range(7))
START = datetime(2000, 1, 1)
_FIVE = _("A cron expression has five parts: minute, hour, day of the month, month and day of the week.")
_WRAPPED = re.compile(r"cron\s*\((.*)\)", re.IGNORECASE)
_YEARS = re.compile(r"\d{4}([-,/]\d+)*")
_HASHED = re.compile(r"\bH(\(\d+-\d+\))?(/\d+)?(?![A-Z])")


class CronMistakeError(SaidError):
    """Why an expression cannot be read, and what to type."""


LAST, LAST_WEEKDAY = CronSim.LAST, CronSim.LAST_WEEKDAY


@dataclass(frozen=True)
class Cron:
    """What an expression asks for, as the library has it: LAST and LAST_WEEKDAY, 0 and 7, (weekday, which)."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int | tuple[int, int]]
    is_both: bool  # whether a day has to be in `days` and in `weekdays`, not in one of them

    @property
    def is_any_day(self) -> bool:
        """Whether each day of the month will do."""
        return set(VALUES[DAY]) <= self.days

    @property
    def is_any_weekday(self) -> bool:
        """Whether each day of the week will do."""
        return {day % 7 for day in self.weekdays if isinstance(day, int)} == set(VALUES[WEEKDAY])

    @property
    def is_every_day(self) -> bool:
        """Whether it comes on each day of its months."""
        free = (self.is_any_day, self.is_any_weekday)
        return all(free) if self.is_both else any(free)


@lru_cache(maxsize=1024)
def plain(expression: str) -> str:
    """Return the expression in five parts, as the library takes it. Raises CronMistakeError."""
    parts = _parts(expression)
    text = " ".join(_field(part, which) for which, part in enumerate(parts))
    try:
        CronSim(text, START)
    except BAD_CRON as error:
        if _comes_in_another_month(text):
            raise CronMistakeError(never(expression)) from None
        words = {"cron": expression, "part": _part(parts, str(error))}
        raise CronMistakeError(_("“%(cron)s” cannot be read: %(part)s.") % words) from None
    return text


def walls(expression: str, after: datetime) -> CronSim:
    """Return the wall clock times after `after` at which it comes, within fifty years. Raises CronMistakeError."""
    return CronSim(plain(expression), after)


def mistake(expression: str) -> Message:
    """Say what of it makes no sense and what to type; nothing where it can be read."""
    try:
        plain(expression)
    except CronMistakeError as error:
        return error.message
    return EMPTY


def asked(expression: str) -> Cron:
    """Return what it asks for. Raises CronMistakeError."""
    found = CronSim(plain(expression), START)
    weekdays: frozenset[int | tuple[int, int]] = frozenset(found.weekdays)
    minutes, hours, days, months = map(frozenset, (found.minutes, found.hours, found.days, found.months))
    return Cron(minutes, hours, days, months, weekdays, found.day_and)


def never(expression: str) -> Message:
    """Say that no year has such a day."""
    return _("“%(cron)s” never comes: no year has such a day. Choose another day or month.") % {"cron": expression}


def _parts(expression: str) -> list[str]:
    """Return the five parts, in capitals. Raises CronMistakeError."""
    text = expression.strip()
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1].strip()
    text = ALIASES.get(text.upper(), text)
    if text.startswith("@"):
        words = {"cron": text, "known": listed(name.lower() for name in ALIASES)}
        raise CronMistakeError(_("“%(cron)s” is not a time. Known are %(known)s.") % words)
    parts = text.upper().split()
    if len(parts) in (6, 7):
        raise CronMistakeError(_without_seconds_and_years(expression, parts))
    if len(parts) != 5:
        raise CronMistakeError(_FIVE)
    if _HASHED.search(text.upper()):
        raise CronMistakeError(_without_hashes(expression, text.upper()))
    return parts


# One part -------------------------------------------------------------------------------------------------------------


def _field(text: str, which: int) -> str:
    """Return one part as the library takes it; what is not understood stays, for the library to refuse."""
    if text == "?" and which in (DAY, WEEKDAY):
        return "*"
    return ",".join(_term(one, which) for one in text.split(","))


def _term(text: str, which: int) -> str:
    base, slash, step = text.partition("/")
    base = re.sub(r"[A-Z]{4,}", lambda found: LONG.get(found[0], found[0]), base)
    if which == WEEKDAY and base.endswith("L") and base[:-1] in DAYS:
        return f"{DAYS.index(base[:-1])}L"
    first, dash, last = base.partition("-")
    start, end = _number(first, which), _number(last, which)
    if not dash or start is None or end is None:
        return base + slash + step
    if which == WEEKDAY and end == 0 and start:
        end = 7
    if start <= end:
        return f"{start}-{end}{slash}{step}"
    if slash and not (step.isascii() and step.isdigit() and int(step)):
        return text
    if which == WEEKDAY:
        start %= 7  # 7 is Sunday, too
    values = [value for value in VALUES[which] if value >= start] + [value for value in VALUES[which] if value <= end]
    return ",".join(map(str, values[:: int(step or 1)]))


def _number(text: str, which: int) -> int | None:
    """Return the value of a number or a name of this part; None for anything else."""
    if which == WEEKDAY and text in DAYS:
        return DAYS.index(text)
    if which == MONTH and text in MONTHS:
        return MONTHS.index(text) + 1
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else None


# Expressions of other systems -----------------------------------------------------------------------------------------


def _without_seconds_and_years(expression: str, parts: list[str]) -> Message:
    """Say what to type in place of six or seven parts: with seconds before, with years behind, or both."""
    has_years = len(parts) == 7 or bool(_YEARS.fullmatch(parts[5])) or "?" in (parts[2], parts[4])
    has_seconds = len(parts) == 7 or not has_years
    five = parts[1:6] if has_seconds else parts[:5]
    # Systems with years or "?" count the days of the week from 1 for Sunday.
    five[WEEKDAY] = _by_name(five[WEEKDAY], first=1 if "?" in five or has_years else 0)
    better = " ".join("*" if part == "?" else part for part in five)
    if has_years and parts[-1] != "*":
        text = _("“%(cron)s” names years, but schedules come every year. Type “%(better)s” instead.")
    elif has_seconds and parts[0] not in ("0", "00"):
        text = _("“%(cron)s” names seconds, but schedules come at whole minutes. Type “%(better)s” instead.")
    else:
        text = _("“%(cron)s” has parts for seconds or years. Type “%(better)s” instead, without them.")
    return _instead(text, expression, better)


def _without_hashes(expression: str, text: str) -> Message:
    better = _HASHED.sub(lambda found: f"*{found[2]}" if found[2] else "0", text)
    words = _("“%(cron)s” leaves the time to the system (H). Type a time of your own: “%(better)s”, for example.")
    return _instead(words, expression, better)


def _instead(text: Message, expression: str, better: str) -> Message:
    """Say what to type if that can be read; else what all expressions look like."""
    return _FIVE if mistake(better) else text % {"cron": expression, "better": better}


def _by_name(text: str, first: int) -> str:
    """Return the part for days of the week with names for numbers, of which `first` is Sunday."""
    if text == "L":  # the week's last day
        return "SAT"
    number = re.compile(r"(?<![#/\d])\d(?!\d)")
    return number.sub(lambda found: DAYS[(int(found[0]) - first) % 7], text)


# What the library stumbles over ---------------------------------------------------------------------------------------


def _comes_in_another_month(text: str) -> bool:
    """Whether only its month is at fault, as in the 30th of February, which the library finds itself."""
    minute, hour, day, month, weekday = text.split()
    try:
        CronSim(f"0 0 1 {month} *", START)
        CronSim(f"{minute} {hour} {day} * {weekday}", START)
    except BAD_CRON:
        return False
    return True


def _part(parts: list[str], error: str) -> Message:
    """Name the part of the expression that the library stumbled over."""
    minute, hour, day, month, weekday = parts
    named = {
        "Bad minute": (_("the minute is “%(text)s”"), minute),
        "Bad hour": (_("the hour is “%(text)s”"), hour),
        "Bad day-of-month": (_("the day of the month is “%(text)s”"), day),
        "Bad month": (_("the month is “%(text)s”"), month),
        "Bad day-of-week": (_("the day of the week is “%(text)s”"), weekday),
    }
    words, text = named.get(error, (_("one of its parts is not understood"), ""))
    return words % {"text": text} if text else words
