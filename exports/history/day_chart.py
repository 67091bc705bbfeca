"""The chart of runs by day and final state, or by hour for the last 24 hours."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count
from django.db.models.functions import Trunc
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.history.filters import LAST_DAY, PERIODS, Filters, midnight
from exports.history.listing import newest_first
from exports.models import MOMENT, RunQuerySet
from exports.models.states import FINAL, STATES, Look
from exports.shown.charts import Bar, Chart, Column, Series, in_words, legend_of, worst_of
from roles.ui import locales
from roles.ui.words import local_clock, local_day, number

MOST_DAYS = 31
MOST_COUNTED = 50_000  # runs; where there are more the chart begins with the first day that is counted whole
Counts = dict[datetime, Counter[str]]


def day_chart_of(found: RunQuerySet, filters: Filters) -> Chart | None:
    """Return the ends of the runs in the filters' period, of its last MOST_DAYS at most; None where there are none."""
    spans = _countable(found, _spans(filters))
    names = [_name(span, filters) for span in spans]
    counts = _counts(found, spans[0], "hour" if filters.period == LAST_DAY else "day")
    if not counts:
        return None
    total = sum(counts.values(), Counter[str]())
    top = max(one.total() for one in counts.values())
    return Chart(
        title=_("Runs by hour and status") if filters.period == LAST_DAY else _("Runs by day and status"),
        description=_("%(first)s to %(last)s: %(states)s. At most %(top)s at once.")
        % {"first": names[0], "last": names[-1], "states": in_words(total),
           "top": number(top)},
        series=[Series(_("Runs"), top, number(top))],
        columns=[
            Column([_bars(counts[span], name)], _mark(counts[span]), _short(span, filters))
            for span, name in zip(spans, names, strict=True)
        ],
        legend=legend_of(total),
    )  # fmt: skip


def _countable(found: RunQuerySet, spans: list[datetime]) -> list[datetime]:
    """Leave out the oldest spans if there are more than MOST_COUNTED runs, but never the newest span."""
    recent = newest_first(found.filter(GreaterThanOrEqual(MOMENT, spans[0])))
    beyond = recent.values_list(MOMENT, flat=True)[MOST_COUNTED : MOST_COUNTED + 1]
    first = next(iter(beyond), None)
    return spans if first is None else [span for span in spans if span > first] or spans[-1:]


def _counts(found: RunQuerySet, since: datetime, kind: str) -> Counts:
    """Return how many runs ended in which state, by the beginning of the hour or day of their moment."""
    ended = found.filter(GreaterThanOrEqual(MOMENT, since), state__in=FINAL)
    spans = ended.annotate(span=Trunc(MOMENT, kind)).values_list("span", "state").annotate(Count("pk"))
    counts: Counts = defaultdict(Counter)
    for span, state, count in spans:
        counts[span][state] += count
    return counts


def _spans(filters: Filters) -> list[datetime]:
    """Return the beginnings of the hours or days of the period, the oldest first."""
    if filters.period == LAST_DAY:
        hour = timezone.localtime().replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        return [hour - timedelta(hours=back) for back in range(24, -1, -1)]
    last = min(date.fromisoformat(filters.until), timezone.localdate()) if filters.until else timezone.localdate()
    days = PERIODS[filters.period].days + 1 if filters.period in PERIODS else MOST_DAYS
    if filters.since:
        days = max(1, min(days, (last - date.fromisoformat(filters.since)).days + 1))
    return [midnight(last - timedelta(days=back)) for back in range(days - 1, -1, -1)]


def _bars(counts: Counter[str], name: str) -> list[Bar]:
    """Return the bars of one day, with successful runs at the bottom."""
    looks = [(STATES[state].look, counts[state]) for state in FINAL if counts[state]]
    return [Bar(count, look.tone, f"{name} · {look.label}: {number(count)}") for look, count in looks]


def _mark(counts: Counter[str]) -> Look | None:
    worst = worst_of(state for state in counts if counts[state])
    return None if worst is None else STATES[worst].look


def _name(span: datetime, filters: Filters) -> str:
    return local_clock(span) if filters.period == LAST_DAY else local_day(span)


def _short(span: datetime, filters: Filters) -> str:
    local = timezone.localtime(span)
    return f"{local:%H}" if filters.period == LAST_DAY else locales.day(local.date(), "column")
