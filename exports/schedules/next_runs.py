"""The next runs of what is filled in, as the schedule pane shows them while one types."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from exports.models import Repeat, ScheduleMode
from exports.schedules import recurrence, sentences
from exports.schedules.form import ScheduleForm
from exports.schedules.planning import database_now, refresh_of
from exports.schedules.recurrence import Recurrence
from exports.schedules.words import local_text, reader_text
from roles import zones
from roles.models import Environment
from roles.ui import locales

SHOWN = 5


@dataclass(frozen=True)
class NextRun:
    """One of the next runs: the local time, the offset where it is the first or another than before, and notes."""

    moment: datetime
    text: str
    offset: str
    note: str


@dataclass(frozen=True)
class NextRuns:
    """The rule in words and its next runs, or a sentence in their place."""

    words: str = ""
    runs: tuple[NextRun, ...] = ()
    text: str = ""


def next_runs(values: Mapping[str, Any], environment: Environment) -> NextRuns:
    """Return what would come of `values` of the form, typed or kept."""
    form = ScheduleForm(values)
    if not form.is_valid():
        first = next(iter(form.errors.values()))[0]
        return NextRuns(text=str(first))
    if form.mode == ScheduleMode.OFF:
        return NextRuns(text=_("This export won't run automatically. Choose Run to send it."))
    return next_of(form.rule) if form.rule else _of_refresh(environment)


def _of_refresh(environment: Environment) -> NextRuns:
    row = refresh_of(environment)
    if row is None:
        return NextRuns(
            text=_("System refresh is off, so this export won't run automatically. “Run all” still includes it.")
        )
    found = next_of(recurrence.of(row))
    return NextRuns(_("System refresh: %(words)s") % {"words": found.words}, found.runs, found.text)


def next_of(rule: Recurrence) -> NextRuns:
    """Return the next runs of a recurrence, or its problem."""
    problem = recurrence.problem(rule)
    if problem:
        return NextRuns(text=str(problem))
    dues = recurrence.occurrences(rule, database_now(), SHOWN)
    zone = ZoneInfo(rule.zone)
    local = [due.astimezone(zone) for due in dues]
    before = [None, *local]
    runs = [_run(rule, moment, earlier) for moment, earlier in zip(local, before, strict=False)]
    return NextRuns(str(sentences.words(rule)), tuple(runs))


def _run(rule: Recurrence, moment: datetime, earlier: datetime | None) -> NextRun:
    has_moved = earlier is None or earlier.utcoffset() != moment.utcoffset()
    return NextRun(moment, local_text(moment), zones.offset(moment) if has_moved else "", _notes(rule, moment))


def _notes(rule: Recurrence, moment: datetime) -> str:
    """Say what the reader's clock shows then, and what is special about that day."""
    return " · ".join(filter(None, (reader_text(moment), _note(rule, moment))))


def _note(rule: Recurrence, moment: datetime) -> str:
    """Say what is special on a day on which the clocks change."""
    if rule.repeat in (Repeat.HOURLY, Repeat.CRON):
        return ""
    if f"{moment:%H:%M}" not in rule.times:
        return _("%(time)s does not exist on that day") % {"time": locales.clock(time.fromisoformat(rule.times[0]))}
    comes_again = moment.replace(fold=1).utcoffset() != moment.utcoffset() and not moment.fold
    return _("comes twice on that day, runs the first time") if comes_again else ""
