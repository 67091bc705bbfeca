"""Cron expressions of other systems, and that the words of each say what will happen."""

import calendar
import random
import re
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest

from exports.schedules import cron
from exports.schedules.recurrence import Recurrence, next_after, occurrences, problem
from exports.schedules.sentences import rule, words
from roles.messages import Message

START = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "typed, same",
    [
        ("@daily", "0 0 * * *"),
        ("@Hourly", "0 * * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@annually", "0 0 1 1 *"),
        ("30 7 ? * MON-FRI", "30 7 * * 1-5"),
        ("30 7 1 * ?", "30 7 1 * *"),
        ("0 9 * * MON-SUN", "0 9 * * *"),
        ("0 9 * * monday-friday", "0 9 * * 1-5"),
        ("0 9 * * FRI-MON", "0 9 * * 5,6,0,1"),
        ("0 9 * * 6-2", "0 9 * * 6,0,1,2"),
        ("0 9 * * SAT-WED/2", "0 9 * * 6,1,3"),
        ("0 22-2 * * *", "0 22,23,0,1,2 * * *"),
        ("0 22-2/2 * * *", "0 22,0,2 * * *"),
        ("50-10/10 * * * *", "50,0,10 * * * *"),
        ("0 9 28-3 * *", "0 9 28,29,30,31,1,2,3 * *"),
        ("0 9 1 NOV-FEB *", "0 9 1 11,12,1,2 *"),
        ("0 9 * * FRIL", "0 9 * * 5L"),
        ("0/15 8 * * *", "0,15,30,45 8 * * *"),
        ("0 9 * * 7", "0 9 * * 0"),
    ],
)
def test_what_other_systems_write_is_taken(typed, same):
    one, other = (Recurrence("cron", cron=expression, zone="Europe/Paris") for expression in (typed, same))
    assert problem(one) == ""
    assert occurrences(one, START, 60) == occurrences(other, START, 60)
    assert str(words(one)) == str(words(other))


@pytest.mark.parametrize(
    "typed, better",
    [
        ("0 30 7 ? * MON-FRI", "30 7 * * MON-FRI"),
        ("0 30 7 ? * 2-6", "30 7 * * MON-FRI"),  # 1 is Sunday where "?" is known
        ("0 30 7 ? * 2#1", "30 7 * * MON#1"),
        ("0 30 7 ? * 6L", "30 7 * * FRIL"),
        ("0 30 7 ? * L", "30 7 * * SAT"),
        ("0 30 7 * * 1-5", "30 7 * * MON-FRI"),  # elsewhere it is Monday
        ("0 0 12 1 1 ? *", "0 12 1 1 *"),
        ("0 0 12 1 1 ? 2027", "0 12 1 1 *"),
        ("30 7 ? * 2-6 *", "30 7 * * MON-FRI"),
        ("30 7 * * 2-6 2027-2029", "30 7 * * MON-FRI"),
        ("cron(0 12 * * ? *)", "0 12 * * *"),
        ("*/10 * * * * *", "* * * * *"),
        ("H 7 * * *", "0 7 * * *"),
        ("H/15 H(8-17) * * *", "*/15 0 * * *"),
    ],
)
def test_what_means_something_else_is_refused_with_what_to_type(typed, better):
    refused = Recurrence("cron", cron=typed)
    said = str(problem(refused))
    assert (said.count(f"“{better}”"), said.count(f"“{typed}”")) == (1, "H" not in typed or 1)
    assert next_after(refused, START) is None
    assert problem(Recurrence("cron", cron=better)) == ""


@pytest.mark.parametrize(
    "typed, said",
    [
        ("@reboot", "Known are @yearly"),
        ("* * * *", "has five parts"),
        ("a b c d e f", "has five parts"),
        ("0 9 15W * *", "the day of the month is “15W”"),
        ("? 9 * * *", "the minute is “?”"),
        ("0 9 * * L", "the day of the week is “L”"),
        ("0 22-2/0 * * *", "the hour is “22-2/0”"),
        ("0 22-2/x * * *", "the hour is “22-2/X”"),
        ("0 0 30 FEB ?", "never comes"),
    ],
)
def test_what_cannot_be_read_says_which_part(typed, said):
    assert said in str(problem(Recurrence("cron", cron=typed)))


