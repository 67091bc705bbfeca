"""The chart of an export's newest runs: rows and duration, with a mark on those that were not plainly successful."""

from collections import Counter
from collections.abc import Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from exports.history.listing import newest_first
from exports.models import Run, RunQuerySet
from exports.models.states import State
from exports.shown.charts import Bar, Chart, Column, Series, in_words, legend_of
from exports.shown.runs import result_words
from roles.ui.words import duration, exact_time, number

FEWEST_RUNS, MOST_RUNS = 2, 60
NEEDED = ("export_id", "state", "due", "queued_at", "started_at", "ended_at", "rows_done", "unit")


def run_chart_of(found: RunQuerySet) -> Chart | None:
    """Return the newest of `found` that have ended or are held, the oldest first; None for less than two. No tests."""
    still = Q(ended_at__isnull=False) | Q(state=State.HELD)
    ended = newest_first(found.filter(still, most_rows=None))
    runs = list(ended.only(*NEEDED)[:MOST_RUNS])[::-1]
    if len(runs) < FEWEST_RUNS:
        return None
    rows, seconds = [run.rows_sent or 0 for run in runs], [run.seconds or 0.0 for run in runs]
    counts, words = Counter(run.state for run in runs), runs[-1].words
    tops = max(rows), max(seconds)
    return Chart(
        title=_("%(unit)s and duration of the last %(n)s runs") % {"unit": words.name, "n": number(len(runs))},
        description=_describe(runs, rows, seconds, counts),
        series=[Series(str(words.name), tops[0], number(tops[0])), Series(_("Duration"), tops[1], duration(tops[1]))],
        columns=[_column(run, values) for run, *values in zip(runs, rows, seconds, strict=True)],
        legend=legend_of(counts),
    )


def _column(run: Run, values: Sequence[float]) -> Column:
    words = result_words(run, run.due or run.queued_at)
    stacks = [[Bar(value, run.look.tone, words)] if value else [] for value in values]
    return Column(stacks, None if run.state == State.SUCCEEDED else run.look)


def _describe(runs: list[Run], rows: list[int], seconds: list[float], counts: Counter[str]) -> str:
    return _("%(first)s to %(last)s: %(states)s. At most %(count)s and %(duration)s. Details are in the table.") % {
        "first": exact_time(runs[0].due or runs[0].queued_at),
        "last": exact_time(runs[-1].due or runs[-1].queued_at),
        "states": in_words(counts),
        "count": str(runs[-1].words.count(max(rows))),
        "duration": duration(max(seconds)),
    }
