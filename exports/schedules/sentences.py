"""Recurrences in words, in one form however they were put in: "Weekdays at 07:45", "Monthly on the 1st at 06:30".

What has no such form, of cron expressions alone, is said as facts behind each other: "Every 15 minutes, from 08:00 to
17:45, on Mon and Tue, in January".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time
from typing import Any

from exports.models.schedule import Repeat
from exports.schedules import cron, recurrence
from exports.schedules.cron import LAST, LAST_WEEKDAY, Cron
from exports.schedules.recurrence import LAST_DAY, Recurrence
from roles.messages import Message, Month, Weekday, enumerated, joined, listed
from roles.messages import said as _

WORKDAYS = (1, 2, 3, 4, 5)
MOST_TIMES = 6  # of a day that are named one by one
IN_EACH_MONTH = 28  # days


def words(rule_: Recurrence) -> Message:
    """Say it in words with its zone: "Daily at 09:00 (Europe/Paris)"."""
    return _("%(rule)s (%(zone)s)") % {"rule": rule(rule_), "zone": rule_.zone}


def rule(recurring: Recurrence) -> Message:
    """Say it in words without its zone: "Daily at 09:00"; what makes no sense is called by its kind alone."""
    if recurrence.mistake(recurring):
        return Message.of(dict(Repeat.choices).get(recurring.repeat, recurring.repeat))
    if recurring.repeat == Repeat.CRON:
        return _of_cron(cron.asked(recurring.cron))
    times = [time.fromisoformat(text) for text in sorted(recurring.times)]
    if recurring.repeat == Repeat.HOURLY:
        return _hourly([times[0].minute])
    if recurring.repeat == Repeat.WEEKLY:
        return _weekly(recurring.weekdays, times)
    if recurring.repeat == Repeat.DAILY:
        return _daily(times)
    return _monthly(recurring.month_day, times)


def _daily(times: list[time]) -> Message:
    return _("Daily at %(times)s") % {"times": listed(times, "and")}


def _weekly(weekdays: Iterable[int], times: list[time]) -> Message:
    days = tuple(sorted(set(weekdays) & set(range(1, 8))))
    if days == WORKDAYS:
        return _("Weekdays at %(times)s") % {"times": listed(times, "and")}
    if len(days) == 7:
        return _daily(times)
    return _("Weekly on %(days)s at %(times)s") % {"days": _weekdays(days), "times": listed(times, "and")}


def _monthly(day: int, times: list[time]) -> Message:
    said = {"day": _ordinal(day), "times": listed(times, "and")}
    if day == LAST_DAY:
        return _("Monthly on the last day at %(times)s") % said
    if day > IN_EACH_MONTH:
        return _("Monthly on the %(day)s (or the last day) at %(times)s") % said
    return _("Monthly on the %(day)s at %(times)s") % said


def _hourly(minutes: list[int]) -> Message:
    if len(minutes) == 1:
        return _("Hourly at minute %(minute)d") % {"minute": minutes[0]}
    return _("Hourly at minutes %(minutes)s") % {"minutes": _in_rows(minutes, str)}


# Cron -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Facts:
    """What a cron expression asks for, in the order in which it is said. `days` are those of the week, 1 to 7."""

    asked: Cron
    times: tuple[time, ...]  # if they are few enough to be named
    days: tuple[int, ...]  # of the week; none where some are "the first Monday" and the like

    @property
    def is_each_month(self) -> bool:
        return len(self.asked.months) == 12

    @property
    def is_monthly(self) -> bool:
        """Whether it comes on one day that each month has."""
        (day, *others) = self.asked.days
        return not others and (day == LAST or 1 <= day <= IN_EACH_MONTH)


def _of_cron(asked: Cron) -> Message:
    times = tuple(time(hour, minute) for hour in sorted(asked.hours) for minute in sorted(asked.minutes))
    plain = {day for day in asked.weekdays if isinstance(day, int)}
    days = tuple(sorted({day or 7 for day in plain})) if len(plain) == len(asked.weekdays) else ()
    facts = _Facts(asked, times if len(times) <= MOST_TIMES else (), days)
    return _usual(facts) or enumerated([*_when(facts), *_on(facts), *_in(facts)])


def _usual(facts: _Facts) -> Message | None:
    """Say it as recurrences that are no cron expressions are said, if it is one of those."""
    asked, times = facts.asked, list(facts.times)
    if not facts.is_each_month:
        return None
    if asked.is_every_day:
        return _daily(times) if times else None
    if times and asked.is_any_day and asked.is_both and facts.days:
        return _weekly(facts.days, times)
    if times and asked.is_any_weekday and asked.is_both and facts.is_monthly:
        (day,) = asked.days
        return _monthly(LAST_DAY if day == LAST else day, times)
    return None


def _when(facts: _Facts) -> list[Message]:
    """The time of day."""
    minutes, hours = sorted(facts.asked.minutes), sorted(facts.asked.hours)
    if facts.times:
        return [_("At %(times)s") % {"times": listed(facts.times, "and")}]
    if len(minutes) == 1 and len(_rows(hours)) > 1:
        return [_at(hours, minutes[0])]
    is_even = len(minutes) > 1 and 60 % len(minutes) == 0 and minutes == list(range(0, 60, 60 // len(minutes)))
    if len(minutes) == 60:
        first = _("Every minute")
    elif is_even:
        first = _("Every %(minutes)d minutes") % {"minutes": 60 // len(minutes)}
    else:
        first = _hourly(minutes)
    if len(hours) == 24:
        return [first]
    return [first, _("from %(hours)s") % {"hours": listed((_span(row, minutes) for row in _rows(hours)), "and")}]


def _at(hours: list[int], minute: int) -> Message:
    """The times of one minute of hours that do not follow each other."""
    if 24 % len(hours) == 0 and hours == list(range(0, 24, 24 // len(hours))):
        return _("Every %(hours)d hours at minute %(minute)d") % {"hours": 24 // len(hours), "minute": minute}
    return _("At %(times)s") % {"times": listed((time(hour, minute) for hour in hours), "and")}


def _span(hours: list[int], minutes: list[int]) -> Message:
    """The times between which it comes: from the first to the last of them."""
    first, last = time(hours[0], minutes[0]), time(hours[-1], minutes[-1])
    return _("%(first)s to %(last)s") % {"first": first, "last": last}


def _on(facts: _Facts) -> list[Message]:
    """The days."""
    asked = facts.asked
    days = _("the %(days)s of the month") % {"days": _month_days(asked.days)}
    weekdays = _weekdays(facts.days) if facts.days else _some_weekdays(asked.weekdays)
    said = {"days": days, "weekdays": weekdays}
    if asked.is_every_day:
        return [] if facts.is_each_month else [_("every day")]
    if not asked.is_both:
        return [_("on %(days)s, and also on %(weekdays)s") % said]
    if asked.is_any_day:
        return [_("on %(weekdays)s") % said]
    if asked.is_any_weekday:
        return [_("on %(days)s") % said]
    return [_("on %(weekdays)s that are also %(days)s") % said]


def _in(facts: _Facts) -> list[Message]:
    """The months."""
    if facts.is_each_month:
        return []
    return [_("in %(months)s") % {"months": _in_rows(facts.asked.months, Month)}]


# Days and numbers -----------------------------------------------------------------------------------------------------


def _weekdays(days: Iterable[int]) -> Message:
    """Days of the week, three and more in a row as one."""
    return _in_rows(sorted(set(days)), Weekday)


def _some_weekdays(asked: Iterable[int | tuple[int, int]]) -> Message:
    """Days of the week of which some are "the 2nd Tue" of the month."""
    plain = sorted({(day or 7) for day in asked if isinstance(day, int)})
    some = sorted({(one[0] or 7, one[1]) for one in asked if isinstance(one, tuple)}, key=_from_first_to_last)
    return enumerated([*([_weekdays(plain)] if plain else []), *(_nth(day, which) for day, which in some)], "and")


def _from_first_to_last(one: tuple[int, int]) -> tuple[int, int]:
    day, which = one
    return (6 if which == LAST else which, day)


def _nth(day: int, which: int) -> Message:
    if which == LAST:
        return _("the last %(weekday)s of the month") % {"weekday": Weekday(day)}
    return _("the %(nth)s %(weekday)s of the month") % {"nth": _ordinal(which), "weekday": Weekday(day)}


def _month_days(days: Iterable[int]) -> Message:
    """Days of the month: "1st, 15th and last day"."""
    last = {LAST: _("last day"), LAST_WEEKDAY: _("last weekday")}
    rows = _flat(_row(row, _ordinal) for row in _rows(day for day in days if day > 0))
    return enumerated([*rows, *(text for day, text in last.items() if day in set(days))], "and")


def _ordinal(number: int) -> Message:
    """A number as an ordinal. Languages with one form have it five times."""
    if number == 1:
        return _("1st")
    if number // 10 != 1 and number % 10 in (1, 2, 3):
        return {1: _("%(n)dst"), 2: _("%(n)dnd"), 3: _("%(n)drd")}[number % 10] % {"n": number}
    return _("%(n)dth") % {"n": number}


def _in_rows(numbers: Iterable[int], say: Any) -> Message:
    return enumerated(_flat(_row(row, say) for row in _rows(numbers)), "and")


def _row(row: list[int], say: Any) -> list[Any]:
    """Numbers that follow each other, in words: three and more as one."""
    if len(row) < 3:
        return [say(number) for number in row]
    return [joined((say(row[0]), say(row[-1])), by="–")]


def _rows(numbers: Iterable[int]) -> list[list[int]]:
    """Part numbers into rows that follow each other."""
    rows: list[list[int]] = []
    for number in sorted(set(numbers)):
        if rows and rows[-1][-1] == number - 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    return rows


def _flat(rows: Iterable[list[Any]]) -> list[Any]:
    return [one for row in rows for one in row]
