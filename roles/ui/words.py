"""Numbers, sizes and times in words, as the reader's locale and zone have them; roles/ui/locales.py writes them."""

from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from roles import zones
from roles.ui import locales

NONE = "—"


def number(value: float | Decimal | None) -> str:
    """Return `value` grouped by locale, or a dash for None."""
    return NONE if value is None else locales.number(value)


def size(count: float | None) -> str:
    """Return a number of bytes in words: 4.2 MB."""
    return NONE if count is None else locales.size(count)


def duration(seconds: float | None) -> str:
    """Return seconds as words: 6 s, 2 min 5 s, 1 h 3 min."""
    if seconds is None:
        return NONE
    if 0 < seconds < 0.1:
        return f"< {locales.span(0.1, 'second')}"
    if seconds < 10 and seconds != int(seconds):
        return locales.span(float(seconds), "second")
    whole = int(seconds)
    if whole < 60:
        return locales.span(whole, "second")
    if whole < 3600:
        return f"{locales.span(whole // 60, 'minute')} {locales.span(whole % 60, 'second')}"
    return f"{locales.span(whole // 3600, 'hour')} {locales.span(whole % 3600 // 60, 'minute')}"


class Clock:
    """The moment and zone for the times of a page, looked up once for all of them."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now, self.zone = now or timezone.now(), timezone.get_current_timezone()
        self.language = get_language() or ""

    def relative(self, value: datetime) -> str:
        """Return the distance of `value` from now in words."""
        seconds = int((self.now - value).total_seconds())
        if abs(seconds) < 45:
            return _("now")
        if seconds < 0:
            return self._away(-seconds, is_past=False)
        if seconds < 6 * 3600:
            return self._away(seconds, is_past=True)
        days = (self.now.astimezone(self.zone).date() - value.astimezone(self.zone).date()).days
        if days == 1:
            return _("yesterday")
        if days > 30:
            return locales.day(value.astimezone(self.zone).date())
        return self._away(seconds, is_past=True)

    def exact(self, value: datetime) -> str:
        """Return date, time and zone of `value` in words."""
        local = value.astimezone(self.zone)
        return f"{locales.day_and_clock(local, seconds=True, language=self.language)} {zones.offset(local)}"

    def _away(self, seconds: int, *, is_past: bool) -> str:
        """Return a distance in time in the largest unit that fits, up to days."""
        if seconds < 3600:
            return locales.away(max(1, seconds // 60), "minute", is_past, self.language)
        if seconds < 86_400:
            return locales.away(seconds // 3600, "hour", is_past, self.language)
        return locales.away(seconds // 86_400, "day", is_past, self.language)


def relative(value: datetime, now: datetime) -> str:
    """Return the distance of `value` from `now` in words."""
    return Clock(now).relative(value)


def exact_time(value: datetime) -> str:
    """Return date, time and zone of `value` in words."""
    return Clock().exact(value)


def time_without_zone(value: datetime) -> str:
    """Return date and time of `value` in words, for where the zone is said once for all."""
    return locales.day_and_clock(timezone.localtime(value), seconds=True)


def local_day(value: datetime) -> str:
    """Return the reader's date of `value` in words."""
    return locales.day(timezone.localtime(value).date())


def local_clock(value: datetime, *, seconds: bool = False) -> str:
    """Return the reader's time of day of `value` in words."""
    return locales.clock(timezone.localtime(value).time(), seconds=seconds)


def time_near(value: datetime, other: datetime) -> str:
    """Return the time of day, with the date and zone if that differs from that of `other`."""
    is_near = timezone.localtime(value).date() == timezone.localtime(other).date()
    return local_clock(value, seconds=True) if is_near else exact_time(value)


def day(value: date) -> str:
    """Return a date in words."""
    return locales.day(value)


def zone_in_words(now: datetime | None = None) -> str:
    """Return the reader's zone with how far it is from UTC: "Europe/Paris (UTC+01:00)"."""
    return zones.with_offset(timezone.get_current_timezone_name(), now or timezone.now())
