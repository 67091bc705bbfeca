"""Ends held runs: a person releases or drops one and says why, or its next occurrence ends it (docs/rules.md)."""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from exports.models import Run
from exports.models.states import State
from exports.runs import lifecycle
from exports.runs.nudging import nudge
from roles.messages import EMPTY, Message, SaidError
from roles.messages import said as _
from roles.models import User

LONGEST_WHY = 500  # characters


class NotHeldError(SaidError):
    """The run is no longer held; the message says why, for people."""


def release(run: Run, *, by: User, why: str) -> None:
    """Queue the held `run` again; it reads the data anew and passes all brakes. Raises NotHeldError."""
    reason = _("released by %(who)s") % {"who": by}
    # It begins anew: how long it takes, and when it has taken too long, counts from its next start.
    again = {"is_released": True, "not_before": Now(), "started_at": None, "claims": 0, "tries": 0}
    _decide(run, State.QUEUED, again | {"reason": reason, "message": EMPTY}, by, why)


def drop(run: Run, *, by: User, why: str) -> None:
    """End the held `run`; nothing of it is sent. Raises NotHeldError."""
    reason = _("discarded by %(who)s") % {"who": by}
    _decide(run, State.CANCELED, {"reason": reason, "message": EMPTY}, by, why)


def lapse(run: Run) -> bool:
    """Skip `run` if it is held, because the next occurrence of its export has come; return whether it was held."""
    reason = _("No decision before the next occurrence")
    message = _("The next occurrence came before a decision about this held run. Nothing of it was sent.")
    return lifecycle.move(run.pk, State.HELD, State.SKIPPED, reason=reason, message=message)


def why_not_held(run: Run | None) -> Message:
    """Say why nothing is to be decided about `run`; nothing for one that is held."""
    if run is None:
        return _("The export has not run yet, so no decision is needed.")
    if run.state == State.HELD:
        return EMPTY
    if run.decided_at is None:
        words = _("This run is no longer held; its status is “%(state)s”.")
        return words % {"state": State(run.state).label}
    words = (
        _("%(who)s released this run on %(when)s.") if run.is_released else _("%(who)s discarded this run on %(when)s.")
    )
    return words % {"who": run.decided_by or _("Someone"), "when": run.decided_at}


def _decide(run: Run, state: State, values: dict[str, Any], by: User, why: str) -> None:
    """Move the run from held to `state`. Raises NotHeldError if somebody was faster."""
    decision: dict[str, Any] = {"decided_by": by, "decided_at": Now(), "decision": why[:LONGEST_WHY]}
    with transaction.atomic():
        if not lifecycle.move(run.pk, State.HELD, state, by=by, **decision, **values):
            raise NotHeldError(why_not_held(Run.objects.filter(pk=run.pk).select_related("decided_by").first()))
        if state == State.QUEUED:
            nudge()
