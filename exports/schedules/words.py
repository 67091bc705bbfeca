"""An export's schedule in a few words, as the list and the details show it, with its next run."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from exports.models import Export, RefreshSchedule, Schedule, ScheduleMode
from exports.models.schedule import Recurring
from exports.schedules import recurrence
from exports.schedules.recurrence import Recurrence
from exports.schedules.rows import refresh_of
from roles.models import Environment


class ScheduleCells:
    """Says the schedules of one environment's exports, which have `schedule` loaded; one query for all of them."""

    def __init__(self, environment: Environment) -> None:
        self._refresh = refresh_of(environment)

    def of(self, export: Export) -> SafeString:
        """Return what the list's column says: in words, the next run on hover."""
        row: Schedule | None = getattr(export, "schedule", None)
        if export.schedule_mode == ScheduleMode.OFF:
            return _said(_("Off"), "" if export.connection_id else _("no connection"))
        if export.connection_id is None:
            return _said(_("Inactive"), _("no connection"))
        if export.schedule_mode == ScheduleMode.REFRESH or row is None:
            return _of_refresh(self._refresh)
        if row.problem:
            return _said(_("Stopped"), row.problem)
        return _own(recurrence.of(row), row.next_due, get_language())


def next_run_of(export: Export) -> str:
    """Return when the export runs next by itself, and why then; "" where it does not."""
    row: Recurring | None = getattr(export, "schedule", None)
    if export.schedule_mode == ScheduleMode.REFRESH:
        row = refresh_of(export.environment)
    if row is None or row.next_due is None or export.schedule_mode == ScheduleMode.OFF or not export.connection_id:
        return ""
    words = {"when": moment_text(row.next_due, row.zone), "rule": recurrence.words(recurrence.of(row))}
    if export.schedule_mode == ScheduleMode.REFRESH:
        return _("Next run: after the system refresh of %(when)s · %(rule)s") % words
    return _("Next run: %(when)s · %(rule)s") % words


def moment_text(moment: datetime, zone: str) -> str:
    """Return weekday, date and time in `zone`: "Mon, November 23, 2026, 09:00"."""
    if zone not in recurrence.zones():  # of a row that stops by itself when it is due; pages show it until then
        return f"{local_text(moment.astimezone(UTC))} UTC"
    return local_text(moment.astimezone(ZoneInfo(zone)))


def local_text(moment: datetime) -> str:
    """Return weekday, date and time of a moment in the zone that it is in."""
    return f"{formats.date_format(moment, 'D')}, {formats.date_format(moment, 'DATE_FORMAT')}, {moment:%H:%M}"


def _of_refresh(row: RefreshSchedule | None) -> SafeString:
    if row is None:
        return _said(_("With system refresh"), _("(off)"))
    if row.problem:
        return _said(_("With system refresh"), _("(stopped)"), row.problem)
    return _said(_("With system refresh"), "", _next(row))


@lru_cache(maxsize=2048)
def _own(rule: Recurrence, next_due: datetime | None, _language: str | None) -> SafeString:
    return _said(recurrence.rule(rule), rule.zone, _next_text(next_due, rule.zone) if next_due else "")


def _next(row: Recurring) -> str:
    return _next_text(row.next_due, row.zone) if row.next_due else ""


def _next_text(due: datetime, zone: str) -> str:
    return _("Next run: %(when)s (%(zone)s)") % {"when": moment_text(due, zone), "zone": zone}


def _said(words: str, aside: str = "", hover: str = "") -> SafeString:
    title = format_html(' title="{}"', hover) if hover else ""
    small = format_html(" <small>{}</small>", aside) if aside else ""
    return format_html('<span class="cut"{}><span>{}</span>{}</span>', title, words, small)
