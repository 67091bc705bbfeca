"""One run as a row of a history. The template needs no query and no rule."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Run
from exports.models.states import Look, State
from exports.progress.facts import attempts, started_by
from exports.shown.status import status_of
from roles.ui.words import duration, exact_time


@dataclass(frozen=True)
class RunEntry:
    """What the history shows of a run. Everybody may see all of it."""

    run: Run
    url: str
    look: Look
    reason: str
    moment: datetime
    times: str  # what happened at which time, in words
    started_by: str
    rows: int | None
    cell: str  # the same in words
    cell_label: str
    duration: str
    attempts: str | None


def run_entry(run: Run, slug: str) -> RunEntry:
    """Lay out a run (with export and triggered_by loaded) of the environment `slug`."""
    kwargs = {"environment": slug, "pk": run.export_id, "uuid": run.uuid}
    is_timed = run.ended_at is not None or run.state == State.RUNNING
    return RunEntry(
        run=run,
        url=reverse("exports:run_progress", kwargs=kwargs),
        look=run.look,
        reason=status_of(run).reason,
        moment=run.due or run.queued_at,
        times=_times(run),
        started_by=started_by(run),
        rows=run.rows_sent,
        cell=run.words.cell(run.rows_sent),
        cell_label=run.words.cell_label,
        duration=duration(run.seconds if is_timed else None),
        attempts=attempts(run),
    )


def _times(run: Run) -> str:
    """Return what the run's time means, and when it ran."""
    moment = run.due or run.queued_at
    start, end = (_near(value, moment) if value else "" for value in (run.started_at, run.ended_at))
    times = {"start": start, "end": end}
    if start and end:
        text = _("Due · ran %(start)s – %(end)s") if run.due else _("Ran %(start)s – %(end)s")
    elif start:
        text = _("Due · started %(start)s") if run.due else _("Started %(start)s")
    elif end:
        text = _("Due · ended %(end)s") if run.due else _("Ended %(end)s")
    else:
        text = _("Due") if run.due else ""
    return text % times


def _near(value: datetime, other: datetime) -> str:
    """Return the time of day, with the date if it differs from that of `other`."""
    local = timezone.localtime(value)
    return f"{local:%H:%M:%S}" if local.date() == timezone.localtime(other).date() else exact_time(value)
