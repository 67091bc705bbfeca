"""What the audit log keeps of exports: names and numbers, no profile's values."""

from typing import Any

from connections.models import Sharing
from exports.models import Export, ExportKind, ScheduleMode, Trigger
from exports.models.states import State
from exports.schedules.words import described
from roles.audit.changes import add_values

MOST_RUNS = 200  # that the removal of an export lists; each has events of its own


def register_values() -> None:
    """Let the audit page show what is chosen from a list in its words."""
    add_values(
        state=dict(State.choices),
        trigger=dict(Trigger.choices),
        schedule=dict(ScheduleMode.choices),
        kind=dict(ExportKind.choices),
        sharing=dict(Sharing.choices),
    )


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
