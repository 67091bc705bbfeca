"""When a recurrence comes round: pure functions, without clock and without database.

Times are local to the recurrence's zone. One that does not exist on the day the clocks go forward runs at the first
moment after the gap, one that occurs twice runs once, the first time; cron expressions too, whatever their library
would do. Moments that fall together, such as two times in the same gap, are one occurrence. Only *hourly* follows the
real hours; see `_next_hourly`.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from exports.models.schedule import Recurring, Repeat
from exports.schedules import cron
from roles import zones
from roles.messages import EMPTY, Message
from roles.messages import said as _

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LAST_DAY = 0  # the month_day that stands for it
MOST_TIMES = 4  # of a day


@dataclass(frozen=True)
class Recurrence:
    """A recurrence by value: `times` are "HH:MM", `weekdays` 1 (Monday) to 7, `month_day` 1 to 31 or LAST_DAY."""

    repeat: str
    times: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    month_day: int = 1
    cron: str = ""
    zone: str = "UTC"


def of(recurring: Recurring) -> Recurrence:
    """Return the recurrence that a row holds; values that no form would save make it one that has a problem."""
    times, days = recurring.times, recurring.weekdays
    return Recurrence(
        recurring.repeat,
        tuple(map(str, times)) if isinstance(times, list) else (str(times),),
        tuple(day if isinstance(day, int) else 0 for day in days) if isinstance(days, list) else (0,),
        recurring.month_day,
        recurring.cron,
        recurring.zone,
    )


def next_after(recurrence: Recurrence, moment: datetime) -> datetime | None:
    """Return the first occurrence strictly after the aware `moment`, in UTC; None for one that can never run."""
    if mistake(recurrence):
        return None
    zone, after = ZoneInfo(recurrence.zone), moment.astimezone(UTC)
    if recurrence.repeat == Repeat.HOURLY:
        return _next_hourly(_clock(recurrence.times[0]).minute, zone, after)
    wall = next(_walls(recurrence, _shown(zone, after)), None)
    return _moment(wall, zone) if wall else None


def occurrences(recurrence: Recurrence, after: datetime, count: int) -> list[datetime]:
    """Return the first `count` occurrences strictly after `after`, in UTC."""
    return list(islice(_from(recurrence, after), count))


def between(recurrence: Recurrence, after: datetime, until: datetime, most: int) -> list[datetime]:
    """Return the occurrences in (after, until], in order; of more than `most` the last ones."""
    span = most * MINUTE  # nothing comes more often than each minute
    while True:
        start = max(after, until - span)
        found = deque(_until(recurrence, start, until), most)
        if start == after or len(found) == most:
            return list(found)
        span *= 4


def problem(recurrence: Recurrence) -> Message:
    """Say why it can never run and what to do, for people; nothing for one that can."""
    found = mistake(recurrence)
    if found or recurrence.repeat != Repeat.CRON:
        return found
    return EMPTY if next_after(recurrence, datetime(2000, 1, 1, tzinfo=UTC)) else cron.never(recurrence.cron)


def _from(recurrence: Recurrence, after: datetime) -> Iterator[datetime]:
    due = next_after(recurrence, after)
    while due:
        yield due
        due = next_after(recurrence, due)


def _until(recurrence: Recurrence, after: datetime, until: datetime) -> Iterator[datetime]:
    for due in _from(recurrence, after):
        if due > until:
            return
        yield due


# Local wall clocks ----------------------------------------------------------------------------------------------------


def _shown(zone: ZoneInfo, moment: datetime) -> datetime:
    """Return the wall clock time up to which all times have come by `moment`, also those that will be shown again."""
    local = moment.astimezone(zone)
    if not local.fold:
        return local.replace(tzinfo=None)
    first = local.replace(fold=0)
    shift = _shift(zone, first.astimezone(UTC).replace(microsecond=0), moment)
    return (shift + (first.utcoffset() or timedelta(0)) - timedelta(seconds=1)).replace(tzinfo=None)


def _walls(recurrence: Recurrence, after: datetime) -> Iterator[datetime]:
    """The wall clock times, strictly after `after`, at which a recurrence comes; of cron within fifty years."""
    return cron.walls(recurrence.cron, after) if recurrence.repeat == Repeat.CRON else _day_walls(recurrence, after)


def _day_walls(recurrence: Recurrence, after: datetime) -> Iterator[datetime]:
    """The same of a daily, weekly or monthly recurrence."""
    times = sorted(map(_clock, recurrence.times))
    day = after.date()
    while True:
        if _falls_on(recurrence, day):
            for clock in times:
                wall = datetime.combine(day, clock)
                if wall > after:
                    yield wall
        day += DAY


def _falls_on(recurrence: Recurrence, day: date) -> bool:
    if recurrence.repeat == Repeat.WEEKLY:
        return day.isoweekday() in recurrence.weekdays
    if recurrence.repeat == Repeat.MONTHLY:
        is_last = (day + DAY).day == 1
        wanted = recurrence.month_day
        return is_last if wanted == LAST_DAY else day.day == wanted or (is_last and day.day < wanted)
    return True


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks of `zone` show `wall` for the first time, or the end of the gap that it falls in."""
    first = wall.replace(tzinfo=zone)
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    if before is None or after is None or before >= after:
        return first.astimezone(UTC)
    return _shift(zone, (wall - after).replace(tzinfo=UTC), (wall - before).replace(tzinfo=UTC))