# Words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recurring, said",
    [
        (Recurrence("hourly", ("00:05",)), "Hourly at minute 5"),
        (Recurrence("daily", ("09:00",)), "Daily at 09:00"),
        (Recurrence("daily", ("18:00", "06:00")), "Daily at 06:00 and 18:00"),
        (Recurrence("weekly", ("07:30",), (3, 1)), "Weekly on Mon and Wed at 07:30"),
        (Recurrence("weekly", ("07:45",), (1, 2, 3, 4, 5)), "Weekdays at 07:45"),
        (Recurrence("weekly", ("07:30",), (1, 2, 3, 4, 5, 7)), "Weekly on Mon–Fri and Sun at 07:30"),
        (Recurrence("weekly", ("07:30",), (1, 2, 3, 4, 5, 6, 7)), "Daily at 07:30"),
        (Recurrence("monthly", ("06:30",), month_day=1), "Monthly on the 1st at 06:30"),
        (Recurrence("monthly", ("06:30",), month_day=22), "Monthly on the 22nd at 06:30"),
        (Recurrence("monthly", ("07:30",), month_day=31), "Monthly on the 31st (or the last day) at 07:30"),
        (Recurrence("monthly", ("07:30",), month_day=0), "Monthly on the last day at 07:30"),
        *((Recurrence("cron", cron=expression), said) for expression, said in {
            "30 5 * * 1-5": "Weekdays at 05:30",
            "30 6 1 * *": "Monthly on the 1st at 06:30",
            "0 6 L * *": "Monthly on the last day at 06:00",
            "0 9,17 * * *": "Daily at 09:00 and 17:00",
            "5 * * * *": "Hourly at minute 5",
            "*/15 8-17 * * 1-5": "Every 15 minutes, from 08:00 to 17:45, on Mon–Fri",
            "0 6 31 * *": "At 06:00, on the 31st of the month",
            "0 6 1,15 * 5": "At 06:00, on the 1st and 15th of the month, and also on Fri",
            "0 6 * 1,7 *": "At 06:00, every day, in January and July",
            "0 */2 * * *": "Every 2 hours at minute 0",
            "0 6 * * 1#2": "At 06:00, on the 2nd Mon of the month",
        }.items()),
    ],
)  # fmt: skip
def test_each_recurrence_has_one_form_of_words(recurring, said):
    assert str(rule(recurring)) == said
    assert str(Message.from_json(words(recurring).as_json())) == f"{said} (UTC)"


PARTS = (
    ("*", "0", "30", "5,35", "*/15", "*/7", "10-20", "55-5"),
    ("*", "6", "6,18", "*/2", "*/5", "8-17", "22-2", "8-11,14-17", "1,3,5,7,9,11,13"),
    ("*", "?", "1", "15", "31", "1,15", "1-7", "L", "LW", "*/2", "1-31", "28-3"),
    ("*", "*", "1", "1,7", "JUN-AUG", "NOV-FEB"),
    ("*", "?", "1-5", "0", "7", "SAT-MON", "MON#1", "5L", "1,FRI#2", "*/2", "0-6"),
)
EXPRESSIONS = [" ".join(random.Random(seed).choice(part) for part in PARTS) for seed in range(120)]


def test_words_say_what_will_happen():
    """The words, read as a person reads them, come at the same times as the expression."""
    wrong = []
    for expression in EXPRESSIONS:
        recurring = Recurrence("cron", cron=expression)
        dues = [due.replace(tzinfo=None) for due in occurrences(recurring, START - timedelta(seconds=1), 12)]
        text = str(rule(recurring))
        if dues != list(islice(read(text), 12)):
            wrong.append((expression, text))
    assert wrong == []


NAMES = [*calendar.day_abbr]
MONTHS = [*calendar.month_name]
DAY = timedelta(days=1)


