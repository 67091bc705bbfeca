"""One run as a row of a history. The template needs no query and no rule."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from exports.models import Run
from exports.shown.runs import RunFacts, run_facts
from roles.models import Environment
from roles.ui.words import time_near


@dataclass(frozen=True)
class RunEntry:
    """What the history shows of a run. Everybody may see all of it."""

    run: RunFacts
    url: str
    times: str  # what happened at which time, in words


def run_entry(run: Run, environment: Environment) -> RunEntry:
    """Lay out a run (with export and triggered_by loaded) of `environment`."""
    kwargs = {"environment": environment.slug, "pk": run.export_id, "uuid": run.uuid}
    facts = run_facts(run, run.export, is_paused=environment.paused_at is not None)
    return RunEntry(facts, reverse("exports:run_progress", kwargs=kwargs), _times(facts))


def _times(run: RunFacts) -> str:
    """Return what the run's time means, and when it ran."""
    start, end = (time_near(value, run.moment) if value else "" for value in (run.started_at, run.ended_at))
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
