"""The model.json of a data-out export, in the Common Data Model's form (docs/files.md)."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from exports.models import Run
from exports.work.files import cdm_names
from exports.work.files.manifest import as_time, definition
from exports.work.files.paths import FileItem, FilePlan
from exports.work.plan import ItemColumn, ItemKind
from segments.relationships import relationships_of

LONGEST_TEXT = 4000  # characters of a description
# PostgreSQL's types without their modifiers; all others (arrays, intervals, domains, ranges …) are strings.
DATA_TYPES = {
    "smallint": "int64",
    "integer": "int64",
    "bigint": "int64",
    "numeric": "decimal",
    "real": "double",
    "double precision": "double",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "timestamp": "dateTime",
    "timestamp with time zone": "dateTimeOffset",
    "uuid": "guid",
    "json": "json",
    "jsonb": "json",
}
Json = dict[str, Any]


def model_json(plan: FilePlan, run: Run, slot: str) -> bytes:
    """Return the text of model.json for the files of this run in `slot`."""
    model = model_of(plan, run, slot)
    return json.dumps(model, indent=2, ensure_ascii=False).encode() + b"\n"


def model_of(plan: FilePlan, run: Run, slot: str) -> Json:
    """Return model.json as data: an entity for each item, in their order."""
    taken: set[str] = set()
    named = [(item, cdm_names.entity(item.name, taken)) for item in plan.items]
    rows = [entry["rows"] for entry in run.files if entry["role"] == "data"]
    export = run.export
    return {
        "application": "Waybill",
        "name": cdm_names.plain(export.name),
        "description": (export.description or f"Data-out export “{export.name}”")[:LONGEST_TEXT],
        "version": "1.0",
        "culture": "en-US",
        "modifiedTime": datetime.now(UTC).isoformat(timespec="seconds"),
        "annotations": _annotations(
            name=export.name,
            run=run.uuid,
            dataAsOf=as_time(run.data_as_of),
            manifest=_location(plan, plan.layout.manifest(slot)),
            compression=plan.format.compression,
        ),
        "entities": [
            _entity(plan, item, name, run, slot, count) for (item, name), count in zip(named, rows, strict=True)
        ],
        "relationships": _relationships(named),
    }


def data_type(pg_type: str) -> str:
    """Return the Common Data Model's type of a PostgreSQL type, such as "numeric(10,2)"."""
    return DATA_TYPES.get(re.sub(r"\(\d+(,-?\d+)?\)", "", pg_type), "string")


def _entity(plan: FilePlan, item: FileItem, name: str, run: Run, slot: str, rows: int) -> Json:
    path = plan.path(item, slot)
    return {
        "$type": "LocalEntity",
        "name": name,
        "description": _described(item)[:LONGEST_TEXT],
        "annotations": _annotations(
            name=item.name,
            kind=item.kind,
            schema=item.table.environment.warehouse_schema,
            table=item.table.name,
            rows=rows,
        ),
        "attributes": [_attribute(column, item) for column in item.columns],
        "partitions": [
            {
                "name": f"{item.folder}_1",
                "refreshTime": as_time(run.data_as_of),
                "location": _location(plan, path),
                **_file_format(plan),
            }
        ],
    }


def _described(item: FileItem) -> str:
    if item.segment is None:
        return f"The table {item.table.name}"
    return f"The members of the segment “{item.name}” by their key. {definition(item.segment)}"


def _attribute(column: ItemColumn, item: FileItem) -> Json:
    source = f"{item.table.environment.warehouse_schema}.{column.field.table.name}.{column.field.name}"
    key = ", key" if column.field.is_key else ""
    return {
        "name": column.name,
        "description": f"{source} · {column.pg_type}{key}"[:LONGEST_TEXT],
        "dataType": data_type(column.pg_type),
        "annotations": _annotations(
            sourceTable=column.field.table.name,
            sourceColumn=column.field.name,
            postgresqlType=column.pg_type,
            key="true" if column.field.is_key else "false",
            semanticType=column.field.semantic_type or None,
        ),
    }


def _file_format(plan: FilePlan) -> Json:
    settings = plan.format.model_settings
    return {} if settings is None else {"fileFormatSettings": settings}


def _relationships(named: list[tuple[FileItem, str]]) -> list[Json]:
    """Those whose both ends are in the model; a member list refers to its profile table by a single key."""
    tables = {item.table.pk: (item, name) for item, name in named if item.kind == ItemKind.TABLE}
    found = [
        _relationship(_end(tables[one.table_id], one.field_name), _end(tables[one.to_table_id], one.to_field_name))
        for one in relationships_of([item.table for item, _name in tables.values()])
        if one.to_table_id in tables
    ]
    lists = [(item, name) for item, name in named if item.kind == ItemKind.MEMBERS and item.table.pk in tables]
    for item, name in lists:
        if len(item.columns) == 1:
            key = item.columns[0].field.name
            found.append(_relationship(_end((item, name), key), _end(tables[item.table.pk], key)))
    return found


def _relationship(from_end: Json, to_end: Json) -> Json:
    return {"$type": "SingleKeyRelationship", "fromAttribute": from_end, "toAttribute": to_end}


def _end(entity: tuple[FileItem, str], field: str) -> Json:
    """One end of a relationship: the attribute that `field` goes out as."""
    item, name = entity
    attribute = next(column.name for column in item.columns if column.field.name == field)
    return {"entityName": name, "attributeName": attribute}


def _location(plan: FilePlan, path: str) -> str:
    """Return `path` relative to model.json, percent-encoded."""
    return quote(plan.layout.within(path), safe="/")


def _annotations(**facts: object) -> list[Json]:
    """Waybill's own facts; those that are None are left out."""
    return [{"name": f"waybill:{name}", "value": str(value)} for name, value in facts.items() if value is not None]
