"""The last runs of an export side by side: rows and duration, each a way to its details."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from exports.models import Export, Run
from exports.models.states import STATES
from roles.ui.words import duration, exact_time, number

LAST_RUNS = 12


@dataclass(frozen=True)
class LastRuns:
    """The last runs, oldest first, as the tag `columns` draws them."""

    columns: list[dict[str, Any]]
    series: list[tuple[str, str]]  # what is drawn, with the words for the highest


def last_runs_of(export: Export, shown: Run | None) -> LastRuns | None:
    """Return the last runs that have ended; None where there is nothing to compare or to choose from."""
    ended = export.runs.filter(ended_at__isnull=False, most_rows=None).order_by("-pk")
    runs = list(ended.defer("steps", "items", "files", "folders", "target", "message", "detail")[:LAST_RUNS])[::-1]
    if not runs or (len(runs) == 1 and shown is not None and runs[0].pk == shown.pk):
        return None
    columns = [_column(run, export, shown) for run in runs]
    rows, seconds = (max(column["values"][place] for column in columns) for place in (0, 1))
    return LastRuns(columns, [(str(runs[-1].words.name), number(rows)), (_("Duration"), duration(seconds))])


def _column(run: Run, export: Export, shown: Run | None) -> dict[str, Any]:
    kwargs = {"environment": export.environment.slug, "pk": export.pk, "uuid": run.uuid}
    rows = run.rows_sent
    words = [exact_time(run.ended_at or run.queued_at), str(run.get_state_display())]
    words += [str(run.words.count(rows))] if rows is not None else []
    words += [duration(run.seconds)] if run.seconds is not None else []
    return {
        "id": f"run-{run.uuid.hex[:12]}",
        "url": reverse("exports:run_progress", kwargs=kwargs),
        "values": (rows or 0, run.seconds or 0),
        "tone": STATES[run.state].look.tone,
        "words": " · ".join(words),
        "is_current": shown is not None and run.pk == shown.pk,
    }
