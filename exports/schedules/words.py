"""An export's schedule in words, as facts: lists, details and the audit log show them, each in its own way."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from exports.models import Export, RefreshSchedule, Schedule, ScheduleMode
from exports.models.schedule import Recurring
from exports.schedules import recurrence
from exports.schedules.planning import refresh_of, stored_rule
from exports.schedules.recurrence import Recurrence
from roles.messages import Message
from roles.models import Environment


@dataclass(frozen=True)
class ScheduleWords:
    """What a list says of a schedule: the rule, a word beside it in small letters, and more on hover."""

    words: str
    aside: str = ""
    hover: str = ""


class ScheduleWording:
    """Gives the words of the schedules of one environment's exports, in one query."""

    def __init__(self, environment: Environment) -> None:
        self._of_refresh = _of_refresh(refresh_of(environment))

    def of(self, mode: str, row: Schedule | None, *, is_attached: bool) -> ScheduleWords:
        """Return what a list says of the schedule in this mode, with this recurrence of its own."""
        if mode == ScheduleMode.OFF:
            return ScheduleWords(_("Off"), "" if is_attached else _("no connection"))
        if not is_attached:
            return ScheduleWords(_("Inactive"), _("no connection"))
        if mode == ScheduleMode.REFRESH or row is None:
            return self._of_refresh
        if row.problem:
            return ScheduleWords(_("Stopped"), str(row.problem))
        return _own(recurrence.of(row), row.next_due, get_language())


def described(export: Export) -> Message | str:
    """Return the schedule as the audit log keeps it: a mode, or the export's own recurrence in words."""
    rule = stored_rule(export) if export.schedule_mode == ScheduleMode.OWN else None
    return recurrence.words(rule) if rule else export.schedule_mode


def words_and_stored_rule(export: Export) -> str:
    """Return the schedule in words, and of one that is off what On brings back: "Off, when on: Daily at 09:00"."""
    words, kept = schedule_words(export), getattr(export, "schedule", None)
    if kept is None or export.schedule_mode != ScheduleMode.OFF:
        return words
    return _("%(off)s, when on: %(rule)s") % {"off": words, "rule": recurrence.words(recurrence.of(kept))}


def schedule_words(export: Export) -> str:
    """Return the schedule in words; loads `export.schedule` unless it was selected with the export."""
    row: Schedule | None = getattr(export, "schedule", None)
    if row is None or export.schedule_mode != ScheduleMode.OWN:
        return str(export.get_schedule_mode_display())
    return str(recurrence.words(recurrence.of(row)))


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


def _of_refresh(row: RefreshSchedule | None) -> ScheduleWords:
    if row is None:
        return ScheduleWords(_("With system refresh"), _("(off)"))
    if row.problem:
        return ScheduleWords(_("With system refresh"), _("(stopped)"), str(row.problem))
    return ScheduleWords(_("With system refresh"), "", _next(row))


@lru_cache(maxsize=2048)
def _own(rule: Recurrence, next_due: datetime | None, _language: str | None) -> ScheduleWords:
    return ScheduleWords(str(recurrence.rule(rule)), rule.zone, _next_text(next_due, rule.zone) if next_due else "")


def _next(row: Recurring) -> str:
    return _next_text(row.next_due, row.zone) if row.next_due else ""


def _next_text(due: datetime, zone: str) -> str:
    return _("Next run: %(when)s (%(zone)s)") % {"when": moment_text(due, zone), "zone": zone}
