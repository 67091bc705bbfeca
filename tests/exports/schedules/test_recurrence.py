"""When recurrences come round, held against dateutil and croniter on wall clocks and dateutil's reading of the zones.

The calculation to compare with goes the other way than ours: it turns moments into wall clock times, never back.
"""

import time
from bisect import bisect_left, bisect_right
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise, takewhile

import pytest
from croniter import croniter
from dateutil import rrule, tz

from exports.models import Schedule
from exports.schedules.recurrence import Recurrence, between, next_after, occurrences, of, problem
from exports.schedules.sentences import words

ZONES = [
    "Africa/Casablanca",  # back for each Ramadan
    "America/New_York",
    "America/Santiago",  # at midnight: 24:00 becomes 23:00
    "America/St_Johns",  # once at 00:01, and half an hour beside the others
    "Antarctica/Troll",  # by two hours
    "Asia/Kathmandu",  # never, at +05:45
    "Asia/Tehran",  # at midnight, until 2022
    "Australia/Lord_Howe",  # by half an hour
    "Europe/Berlin",
    "Europe/Dublin",  # standard time in summer
    "Pacific/Apia",  # left out the 30th of December 2011
    "UTC",
]
PART_HOURS = "Australia/Lord_Howe"
DAY, WEEK = timedelta(days=1), timedelta(days=7)
FIRST, LAST = datetime(1995, 1, 1), datetime(2037, 1, 1)
RECENT = datetime(2010, 1, 1), datetime(2029, 1, 1)
RULES = {
    "daily in the night": Recurrence("daily", ("02:30",)),
    "daily after midnight": Recurrence("daily", ("00:30",)),
    "four times a day": Recurrence("daily", ("00:00", "01:45", "02:15", "23:30")),
    "weekly": Recurrence("weekly", ("01:30",), (1, 6, 7)),
    "monthly on the 1st": Recurrence("monthly", ("02:00",), month_day=1),
    "monthly on the 30th": Recurrence("monthly", ("02:15",), month_day=30),
    "monthly on the last day": Recurrence("monthly", ("00:00",), month_day=0),
    "cron on Sundays": Recurrence("cron", cron="30 2 * * 0"),
    "cron on weekdays": Recurrence("cron", cron="15 0 * * 1-5"),
    "cron by day or weekday": Recurrence("cron", cron="0 3 13 * 5"),
}
OFTEN = {
    "every 10 minutes": Recurrence("cron", cron="*/10 * * * *"),
    "every 7 minutes of some hours": Recurrence("cron", cron="*/7 0-3,23 * * *"),
}


# The other calculation ------------------------------------------------------------------------------------------------


def shown(zone, moment):
    """The wall clock time at a naive moment of UTC."""
    return moment.replace(tzinfo=UTC).astimezone(tz.gettz(zone)).replace(tzinfo=None)


@cache
def offsets(zone):
    """When each offset of the zone begins, as (naive UTC, offset)."""
    found, moment = [(FIRST - 400 * DAY, shown(zone, FIRST) - FIRST)], FIRST
    while moment < LAST + 400 * DAY:
        if shown(zone, moment + WEEK) - (moment + WEEK) != found[-1][1]:
            found.append(change(zone, moment, found[-1][1]))
        moment += WEEK
    return found


def change(zone, start, before):
    """When in the week after `start` another offset than `before` begins, and that."""

    def at(minutes):
        return shown(zone, start + timedelta(minutes=minutes)) - start - timedelta(minutes=minutes)

    minutes = bisect_left(range(7 * 1440), True, key=lambda number: at(number) != before)
    return start + timedelta(minutes=minutes), at(minutes)


def shifts(zone, span=RECENT):
    """When the clocks move within a span of time, naive UTC."""
    return [start for start in moments(zone)[1:] if span[0] <= start < span[1]]


@cache
def moments(zone):
    return [start for start, _offset in offsets(zone)]


def moment_of(zone, wall):
    """When the clocks show `wall` first, or the end of the gap in which they do not."""
    place = max(0, bisect_right(moments(zone), wall - 2 * DAY) - 1)
    near = [*offsets(zone)[place : place + 4], (datetime.max, None)]
    for (start, offset), (end, _offset) in pairwise(near):
        if wall - offset < start:
            return start
        if wall - offset < end:
            return wall - offset
    raise AssertionError(wall)