def _shift(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the first moment (of whole seconds) in (low, high] with another offset than at `low`."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


# Hours ----------------------------------------------------------------------------------------------------------------


def _next_hourly(minute: int, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the next moment after `after` at which the clocks show `minute`, each real hour.

    Where clocks move by whole hours, also the hour that they show twice has a run each time, and one that they leave
    out has none: runs are always 60 minutes apart. Where they move by a part of an hour (Lord Howe), each hour that
    they show has one run: the half of an hour shown again has no second one, and a minute that falls in the gap runs
    at its end, so around the shift two runs are 30 to 90 minutes apart.
    """
    start = after
    while True:
        due = _at_minute(minute, zone, start)
        if due.astimezone(zone).utcoffset() != start.astimezone(zone).utcoffset():
            due = _over_a_shift(minute, zone, start, due)
        if not _is_shown_again(due, zone):
            return due
        start = due


def _at_minute(minute: int, zone: ZoneInfo, after: datetime) -> datetime:
    """The first whole minute after `after` at which the clocks show `minute` if they do not move meanwhile."""
    local = after.astimezone(zone)
    floor = local.replace(minute=minute, second=0, microsecond=0, tzinfo=None)
    wait = floor - local.replace(tzinfo=None)
    return after + (wait if wait > timedelta(0) else wait + HOUR)


def _over_a_shift(minute: int, zone: ZoneInfo, after: datetime, due: datetime) -> datetime:
    """The next occurrence where the clocks move between `after` and `due`, which they would else be at `minute`."""
    shift = _shift(zone, after.replace(microsecond=0), due)
    wall = (due + (after.astimezone(zone).utcoffset() or timedelta(0))).replace(tzinfo=None)
    first = wall.replace(tzinfo=zone)
    moved = (first.replace(fold=1).utcoffset() or timedelta(0)) - (first.utcoffset() or timedelta(0))
    if moved > timedelta(0) and moved % HOUR:  # it falls in a gap of a part of an hour
        return shift
    return shift if shift.astimezone(zone).minute == minute else _at_minute(minute, zone, shift)


def _is_shown_again(due: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks show this time a second time, moved back by a part of an hour."""
    local = due.astimezone(zone)
    if not local.fold:
        return False
    moved = (local.replace(fold=0).utcoffset() or timedelta(0)) - (local.utcoffset() or timedelta(0))
    return bool(moved % HOUR)


# What can be wrong ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _clock(text: str) -> time:
    """Return the time that "HH:MM" says; ValueError for anything else."""
    return datetime.strptime(text, "%H:%M").time()


def _is_clock(text: str) -> bool:
    try:
        return _clock(text).strftime("%H:%M") == text
    except ValueError:
        return False


def mistake(recurrence: Recurrence) -> Message:
    """Say what of it makes no sense; that a cron expression never comes, only `problem` says."""
    if recurrence.zone not in zones.known():
        return _("“%(zone)s” is not a known time zone. Choose one of the list.") % {"zone": recurrence.zone}
    if recurrence.repeat == Repeat.CRON:
        return cron.mistake(recurrence.cron)
    if recurrence.repeat not in Repeat.values:
        return _("Choose how often it runs.")
    if not recurrence.times:
        return _("Choose a time.")
    wrong = next((text for text in recurrence.times if not _is_clock(text)), None)
    if wrong is not None:
        return _("“%(time)s” is not a time. Type it like 09:30.") % {"time": wrong}
    return _day_mistake(recurrence)


def _day_mistake(recurrence: Recurrence) -> Message:
    if recurrence.repeat == Repeat.WEEKLY and not set(recurrence.weekdays) & set(range(1, 8)):
        return _("Choose at least one day of the week.")
    if recurrence.repeat == Repeat.MONTHLY and not LAST_DAY <= recurrence.month_day <= 31:
        return _("Choose a day from 1 to 31, or the last day.")
    return EMPTY
