"""What the audit log keeps of exports and of each start and end of a run: names and numbers, no profile's values."""

import itertools
from typing import Any

from connections.models import Sharing
from exports.alerts import watch
from exports.models import Export, ExportKind, Run, ScheduleMode, Trigger
from exports.models.states import State
from exports.runs import log
from exports.schedules.words import described
from roles.audit import audit
from roles.audit.changes import add_values
from roles.models import User
from segments.models import Segment
from segments.rules import without_values

# What a run does when it comes to a state; all others end it.
MOVES: dict[str, str] = {
    State.RUNNING: "start run",
    State.QUEUED: "interrupt run",
    State.RETRYING: "postpone run",
    State.HELD: "hold run",
}
# What a person decided about a held run, by the state that it has then.
DECIDED: dict[str, str] = {State.QUEUED: "let go", State.CANCELED: "drop"}
MOST_RUNS = 200  # that the removal of an export lists; each has events of its own
BULKY = ("steps", "items", "files", "folders", "target", "detail")


def say_values() -> None:
    """Let the audit page show what is chosen from a list in its words."""
    add_values(
        state=dict(State.choices),
        trigger=dict(Trigger.choices),
        schedule=dict(ScheduleMode.choices),
        kind=dict(ExportKind.choices),
        sharing=dict(Sharing.choices),
    )


def note_run(run_id: int, before: str, *, by: User | None = None) -> None:
    """Note, in the transaction that did it, that the run went from the state `before` to the one it has now."""
    found = Run.objects.select_related("environment", "export", "triggered_by").defer(*BULKY)
    run = found.get(pk=run_id)
    decided = DECIDED.get(run.state) if before == State.HELD and run.decision else None
    action = decided or MOVES.get(run.state, "end run")
    audit.record(run.environment, action, run.export, by=by, changes=_facts_of_run(run, before), run=run.uuid)
    log.note_state(run, before, _without_values(run), by=by)
    watch.on_run(run, before, _without_values(run))


def _facts_of_run(run: Run, before: str) -> dict[str, Any]:
    """The state, what started it and, of one that ended, how much was sent; never `detail`, which names hosts."""
    facts: dict[str, Any] = {"state": [before, run.state], "trigger": run.trigger}
    if run.triggered_by:
        facts["asked_by"] = str(run.triggered_by)
    if run.state == State.RUNNING:
        return facts | {"attempt": run.claims}
    said = {"reason": run.reason, "message": _without_values(run), "why": run.decision}
    return facts | {"rows": run.rows_done} | {name: text for name, text in said.items() if text}


def _without_values(run: Run) -> str:
    """What the run tells everyone; a refresh that failed may quote the value of a rule."""
    if "“" not in run.message:
        return run.message
    segments = Segment.objects.filter(exports=run.export_id).values_list("conditions", flat=True)
    return without_values(run.message, itertools.chain.from_iterable(segments))


def facts(export: Export | None) -> dict[str, Any]:
    """Return the export as the audit log keeps it: settings and names, what is empty left out."""
    if export is None:
        return {}
    found = {
        "name": export.name,
        "description": export.description,
        "kind": export.kind,
        "connection": export.connection.name if export.connection else None,
        **{f"settings.{name}": value for name, value in sorted(export.settings.items())},
        "fields": _fields(export),
        "schedule": described(export),
        "refreshes_segments": export.refreshes_segments,
        "tolerance": export.tolerance,
        "most_removals": export.most_removals,
        "sends_nothing": export.sends_nothing or None,
        "segments": [entry.segment.name for entry in export.export_segments.select_related("segment")],
        "tables": [entry.table.name for entry in export.export_tables.select_related("table")],
    }
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return what differs, as [before, after] by name."""
    names = [*after, *(name for name in before if name not in after)]
    pairs = {name: [before.get(name), after.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def removal(export: Export) -> dict[str, Any]:
    """Return the export as it was and the end of its last runs, which outlive it in the audit log."""
    runs = export.runs.order_by("-pk").values_list("uuid", "state", "ended_at", "rows_done")[:MOST_RUNS]
    listed = [[str(run), state, ended.isoformat() if ended else None, rows] for run, state, ended, rows in runs]
    return difference(facts(export), {}) | {"runs": listed}


def _fields(export: Export) -> list[str]:
    """The chosen fields in their order, with the name that each has in the file where it is another one."""
    chosen = [entry for entries in export.field_selection.values() for entry in entries]
    return [_field(str(entry.get("field", "")), str(entry.get("name", ""))) for entry in chosen]


def _field(field: str, name: str) -> str:
    return field if name in ("", field) else f"{field} → {name}"