def walls(rule, start, end):
    """The wall clock times of a rule in [start, end], by dateutil and croniter."""
    if rule.repeat == "cron":
        found = croniter(rule.cron, start - timedelta(seconds=1))
        return list(takewhile(lambda wall: wall <= end, iter(lambda: found.get_next(datetime), None)))
    every = []
    for clock in rule.times:
        hour, minute = map(int, clock.split(":"))
        at = {"byhour": hour, "byminute": minute, "bysecond": 0, "dtstart": start, "until": end}
        if rule.repeat == "weekly":
            every += rrule.rrule(rrule.WEEKLY, byweekday=[day - 1 for day in rule.weekdays], **at)
        elif rule.repeat == "monthly":
            days = -1 if rule.month_day == 0 else range(min(28, rule.month_day), rule.month_day + 1)
            every += rrule.rrule(rrule.MONTHLY, bymonthday=days, bysetpos=-1, **at)
        else:
            every += rrule.rrule(rrule.DAILY, **at)
    return every


def expected(rule, start, end):
    """The occurrences in (start, end], naive UTC."""
    found = {moment_of(rule.zone, wall) for wall in walls(rule, start - 2 * DAY, end + 2 * DAY)}
    return sorted(due for due in found if start < due <= end)


def hours_expected(minute, zone, start, end):
    """The hourly occurrences in (start, end], minute by minute, as the docstring of `_next_hourly` says."""
    found, seen, moment = [], set(), start - timedelta(hours=3)
    while moment < end:
        before, moment = moment, moment + timedelta(minutes=1)
        wall, moved = shown(zone, moment), shown(zone, moment) - shown(zone, before) - timedelta(minutes=1)
        is_part = bool(moved % timedelta(hours=1))
        gap = [wall - timedelta(minutes=number) for number in range(1, 1 + int(moved / timedelta(minutes=1)))]
        left_out = is_part and any(one.minute == minute for one in gap)
        again = zone == PART_HOURS and wall in seen
        if left_out or (wall.minute == minute and not again):
            found.append(moment)
        seen.add(wall)
    return [due for due in found if start < due <= end]


def computed(rule, start, end):
    """What we say of (start, end], naive UTC, one after the other."""
    due, found = next_after(rule, start.replace(tzinfo=UTC)), []
    while due and due.replace(tzinfo=None) <= end:
        found.append(due.replace(tzinfo=None))
        due = next_after(rule, due)
    return found


# The comparison -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", RULES)
def test_a_whole_year_agrees_with_the_other_calculation(name, zone):
    rule = replace(RULES[name], zone=zone)
    start, end = datetime(2026, 1, 1), datetime(2027, 1, 1)
    assert computed(rule, start, end) == expected(rule, start, end)


@pytest.mark.parametrize("zone", ZONES)
def test_the_days_on_which_clocks_move_agree_in_twenty_years(zone):
    for shift in shifts(zone):
        for rule in RULES.values():
            start, end = shift - 1.5 * DAY, shift + 1.5 * DAY
            own = replace(rule, zone=zone)
            assert computed(own, start, end) == expected(own, start, end), (shift, rule)


@pytest.mark.parametrize("name", OFTEN)
@pytest.mark.parametrize("zone", ZONES)
def test_what_comes_often_agrees_around_the_last_shifts(zone, name):
    rule = replace(OFTEN[name], zone=zone)
    for shift in shifts(zone)[-4:]:
        start, end = shift - timedelta(hours=4), shift + timedelta(hours=5)
        assert computed(rule, start, end) == expected(rule, start, end), shift


@pytest.mark.parametrize("minute", [0, 15, 30, 45])
@pytest.mark.parametrize("zone", ZONES)
def test_hours_agree_around_the_last_shifts(zone, minute):
    rule = Recurrence("hourly", (f"00:{minute:02}",), zone=zone)
    for shift in shifts(zone)[-4:]:
        start, end = shift - timedelta(hours=4), shift + timedelta(hours=4)
        assert computed(rule, start, end) == hours_expected(minute, zone, start, end), shift


