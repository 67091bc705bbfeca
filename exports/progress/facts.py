"""The facts of a run: who, when, how much, how fast, how often it was tried."""

from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.models import Run
from exports.models.states import DELIVERED, State
from roles.ui.words import duration, exact_time, number


def run_facts(run: Run) -> list[tuple[str, Any]]:
    """Return what is known of the run, as (name, value)."""
    facts: list[tuple[str, Any]] = [
        (_("Started by"), started_by(run)),
        (_("Due"), _due(run)),
        (_("Waits for"), run.waits_for if run.waits_for and run.state == State.QUEUED else None),
        (_("Was held for"), _held_for(run)),
        (_("Let go by") if run.is_released else _("Dropped by"), _decided_by(run)),
        (_("Why"), run.decision or None),
        (_("Canceled by"), str(run.canceled_by) if run.canceled_by else None),
        (_("Next try"), exact_time(run.not_before) if run.state == State.RETRYING else None),
        (_("Data as of"), _time(run.data_as_of)),
        (_("Queued"), exact_time(run.queued_at)),
        (_("Started"), _time(run.started_at)),
        (_("Ended"), _time(run.ended_at)),
        (_("Duration"), _duration(run)),
        (str(run.words.name), number(run.rows_done) if run.rows_done or run.state in DELIVERED else None),
        (_("Size"), filesizeformat(run.bytes_done) if run.bytes_done else None),
        (str(run.words.each_second), number(rate(run)) if rate(run) else None),
        (_("Attempts"), attempts(run)),
    ]
    return [(name, value) for name, value in facts if value is not None]


def _duration(run: Run) -> str | None:
    """How long it ran; None while it waits, and if it then waited for a person."""
    was_dropped = run.decided_at is not None and not run.is_released
    has_run = run.ended_at is not None and not was_dropped
    return duration(run.seconds) if has_run or run.state == State.RUNNING else None


def _due(run: Run) -> str | None:
    """The time that it was scheduled for, and whether it started late."""
    if run.due is None:
        return None
    return _("%(when)s, late") % {"when": exact_time(run.due)} if run.is_late else exact_time(run.due)


def _held_for(run: Run) -> str | None:
    """Why the brakes held it; empty while they do, because its message says so."""
    return ". ".join(map(str, run.held_texts)) if run.held_for and run.state != State.HELD else None


def _decided_by(run: Run) -> str | None:
    if run.decided_at is None:
        return None
    who = run.decided_by or _("somebody who is gone")
    return f"{who} · {exact_time(run.decided_at)}"


def started_by(run: Run) -> str:
    """Return what started the run, and who."""
    who = f" · {run.triggered_by}" if run.triggered_by else ""
    return f"{run.get_trigger_display()}{who}"


def attempts(run: Run) -> str | None:
    """Return the number of attempts and how the earlier ones ended; None for a single attempt."""
    is_working_or_done = run.state not in (State.QUEUED, State.RETRYING)
    failed, taken = run.tries, run.claims
    # A failed last try is counted by `tries` already; its claims begin anew.
    lost = max(0, taken - 1) if is_working_or_done else taken
    count = failed + taken if taken else failed
    if count < 2:
        return None
    parts = [ngettext("%(n)s failed", "%(n)s failed", failed) % {"n": number(failed)}] if failed else []
    if lost:
        parts.append(ngettext("%(n)s interrupted", "%(n)s interrupted", lost) % {"n": number(lost)})
    return f"{number(count)} ({', '.join(parts)})" if parts else number(count)


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
