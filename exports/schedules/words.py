"""An export's schedule in words, as facts: lists, details and the audit log show them, each in its own way."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Export, RefreshSchedule, Schedule, ScheduleMode
from exports.models.schedule import Recurring
from exports.schedules import recurrence, sentences
from exports.schedules.planning import refresh_of, stored_rule
from exports.schedules.recurrence import Recurrence
from roles import reader, zones
from roles.messages import Message
from roles.models import Environment
from roles.ui import locales


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
        return _own(recurrence.of(row), row.next_due, reader.key())


def described(export: Export) -> Message | str:
    """Return the schedule as the audit log keeps it: a mode, or the export's own recurrence in words."""
    rule = stored_rule(export) if export.schedule_mode == ScheduleMode.OWN else None
    return sentences.words(rule) if rule else export.schedule_mode


def words_and_stored_rule(export: Export) -> str:
    """Return the schedule in words, and of one that is off what On brings back: "Off, when on: Daily at 09:00"."""
    words, kept = schedule_words(export), getattr(export, "schedule", None)
    if kept is None or export.schedule_mode != ScheduleMode.OFF:
        return words
    return _("%(off)s, when on: %(rule)s") % {"off": words, "rule": sentences.words(recurrence.of(kept))}


def schedule_words(export: Export) -> str:
    """Return the schedule in words; loads `export.schedule` unless it was selected with the export."""
    row: Schedule | None = getattr(export, "schedule", None)
    if row is None or export.schedule_mode != ScheduleMode.OWN:
        return str(export.get_schedule_mode_display())
    return str(sentences.words(recurrence.of(row)))


def next_run_of(export: Export) -> str:
    """Return when the export runs next by itself, and why then; "" where it does not."""
    row: Recurring | None = getattr(export, "schedule", None)
    if export.schedule_mode == ScheduleMode.REFRESH:
        row = refresh_of(export.environment)
    if row is None or row.next_due is None or export.schedule_mode == ScheduleMode.OFF or not export.connection_id:
        return ""
    words = {"when": due_text(row.next_due, row.zone), "rule": sentences.rule(recurrence.of(row))}
    if export.schedule_mode == ScheduleMode.REFRESH:
        return _("Next run: after the system refresh of %(when)s · %(rule)s") % words
    return _("Next run: %(when)s · %(rule)s") % words


def due_text(moment: datetime, zone: str) -> str:
    """Return when a schedule is due, by its own clock and, where that differs, by the reader's."""
    # A zone that is not known any more is of a row that stops by itself when it is due; pages show it until then.
    local = moment.astimezone(zones.zone_of(zone) or UTC)
    words = {"when": local_text(local), "zone": zone if zone in zones.known() else "UTC"}
    if yours := reader_text(local):
        return _("%(when)s (%(zone)s), %(yours)s") % (words | {"yours": yours})
    return _("%(when)s (%(zone)s)") % words


def reader_text(local: datetime) -> str:
    """Return what the reader's clock shows at a local time: "14:00 in Asia/Jakarta"; "" where it shows the same."""
    mine = timezone.localtime(local)
    if mine.replace(tzinfo=None) == local.replace(tzinfo=None):
        return ""
    text = locales.clock(mine.time()) if mine.date() == local.date() else local_text(mine)
    return _("%(time)s in %(zone)s") % {"time": text, "zone": timezone.get_current_timezone_name()}


def local_text(moment: datetime) -> str:
    """Return weekday, date and time of a moment in the zone that it is in: "Mon, 23 Nov 2026, 09:00"."""
    return locales.day_and_clock(moment, "weekday")


def _of_refresh(row: RefreshSchedule | None) -> ScheduleWords:
    if row is None:
        return ScheduleWords(_("With system refresh"), _("(off)"))
    if row.problem:
        return ScheduleWords(_("With system refresh"), _("(stopped)"), str(row.problem))
    hover = _next_text(row.next_due, row.zone) if row.next_due else ""
    return ScheduleWords(_("With system refresh"), "", hover)


@lru_cache(maxsize=2048)
def _own(rule: Recurrence, next_due: datetime | None, key: tuple[str, str]) -> ScheduleWords:
    """The words for a reader with this `key`; the zone is said to whoever reads in another."""
    _language, zone = key
    hover = _next_text(next_due, rule.zone) if next_due else ""
    return ScheduleWords(str(sentences.rule(rule)), rule.zone if rule.zone != zone else "", hover)


def _next_text(due: datetime, zone: str) -> str:
    return _("Next run: %(when)s") % {"when": due_text(due, zone)}