@pytest.mark.long
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", RULES)
def test_ten_years_agree_with_the_other_calculation(name, zone):
    rule = replace(RULES[name], zone=zone)
    start, end = datetime(2019, 1, 1), datetime(2029, 1, 1)
    assert computed(rule, start, end) == expected(rule, start, end)


@pytest.mark.long
@pytest.mark.parametrize("zone", ZONES)
def test_what_comes_often_agrees_around_all_shifts(zone):
    for number, shift in enumerate(shifts(zone, (FIRST, LAST))):
        start, end = shift - timedelta(hours=5), shift + timedelta(hours=6)
        for rule in OFTEN.values():
            own = replace(rule, zone=zone)
            assert computed(own, start, end) == expected(own, start, end), (shift, rule)
        for minute in range(number % 4 * 5, 60, 20):  # each minute of an hour at every fourth shift
            hourly = Recurrence("hourly", (f"00:{minute:02}",), zone=zone)
            assert computed(hourly, start, end) == hours_expected(minute, zone, start, end), (shift, minute)


# What the specification says, by hand ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone, wall, due",
    [
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:00"),
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30"),
        ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:00"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45"),
        ("America/Santiago", "2025-09-07 00:30", "2025-09-07 04:00"),
        ("America/Santiago", "2025-04-05 23:30", "2025-04-06 02:30"),
        ("America/St_Johns", "2011-03-13 00:30", "2011-03-13 03:31"),
        ("Asia/Tehran", "2022-03-22 00:30", "2022-03-21 20:30"),
        ("Asia/Kathmandu", "2026-06-01 06:00", "2026-06-01 00:15"),
        ("Europe/Dublin", "2026-10-25 01:30", "2026-10-25 00:30"),
        ("Africa/Casablanca", "2025-02-23 02:30", "2025-02-23 01:30"),
        ("Africa/Casablanca", "2025-04-06 02:30", "2025-04-06 02:00"),
        ("Pacific/Apia", "2011-12-30 09:00", "2011-12-30 10:00"),
    ],
)
@pytest.mark.parametrize("repeat", ["daily", "cron"])
def test_a_time_in_a_gap_runs_at_its_end_and_one_shown_twice_runs_the_first_time(zone, wall, due, repeat):
    local, wanted = datetime.fromisoformat(wall), datetime.fromisoformat(due).replace(tzinfo=UTC)
    cron = f"{local.minute} {local.hour} * * *"
    rule = Recurrence(repeat, (f"{local:%H:%M}",) if repeat == "daily" else (), cron=cron, zone=zone)
    before, itself, after = occurrences(rule, wanted - timedelta(hours=30), 3)
    assert itself == wanted
    assert before < itself
    assert after > itself + timedelta(hours=8)
    for second in (1, 1800, 3599, 5400):
        assert next_after(rule, wanted + timedelta(seconds=second)) == after


def test_hours_are_sixty_minutes_apart_where_clocks_move_by_whole_hours():
    rule = Recurrence("hourly", ("00:30",), zone="Europe/Berlin")
    dues = [due for month in (3, 10) for due in occurrences(rule, datetime(2026, month, 20, tzinfo=UTC), 300)]
    steps = [after - before for before, after in pairwise(dues)]
    assert [step for step in steps if step != timedelta(hours=1)] == [dues[300] - dues[299]]


@pytest.mark.parametrize("minute", [0, 15, 29, 30, 45, 59])
@pytest.mark.parametrize("month", [4, 10])
def test_each_hour_of_the_clock_has_one_run_where_clocks_move_by_half_an_hour(minute, month):
    rule = Recurrence("hourly", (f"00:{minute:02}",), zone=PART_HOURS)
    dues = computed(rule, datetime(2026, month, 1, 13), datetime(2026, month, 8, 13))
    hours = [shown(PART_HOURS, due).replace(minute=0) for due in dues]
    assert {after - before for before, after in pairwise(hours)} == {timedelta(hours=1)}
    assert all(timedelta(minutes=30) <= after - before <= timedelta(minutes=90) for before, after in pairwise(dues))