def read(text):
    """The wall clock times that words speak of, from the start on."""
    when, *rest = re.split(r", (?=from |on |every day|in )", text)
    times, days, months = of_clock(when), of_days(when), range(1, 13)
    for clause in rest:
        if clause.startswith("from "):
            times = [one for one in times if any(first <= one <= last for first, last in spans(clause))]
        elif clause.startswith("in "):
            months = numbers(clause.removeprefix("in "), MONTHS.index)
        elif clause.startswith("on "):
            days = of_days(clause)
    day = START.date()
    while day.year < 2130:
        if day.month in months and days(day):
            for hour, minute in sorted(times):
                yield datetime(day.year, day.month, day.day, hour, minute)
        day += DAY


def of_clock(text):
    if (found := re.search(r"(?:[Aa]t) ([\d:, and]+)$", text)) and ":" in found[1]:
        return [clock(one) for one in items(found[1])]
    if found := re.fullmatch(r"Every (\d+) hours at minute (\d+)", text):
        return [(hour, int(found[2])) for hour in range(0, 24, int(found[1]))]
    if found := re.fullmatch(r"Hourly at minutes? (.+)", text):
        minutes = numbers(found[1], int)
    elif found := re.fullmatch(r"Every (\d+) minutes", text):
        minutes = range(0, 60, int(found[1]))
    else:
        assert text == "Every minute"
        minutes = range(60)
    return [(hour, minute) for hour in range(24) for minute in minutes]


def of_days(text):
    text = re.sub(r" at [\d:, and]+$", "", text)
    if text.startswith(("Daily", "At", "Every", "Hourly")):
        return lambda day: True
    if text == "Weekdays":
        return lambda day: day.weekday() < 5
    if text.startswith("Monthly on the "):
        return month_days(text.removeprefix("Monthly on the "))
    text = text.removeprefix("Weekly ").removeprefix("on ")
    if found := re.fullmatch(r"the (.+) of the month, and also on (.+)", text):
        one, other = month_days(found[1]), weekdays(found[2])
        return lambda day: one(day) or other(day)
    if found := re.fullmatch(r"(.+) that are also the (.+) of the month", text):
        one, other = weekdays(found[1]), month_days(found[2])
        return lambda day: one(day) and other(day)
    found = re.fullmatch(r"the ([^A-Z]+) of the month", text)
    return month_days(found[1]) if found else weekdays(text)


def month_days(text):
    def has(day):
        return any(is_one(day) for is_one in found)

    found = []
    for one in items(text):
        if one == "last day":
            found.append(lambda day: (day + DAY).day == 1)
        elif one == "last weekday":
            found.append(lambda day: day == last_weekday(day))
        else:
            wanted = numbers(re.sub("st|nd|rd|th", "", one), int)
            found.append(lambda day, wanted=wanted: day.day in wanted)
    return has


def last_weekday(day):
    last = date(day.year, day.month, calendar.monthrange(day.year, day.month)[1])
    return last - max(0, last.weekday() - 4) * DAY


def weekdays(text):
    found = []
    for one in items(text):
        if nth := re.fullmatch(r"the (\w+) (\w{3}) of the month", one):
            name, which = NAMES.index(nth[2]), nth[1]
            if which == "last":
                found.append(lambda day, name=name: day.weekday() == name and (day + 7 * DAY).month != day.month)
            else:
                place = int(which[0])
                found.append(lambda day, name=name, place=place: day.weekday() == name and (day.day + 6) // 7 == place)
        else:
            wanted = numbers(one, NAMES.index)
            found.append(lambda day, wanted=wanted: day.weekday() in wanted)
    return lambda day: any(is_one(day) for is_one in found)


def items(text):
    return re.split(r", | and ", text)


def numbers(text, number):
    found = []
    for one in items(text):
        first, _dash, last = one.partition("–")
        found += range(number(first), number(last or first) + 1)
    return found


def clock(text):
    hour, minute = text.split(":")
    return int(hour), int(minute)


def spans(clause):
    """From the beginning of the first hour: minutes before its first one do not come anyway."""
    for one in items(clause.removeprefix("from ")):
        first, last = one.split(" to ")
        yield clock(first), clock(last)


def test_the_reader_of_words_can_tell_them_apart():
    assert list(islice(read("Weekdays at 07:45"), 2)) == [datetime(2027, 1, 1, 7, 45), datetime(2027, 1, 4, 7, 45)]
    assert cron.plain("@daily") == "0 0 * * *"
