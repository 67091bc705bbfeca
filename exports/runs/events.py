"""What the audit log keeps of a run: names and numbers, no profile's values."""

from typing import Any

from exports.models import Run
from exports.models.states import State
from roles.audit import audit
from roles.models import User

# What a run does when it comes to a state; all others end it.
MOVES: dict[str, str] = {
    State.RUNNING: "start run",
    State.QUEUED: "interrupt run",
    State.RETRYING: "postpone run",
    State.HELD: "hold run",
}
# What a person decided about a held run, by the state that it has then.
DECIDED: dict[str, str] = {State.QUEUED: "let go", State.CANCELED: "drop"}


def record(run: Run, action: str, *, by: User | None, changes: dict[str, Any] | None = None) -> None:
    """Write the event `action` of the run."""
    audit.record(run.environment, action, run.export, by=by, changes=changes, run=run.uuid)


def record_change(run: Run, before: str, *, by: User | None) -> None:
    """Write the event of the run's change from `before` ("": it is new)."""
    decided = DECIDED.get(run.state) if before == State.HELD and run.decision else None
    record(run, decided or MOVES.get(run.state, "end run"), by=by, changes=_facts(run, before))


def _facts(run: Run, before: str) -> dict[str, Any]:
    """The state, what started it and, of one that ended, how much was sent; never `detail`, which names hosts."""
    facts: dict[str, Any] = {"state": [before or None, run.state], "trigger": run.trigger}
    if run.triggered_by:
        facts["asked_by"] = str(run.triggered_by)
    if run.state == State.RUNNING:
        return facts | {"attempt": run.claims}
    said = {"reason": run.reason, "message": run.message, "why": run.decision}
    return facts | {run.words.audited_as: run.rows_done} | {name: text for name, text in said.items() if text}
