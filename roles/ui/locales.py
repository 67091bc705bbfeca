"""How each locale writes dates, times, numbers and lists: all of it from Babel, which has the data of Unicode's CLDR.

The locale is that of the active language. Words that are ours alone are texts of the catalogue.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from babel import Locale, UnknownLocaleError, dates, lists, numbers, units
from django.utils.translation import get_language

# English as Europe writes it: 24 hours, the day before the month, Monday first. Territories say the first weekday.
# In the pseudo-locale they are in other letters: what is in Latin ones there did not come from here.
LOCALES = {"en": "en_GB", "fr": "fr_FR", "id": "id_ID", "en-x-pseudo": "uk_UA"}
DEFAULT = "en_GB"
# CLDR's short Indonesian says "h" for days; its English abbreviations are longer than the symbols of the units, and
# its percent sign clings to the number.
WIDTHS: dict[str, Literal["long"]] = {"id": "long"}
SYMBOLS = {"en": {"second": "s", "minute": "min", "hour": "h"}}
ONLY_THAT = 1e9  # as a threshold: no larger unit takes its place
COMMAS = {"ar": "، ", "fa": "، ", "ja": "、", "ur": "، ", "zh": "、"}
PERCENTS = {"en": "#,##0 %"}
SIZES = ("byte", "kilobyte", "megabyte", "gigabyte", "terabyte")


def locale() -> Locale:
    """Return the locale of the active language."""
    return locale_of(get_language() or "")


@lru_cache(maxsize=64)
def locale_of(language: str) -> Locale:
    """Return the locale of a language's code; what Babel does not know is written as English."""
    plain = language.partition("-")[0].casefold()
    try:
        return Locale.parse(LOCALES.get(language) or LOCALES.get(plain, plain) or DEFAULT)
    except (UnknownLocaleError, ValueError):
        return Locale.parse(DEFAULT)


# Numbers --------------------------------------------------------------------------------------------------------------


def number(value: float | Decimal, decimals: int | None = None) -> str:
    """Return `value` grouped; `decimals`, if given, is how many it shows."""
    if decimals is None and isinstance(value, int):
        return _whole(value, get_language() or "")
    pattern = None if decimals is None else "#,##0." + "0" * decimals
    # Without a pattern Babel cuts after three decimals.
    return numbers.format_decimal(value, pattern, locale=locale(), decimal_quantization=decimals is not None)


@lru_cache(maxsize=4096)
def _whole(value: int, language: str) -> str:
    return numbers.format_decimal(value, locale=locale_of(language))


def percent(value: float) -> str:
    """Return `value`, 62 for 62 %, with the sign."""
    here = locale()
    pattern = PERCENTS.get(here.language) or str(here.percent_formats[None].pattern)
    return numbers.format_percent(value / 100, pattern, locale=here)


def size(count: float) -> str:
    """Return a number of bytes in the unit that suits it, of 1,000 each: 4.2 MB."""
    step = 0
    while step + 1 < len(SIZES) and count >= 999.5:
        count, step = count / 1000, step + 1
    shown = round(count, 1) if step and count < 10 else round(count)
    return units.format_unit(shown, f"digital-{SIZES[step]}", "short" if step else "long", locale=locale())


# Spans of time --------------------------------------------------------------------------------------------------------


def span(value: float, unit: str) -> str:
    """Return a number of a `unit`, of second to day: 5 min, 3 days. Fractions have one decimal."""
    return _span(round(value, 1), unit, get_language() or "")


@lru_cache(maxsize=4096)
def _span(value: float, unit: str, language: str) -> str:
    here = locale_of(language)
    if symbol := SYMBOLS.get(here.language, {}).get(unit):
        pattern = "#,##0.0" if isinstance(value, float) else None
        return f"{numbers.format_decimal(value, pattern, locale=here)} {symbol}"
    return units.format_unit(value, f"duration-{unit}", WIDTHS.get(here.language, "short"), locale=here)


@lru_cache(maxsize=2048)
def away(value: int, unit: str, is_past: bool, language: str) -> str:
    """Return how long ago, or in how long: 5 min ago, in 3 days."""
    here = locale_of(language)
    if symbol := SYMBOLS.get(here.language, {}).get(unit):
        return f"{value} {symbol} ago" if is_past else f"in {value} {symbol}"
    delta = timedelta(**{f"{unit}s": -value if is_past else value})
    return dates.format_timedelta(delta, unit, ONLY_THAT, True, WIDTHS.get(here.language, "short"), here)  # type: ignore[arg-type]


# Moments --------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2048)
def _day(value: date, width: str, language: str) -> str:
    here = locale_of(language)
    if width == "weekday":
        return dates.format_skeleton("yMMMEd", value, locale=here)
    if width == "column":
        return dates.format_skeleton("d", value, locale=here)
    return dates.format_date(value, "medium", locale=here)


def day(value: date, width: str = "") -> str:
    """Return a day: "23 Nov 2026"; with its "weekday", or as the head of a narrow "column", "23"."""
    return _day(value, width, get_language() or "")


def clock(value: time, *, seconds: bool = False) -> str:
    """Return a time of day: "14:05"; microseconds and zone do not show."""
    return _clock(value, seconds, get_language() or "")


def day_and_clock(local: datetime, width: str = "", *, seconds: bool = False, language: str | None = None) -> str:
    """Return day and time of a moment in the zone that it is in; lists hand over the active `language`."""
    language = (get_language() or "") if language is None else language
    pattern = _together(language)
    return pattern.replace("{1}", _day(local.date(), width, language)).replace("{0}", _clock(local, seconds, language))


def _clock(value: time | datetime, seconds: bool, language: str) -> str:
    if plain := _plain_clock(seconds, language):  # ten times as fast, for lists
        return plain.format(value.hour, value.minute, value.second)
    width = "medium" if seconds else "short"
    return dates.format_time(value.time() if isinstance(value, datetime) else value, width, locale=locale_of(language))


@lru_cache(maxsize=128)
def _plain_clock(seconds: bool, language: str) -> str:
    """Return the format of a clock of 24 hours; "" for another."""
    pattern = str(locale_of(language).time_formats["medium" if seconds else "short"].pattern)
    if not re.fullmatch(r"HH([:.])mm(\1ss)?", pattern):
        return ""
    return pattern.replace("HH", "{0:02}").replace("mm", "{1:02}").replace("ss", "{2:02}")


@lru_cache(maxsize=64)
def _together(language: str) -> str:
    """Return how day and time stand together: "{1}, {0}"."""
    return str(locale_of(language).datetime_formats["medium"])


def weekday(number: int, width: str = "abbreviated") -> str:
    """Return the name of a weekday, 1 (Monday) to 7; `width`: abbreviated, wide."""
    return str(locale().days["stand-alone" if width == "wide" else "format"][width][number - 1])


def weekdays() -> list[int]:
    """Return the weekdays, 1 (Monday) to 7, in the order in which a week goes here."""
    first = locale().first_week_day
    return [(first + step) % 7 + 1 for step in range(7)]


def month(number: int) -> str:
    """Return the name of a month, 1 to 12."""
    return str(locale().months["stand-alone"]["wide"][number])


# Lists ----------------------------------------------------------------------------------------------------------------


def listing(items: Sequence[str], kind: str = "and") -> str:
    """Return `items` as a list: "A, B and C"; `kind`: and, or, plain ("A, B, C")."""
    here = locale()
    if kind == "plain":  # Babel's data of these are not whole
        return COMMAS.get(here.language, ", ").join(items)
    return lists.format_list(items, "or" if kind == "or" else "standard", here)
