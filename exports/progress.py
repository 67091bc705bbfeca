"""Progress details of an export's last run, in words and figures for the panel."""

from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from exports.models import Export, Run
from exports.rows import look_again, reason_of
from exports.states import DELIVERED, NOT_STARTED, STATES, Look, State
from roles.access import Access, administrators
from roles.permissions import Permission
from roles.words import duration, exact_time, number

LAST_RUNS = 12
STEP_TONES = {"waiting": "neutral", "running": "running", "done": "success", "failed": "danger"}


@dataclass(frozen=True)
class Progress:
    """What the panel shows. `detail` is empty for everybody but administrators."""

    run: Run | None
    look: Look
    reason: str
    next_step: str
    edits: str  # what an administrator or editor can open to mend it: "connection", "export" or ""
    steps: list[dict[str, Any]]
    facts: list[tuple[str, Any]]
    bars: list[dict[str, Any]]
    detail: str
    can_cancel: bool
    can_run: bool
    time_left: str
    look_again: str


def progress_of(export: Export, access: Access) -> Progress:
    """Return the details of the last run of `export` as the user may see them."""
    run, can_edit = export.last_run, export.is_editable_by(access)
    return Progress(
        run=run,
        look=run.look if run else NOT_STARTED,
        reason="" if run and run.message and run.state != State.RETRYING else reason_of(run),
        next_step=_next_step(export, access) if run and _failed_at(run) == "send" else "",
        edits=_edits(export, access) if run else "",
        steps=[_step(step, run) for step in run.steps] if run else [],
        facts=_facts(run) if run else [],
        bars=_bars(export),
        detail=run.detail if run and access.is_administrator else "",
        can_cancel=bool(run and run.is_active and can_edit and not _is_beyond_cancel(run)),
        can_run=bool(can_edit and export.connection_id and not (run and run.is_active)),
        time_left=_time_left(run) if run else "",
        look_again=look_again(run),
    )


def _is_beyond_cancel(run: Run) -> bool:
    """Tell whether a cancel would change nothing: asked for already, or its files are being published."""
    return run.state == State.RUNNING and bool(run.cancel_requested_at or run.is_publishing)


def _failed_at(run: Run) -> str:
    """The step that failed, "" for a run that has not failed."""
    if run.state not in (State.FAILED, State.RETRYING):
        return ""
    failed = next((step["key"] for step in run.steps if step["state"] == "failed"), "")
    return "send" if failed == "manifest" else str(failed)


def _edits(export: Export, access: Access) -> str:
    failed = _failed_at(export.last_run) if export.last_run else ""
    if failed == "send" and export.connection_id and access.has_permission(Permission.MANAGE_CONNECTIONS):
        return "connection"
    return "export" if failed == "check" and export.is_editable_by(access) else ""


def _next_step(export: Export, access: Access) -> str:
    """Whom to ask where the connection is the trouble and the user cannot change it."""
    if access.has_permission(Permission.MANAGE_CONNECTIONS):
        return ""
    names = administrators(access.environment)
    return _("Ask %(names)s to look at the connection.") % {"names": names} if names else ""


def _step(step: dict[str, Any], run: Run) -> dict[str, Any]:
    state = step["state"]
    if state == "running" and run.state != State.RUNNING:
        state = "waiting"  # the run was interrupted in this step
    seconds = step.get("seconds")
    return {
        "tone": STEP_TONES[state],
        "icon": "dashed-circle" if state == "waiting" else "",
        "label": step["label"],
        "detail": _segments(run) if step["key"] == "send" else step["note"],
        "aside": "" if seconds is None else duration(seconds),
    }


def _segments(run: Run) -> str:
    """Rows of each segment, sent and expected."""
    parts = []
    for entry in run.items:
        rows, expected = number(entry["rows"]), number(entry["expected"])
        is_running = run.state == State.RUNNING
        text = _("%(name)s · %(rows)s of %(expected)s") if is_running else _("%(name)s · %(rows)s")
        parts.append(text % {"name": entry["name"], "rows": rows, "expected": expected})
    return ", ".join(parts)


def _facts(run: Run) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [
        (_("Started by"), _started_by(run)),
        (_("Data as of"), exact_time(run.data_as_of) if run.data_as_of else None),
        (_("Queued"), exact_time(run.queued_at)),
        (_("Started"), exact_time(run.started_at) if run.started_at else None),
        (_("Ended"), exact_time(run.ended_at) if run.ended_at else None),
        (_("Duration"), duration(run.seconds) if run.seconds is not None else None),
        (_("Rows"), number(run.rows_done) if run.rows_done or run.state in DELIVERED else None),
        (_("Size"), filesizeformat(run.bytes_done) if run.bytes_done else None),
        (_("Rows a second"), number(_rate(run)) if _rate(run) else None),
        (_("Failed tries"), number(run.tries) if run.tries else None),
    ]
    if run.state == State.RETRYING:
        facts.insert(1, (_("Next try"), exact_time(run.not_before)))
    if run.canceled_by:
        facts.insert(1, (_("Canceled by"), str(run.canceled_by)))
    return [(name, value) for name, value in facts if value is not None]


def _started_by(run: Run) -> str:
    who = f" · {run.triggered_by}" if run.triggered_by else ""
    return f"{run.get_trigger_display()}{who}"


def _rate(run: Run) -> int | None:
    """Rows a second while sending; None before."""
    sending = next((step for step in run.steps if step["key"] == "send" and step.get("seconds")), None)
    seconds = sending["seconds"] if sending else run.seconds
    return round(run.rows_done / seconds) if seconds and run.rows_done else None


def _time_left(run: Run) -> str:
    rate = _rate(run)
    if run.state != State.RUNNING or not rate or not run.rows_total:
        return ""
    return _("%(time)s left") % {"time": duration(max(0, run.rows_total - run.rows_done) / rate)}


def _bars(export: Export) -> list[dict[str, Any]]:
    """The rows of the last runs that have ended, oldest first; nothing to compare with one alone."""
    runs = list(export.runs.filter(ended_at__isnull=False, most_rows=None).order_by("-pk")[:LAST_RUNS])
    return [_bar(run) for run in reversed(runs)] if len(runs) > 1 else []


def _bar(run: Run) -> dict[str, Any]:
    rows, ended = run.rows_sent or 0, exact_time(run.ended_at or run.queued_at)
    title = f"{ended} · {run.get_state_display()} · {number(rows)}"
    return {"value": rows, "tone": STATES[run.state].look.tone, "title": title}