def test_a_month_without_the_day_has_it_on_its_last():
    dues = occurrences(Recurrence("monthly", ("09:00",), month_day=31), datetime(2028, 1, 1, tzinfo=UTC), 4)
    assert [f"{due:%m-%d}" for due in dues] == ["01-31", "02-29", "03-31", "04-30"]


def test_the_last_of_many_missed_occurrences_are_found_at_once():
    rule = Recurrence("cron", cron="* * * * *")
    start, end = datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert between(rule, start, end, 3) == [end - timedelta(minutes=number) for number in (2, 1, 0)]
    yearly = Recurrence("cron", cron="0 0 29 2 *")
    assert [due.year for due in between(yearly, start, end, 3)] == [2016, 2020, 2024]
    assert len(between(yearly, start, end, 30)) == 7
    assert between(rule, end, end, 3) == []


# What can never run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule, said",
    [
        (Recurrence("daily", ("09:00",), zone="Mars/Base"), "“Mars/Base” is not a known time zone."),
        (Recurrence("daily", ("09:00",), zone="../etc/passwd"), "is not a known time zone."),
        (Recurrence("daily", ("09:00",), zone=""), "is not a known time zone."),
        (Recurrence("yearly", ("09:00",)), "Choose how often it runs."),
        (Recurrence("daily"), "Choose a time."),
        (Recurrence("daily", ("9:00",)), "“9:00” is not a time."),
        (Recurrence("daily", ("24:00",)), "“24:00” is not a time."),
        (Recurrence("weekly", ("09:00",)), "Choose at least one day of the week."),
        (Recurrence("weekly", ("09:00",), (0, 8)), "Choose at least one day of the week."),
        (Recurrence("monthly", ("09:00",), month_day=32), "Choose a day from 1 to 31"),
        (Recurrence("cron", cron=""), "A cron expression has five parts"),
        (Recurrence("cron", cron="0 9 * *"), "A cron expression has five parts"),
        (Recurrence("cron", cron="60 9 * * *"), "the minute is “60”"),
        (Recurrence("cron", cron="0 9-24 * * *"), "the hour is “9-24”"),
        (Recurrence("cron", cron="0 9 32 * *"), "the day of the month is “32”"),
        (Recurrence("cron", cron="0 9 * 13 *"), "the month is “13”"),
        (Recurrence("cron", cron="0 9 * * FUN"), "the day of the week is “FUN”"),
        (Recurrence("cron", cron="0 9 * * 1#2/3"), "the day of the week is “1#2/3”"),
        (Recurrence("cron", cron="0 9 0-4/0 * *"), "the day of the month is “0-4/0”"),
        (Recurrence("cron", cron="0 0 30 2 *"), "“0 0 30 2 *” never comes"),
        (Recurrence("cron", cron="0 0 31 4,6,9,11 *"), "never comes"),
    ],
)
def test_what_can_never_run_says_why_and_has_no_next_run(rule, said):
    assert said in problem(rule)
    assert next_after(rule, datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert words(rule)


@pytest.mark.parametrize("name", [*RULES, *OFTEN])
def test_what_can_run_has_no_problem(name):
    assert problem((RULES | OFTEN)[name]) == ""


@pytest.mark.parametrize("wrong", [{"times": "09:00x"}, {"times": [9]}, {"weekdays": "Monday"}, {"weekdays": [None]}])
def test_a_row_that_no_form_would_save_has_a_problem(wrong):
    row = Schedule(**{"repeat": "weekly", "times": ["09:00"], "weekdays": [1]} | wrong)
    assert problem(of(row))


# Speed ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [*RULES.values(), *OFTEN.values(), Recurrence("cron", cron="0 0 29 2 *")])
def test_the_next_run_is_found_in_less_than_a_millisecond(rule):
    own, moment = replace(rule, zone="Europe/Berlin"), datetime(2026, 10, 25, 1, tzinfo=UTC)
    taken = []
    for _try in range(50):
        begun = time.thread_time()
        next_after(own, moment)
        taken.append(time.thread_time() - begun)
    assert min(taken) < 0.001
