"""Numbers and times in words, by locale."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from django.utils import formats, timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

NONE = "—"


def number(value: float | Decimal | None) -> str:
    """Return `value` grouped by locale, or a dash for None."""
    return NONE if value is None else formats.number_format(value, use_l10n=True, force_grouping=True)


def duration(seconds: float | None) -> str:
    """Return seconds as words: 6 s, 2 min 5 s, 1 h 3 min."""
    if seconds is None:
        return NONE
    if 0 < seconds < 0.1:
        return _("< 0.1 s")
    if seconds < 10 and seconds != int(seconds):
        return _("%(s)s s") % {"s": formats.number_format(seconds, 1)}
    whole = int(seconds)
    if whole < 60:
        return _("%(s)d s") % {"s": whole}
    if whole < 3600:
        return _("%(m)d min %(s)d s") % {"m": whole // 60, "s": whole % 60}
    return _("%(h)d h %(m)d min") % {"h": whole // 3600, "m": whole % 3600 // 60}


class Clock:
    """The moment, zone and language for the times of a page, looked up once for all of them."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now, self.zone = now or timezone.now(), timezone.get_current_timezone()
        self.language = get_language() or ""

    def relative(self, value: datetime) -> str:
        """Return the distance of `value` from now in words."""
        seconds = int((self.now - value).total_seconds())
        if abs(seconds) < 45:
            return _("now")
        if seconds < 0:
            return _("in %(span)s") % {"span": _span(-seconds)}
        if seconds < 6 * 3600:
            return _ago(seconds if seconds < 60 else seconds // 60 * 60, self.language)
        days = (self.now.astimezone(self.zone).date() - value.astimezone(self.zone).date()).days
        if days == 1:
            return _("yesterday")
        if days > 30:
            return _day(value.astimezone(self.zone).date(), self.language)
        return _ago(seconds // 3600 * 3600, self.language)

    def exact(self, value: datetime) -> str:
        """Return date, time and zone of `value` in words."""
        local = value.astimezone(self.zone)
        return f"{_day(local.date(), self.language)}, {local:%H:%M:%S} {local.tzname()}"


def relative(value: datetime, now: datetime) -> str:
    """Return the distance of `value` from `now` in words."""
    return Clock(now).relative(value)


def exact_time(value: datetime) -> str:
    """Return date, time and zone of `value` in words."""
    return Clock().exact(value)


def _span(seconds: int) -> str:
    """Return a distance in time in the largest unit that fits, up to weeks."""
    if seconds < 3600:
        return _("%(count)d min") % {"count": max(1, seconds // 60)}
    if seconds < 86_400:
        return _("%(count)d h") % {"count": seconds // 3600}
    days = seconds // 86_400
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


@lru_cache(maxsize=2048)
def _ago(seconds: int, language: str) -> str:
    return _("%(span)s ago") % {"span": _span(seconds)}


@lru_cache(maxsize=512)
def _day(day: date, language: str) -> str:
    """Return `day` in words; cached, since a list asks for the same few days."""
    return formats.date_format(day, "DATE_FORMAT")
