"""What the manifest says (docs/files.md): files with rows and checksums, and where every column comes from."""

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import override

from exports.models import ExportKind, Run
from exports.work.files.paths import FileItem, FilePlan
from exports.work.plan import ItemColumn, ItemKind
from segments.models import Match, Segment, Table
from segments.relationships import relationships_of
from segments.rules import describe

FORMAT = "waybill-manifest-2"


def manifest(plan: FilePlan, run: Run) -> dict[str, Any]:
    """Return the manifest of a run whose files are written; `run.files` holds them in the order of the items."""
    data = [entry for entry in run.files if entry["role"] == "data"]
    files = [_file(plan, item, entry, run) for item, entry in zip(plan.items, data, strict=True)]
    return {
        "format": FORMAT,
        "kind": run.export.kind,
        "test": plan.most_rows is not None,
        "export": run.export.name,
        "environment": run.environment.slug,
        "run": str(run.uuid),
        "data_as_of": as_time(run.data_as_of),
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **plan.format.manifest,
        "rows": sum(entry["rows"] for entry in data),
        "bytes": sum(entry["bytes"] for entry in data),
        "files": files,
        "relationships": _relationships(plan),
        "model": _model(plan, run),
    }


def as_time(when: datetime | None) -> str | None:
    """Return the time as files state it: ISO 8601 in UTC."""
    return when.astimezone(UTC).isoformat() if when else None


def definition(segment: Segment) -> str:
    """Return the segment's definition as a person would say it, in English: what is delivered is the same for all."""
    if not segment.conditions:
        return f"Every profile of {segment.table.name}"
    types = dict(segment.table.fields.values_list("name", "pg_type"))
    with override(None):
        conditions = "; ".join(describe(one, types.get(one["field"], "")) for one in segment.conditions)
        return f"{Match(segment.match).label}: {conditions}"


def _file(plan: FilePlan, item: FileItem, entry: dict[str, Any], run: Run) -> dict[str, Any]:
    return {
        "path": plan.layout.within(entry["path"]),
        "kind": item.kind,
        "name": item.name,
        "rows": entry["rows"],
        "bytes": entry["bytes"],
        "sha256": entry["sha256"],
        "schema": item.table.environment.warehouse_schema,
        "table": item.table.name,
        "segment": _segment(item.segment, run) if item.segment else None,
        "columns": [_column(column, item) for column in item.columns],
    }


def _segment(segment: Segment, run: Run) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": segment.name,
        "profiles": segment.table.profile_kind,
        "members": segment.member_count,
        "refreshed_at": as_time(segment.refreshed_at),
    }
    if run.export.kind == ExportKind.DATA_OUT:
        facts["definition"] = {
            "words": definition(segment),
            "match": segment.match,
            "conditions": segment.conditions,
        }
    return facts


def _column(column: ItemColumn, item: FileItem) -> dict[str, Any]:
    table = column.field.table
    return {
        "name": column.name,
        "schema": item.table.environment.warehouse_schema,
        "table": table.name,
        "field": column.field.name,
        "postgresql_type": column.pg_type,
        "is_key": column.field.is_key,
        "semantic_type": column.field.semantic_type or None,
    }


def _relationships(plan: FilePlan) -> list[dict[str, Any]]:
    """Which field of a table of this export refers to which table, also to one that is not sent."""
    sent = {item.table.pk for item in plan.items if item.kind != ItemKind.MEMBERS}
    tables: dict[int, Table] = {item.table.pk: item.table for item in plan.items}
    return [
        {
            "from": {"table": one.table.name, "field": one.field_name, "is_sent": one.table_id in sent},
            "to": {"table": one.to_table.name, "field": one.to_field_name, "is_sent": one.to_table_id in sent},
        }
        for one in relationships_of(tables.values())
    ]


def _model(plan: FilePlan, run: Run) -> dict[str, Any] | None:
    """Where model.json lies and its checksum; None where there is none."""
    found = next((entry for entry in run.files if entry["role"] == "model"), None)
    if not plan.has_model or found is None:
        return None
    return {"path": plan.layout.within(found["path"]), "bytes": found["bytes"], "sha256": found["sha256"]}
