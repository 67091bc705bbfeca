"""Support's actions on stuck runs. A run whose worker is alive is left alone.

Each change is conditional on the state and the lease that it was decided on (docs/rules.md).
"""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from exports.models import Run
from exports.models.states import CLAIMABLE, State
from exports.runs import lifecycle
from exports.runs.nudging import nudge
from roles.messages import EMPTY, Message, SaidError
from roles.messages import said as _
from roles.models import User

_PUBLISHING = _(
    "Run %(run)s was left out: it began to publish, so files may have arrived. Waybill checks the destination "
    "first. To do that now, queue it again."
)


class NotStuckError(SaidError):
    """Why a run is left as it is, for people."""


def queue_anew(run: Run, *, by: User) -> None:
    """Queue `run` to start now, without its waits and earlier tries. Raises NotStuckError."""
    values = {
        "not_before": Now(),
        "claims": 0,
        "settling_claims": 0,
        "tries": 0,
        "reason": _("Queued again by support"),
        "message": EMPTY,
    }
    values |= {"waits_for": EMPTY, "awaits": [], "reason_code": ""}
    _put_right(run, State.QUEUED, values, "queue anew", by)
    nudge()


def end_as_failed(run: Run, *, by: User) -> None:
    """End `run`, and say that support did. Raises NotStuckError, also for a run that began to publish."""
    message = _("Support ended this run because no worker was on it. Run the export again.")
    values = {"reason": _("Ended by support"), "message": message}
    _put_right(run, State.FAILED, values, "end stuck run", by)


def _put_right(run: Run, state: State, values: dict[str, Any], action: str, by: User) -> None:
    """Move `run` to `state`, with an audit event. Raises NotStuckError if a worker is on it."""
    stuck = Run.objects.filter(pk=run.pk, state__in=CLAIMABLE) | Run.objects.lost().filter(pk=run.pk)
    with transaction.atomic():
        found = stuck.select_for_update().first()
        if found is None:
            raise NotStuckError(_why_not(run))
        if found.state == state:
            Run.objects.filter(pk=found.pk).update(**values)
        elif not lifecycle.move(found.pk, found.state, state, by=by, **values):
            raise NotStuckError(_PUBLISHING % {"run": run.short_id})
        lifecycle.record_event(found, action, by=by)


def _why_not(run: Run) -> Message:
    state = Run.objects.filter(pk=run.pk).values_list("state", flat=True).first()
    words: dict[str, Message] = {
        State.RUNNING: _("Run %(run)s was left out: a worker is on it. To stop it, cancel it in the portal."),
        State.HELD: _("Run %(run)s was left out: it waits for a decision in its environment."),
    }
    return words.get(state or "", _("Run %(run)s was left out: it has ended.")) % {"run": run.short_id}
