"""The steps of a run with their times."""

from typing import Any

from exports.models import Run
from exports.models.states import State
from roles.messages.field import out_of_json
from roles.ui.words import duration

TONES = {"waiting": "neutral", "running": "running", "done": "success", "failed": "danger", "skipped": "warning",
         "held": "held"}  # fmt: skip
ICONS = {"waiting": "dashed-circle", "skipped": "minus-circle", "held": "pause-circle"}


def steps_of(run: Run) -> list[dict[str, Any]]:
    """Return the run's steps as the tag `steps` shows them."""
    return [_step(step, run) for step in run.steps]


def failed_step(run: Run) -> dict[str, Any]:
    """Return the step in which the run failed; empty for one that has not failed, or between two steps."""
    if run.state not in (State.FAILED, State.RETRYING):
        return {}
    return next((step for step in run.steps if step["state"] == "failed"), {})


def _step(step: dict[str, Any], run: Run) -> dict[str, Any]:
    state = step["state"]
    if state == "running" and run.state != State.RUNNING:
        state = "waiting"  # the run was interrupted in this step
    seconds = step.get("seconds")
    return {
        "tone": TONES.get(state, "neutral"),
        "icon": ICONS.get(state, ""),
        "label": str(out_of_json(step["label"])),
        "detail": str(out_of_json(step["note"])),
        "aside": "" if seconds is None else duration(seconds),
    }
