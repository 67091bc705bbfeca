"""The facts of a run: who, when, how much, how fast, how often it was tried."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Run
from exports.models.states import DELIVERED, State
from exports.shown.runs import RunFacts
from roles.ui.words import duration, exact_time, number, size


def named_facts(run: Run, facts: RunFacts) -> list[tuple[str, Any]]:
    """Return what is known of the run, as (name, value)."""
    pairs: list[tuple[str, Any]] = [
        (_("Started by"), facts.started_by),
        (_("Due"), _due(facts)),
        (_("Waiting for"), run.waits_for if run.waits_for and run.state == State.QUEUED else None),
        (_("Held because"), _held_for(run)),
        (_("Released by") if run.is_released else _("Discarded by"), _decided_by(run)),
        (_("Reason"), run.decision or None),
        (_("Canceled by"), str(run.canceled_by) if run.canceled_by else None),
        (_("Next try"), _time(facts.status.next_try)),
        (_("Data as of"), _time(facts.data_as_of)),
        (_("Queued"), _time(facts.queued_at)),
        (_("Started"), _time(facts.started_at)),
        (_("Ended"), _time(facts.ended_at)),
        (_("Duration"), _duration(run, facts)),
        (str(facts.words.name), number(facts.done) if facts.done or run.state in DELIVERED else None),
        (_("Size"), size(facts.bytes) if facts.bytes else None),
        (str(facts.words.each_second), number(rate(run)) if rate(run) else None),
        (_("Attempts"), facts.tried),
    ]
    return [(name, value) for name, value in pairs if value is not None]


def _duration(run: Run, facts: RunFacts) -> str | None:
    """How long it ran; None while it waits, and if it then waited for a person."""
    was_dropped = run.decided_at is not None and not run.is_released
    is_running = run.state == State.RUNNING
    return duration(facts.seconds) if is_running or (facts.ended_at and not was_dropped) else None


def _due(facts: RunFacts) -> str | None:
    """The time that it was scheduled for, and whether it started late."""
    if facts.due is None:
        return None
    return _("%(when)s, late") % {"when": exact_time(facts.due)} if facts.is_late else exact_time(facts.due)


def _held_for(run: Run) -> str | None:
    """Why the brakes held it; empty while they do, because its message says so."""
    return ". ".join(map(str, run.held_texts)) if run.held_for and run.state != State.HELD else None


def _decided_by(run: Run) -> str | None:
    if run.decided_at is None:
        return None
    who = run.decided_by or _("a removed user")
    return f"{who} · {exact_time(run.decided_at)}"


def rate(run: Run) -> int | None:
    """Rows a second while sending; None before."""
    sending = next((step for step in run.steps if step["key"] == "send" and step.get("seconds")), None)
    seconds = sending["seconds"] if sending else _seconds_of_sending(run)
    return round(run.rows_done / seconds) if seconds and seconds > 0 and run.rows_done else None


def _seconds_of_sending(run: Run) -> float | None:
    """How long the attempt has been sending: since a worker could take it, without the steps before."""
    if run.started_at is None or run.state != State.RUNNING:
        return None
    begun = max(run.started_at, run.not_before)
    before = sum(step.get("seconds") or 0 for step in run.steps)
    return (timezone.now() - begun).total_seconds() - before


def time_left(run: Run) -> str:
    """Return how long sending the rest takes at the rate so far; "" while that is not known."""
    per_second = rate(run)
    if run.state != State.RUNNING or not per_second or not run.rows_total:
        return ""
    return _("%(time)s left") % {"time": duration(int(max(0, run.rows_total - run.rows_done) / per_second))}


def _time(value: Any) -> str | None:
    return exact_time(value) if value else None
