"""The last runs of an export side by side: rows and duration, each a way to its details."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from exports.models import Export, Run
from exports.shown.charts import Bar, Column, Series
from exports.shown.runs import result_words
from roles.ui.words import duration, number

LAST_RUNS = 12


@dataclass(frozen=True)
class LastRun:
    """A column of the chart, which leads to the run's details; `words` say all of it."""

    id: str
    url: str
    column: Column
    tone: str
    words: str
    is_current: bool


@dataclass(frozen=True)
class LastRuns:
    """The last runs, oldest first, as the tag `columns` shows them."""

    columns: list[LastRun]
    series: list[Series]


def last_runs_of(export: Export, shown: Run | None) -> LastRuns | None:
    """Return the last runs that have ended; None where there is nothing to compare or to choose from."""
    ended = export.runs.filter(ended_at__isnull=False, most_rows=None).order_by("-pk")
    runs = list(ended.defer("steps", "items", "files", "folders", "target", "message", "detail")[:LAST_RUNS])[::-1]
    if not runs or (len(runs) == 1 and shown is not None and runs[0].pk == shown.pk):
        return None
    rows, seconds = max(run.rows_sent or 0 for run in runs), max(run.seconds or 0 for run in runs)
    series = [Series(str(runs[-1].words.name), rows, number(rows)), Series(_("Duration"), seconds, duration(seconds))]
    return LastRuns([_last_run(run, export, shown) for run in runs], series)


def _last_run(run: Run, export: Export, shown: Run | None) -> LastRun:
    kwargs = {"environment": export.environment.slug, "pk": export.pk, "uuid": run.uuid}
    return LastRun(
        id=f"run-{run.uuid.hex[:12]}",
        url=reverse("exports:run_progress", kwargs=kwargs),
        column=Column([[Bar(run.rows_sent or 0)], [Bar(run.seconds or 0)]]),
        tone=run.look.tone,
        words=result_words(run, run.ended_at or run.queued_at),
        is_current=shown is not None and run.pk == shown.pk,
    )
