"""The doctor's look at runs: does anything wait that nobody takes?"""

from datetime import timedelta

from django.db.models.functions import Now

from exports.models import Run
from exports.models.states import State
from exports.runs import budget
from roles.checks import Finding, ok, warning, wrong

LONG = timedelta(minutes=1)


def waiting_runs() -> Finding:
    """Count the runs that a worker could have taken more than a minute ago."""
    count = budget.takeable().filter(not_before__lt=Now() - LONG).count()
    if not count:
        return ok("No run has waited longer than a minute.")
    text = f"{count} {'run waits' if count == 1 else 'runs wait'} for longer than a minute"
    if Run.objects.filter(state=State.RUNNING).exists():
        return warning(f"{text} while others run.", "Raise WAYBILL_EXPORT_WORKERS, or start workers on more machines.")
    return wrong(f"{text} and no worker takes them.", "Start the export workers and the dispatcher again.")
