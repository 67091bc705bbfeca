"""What the tests of data-out exports share: an environment of related tables, and a reader that is not Waybill's."""

import csv
import gzip
import io
import json
import uuid
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

from connections.models import Connection
from exports.models import Export, ExportKind, ExportTable, Run
from segments.models import Field, Relationship, Table
from tests.factories import folder_of, make_export, make_table
from tests.warehouse import writer

ORDERS = """OrderId,CustomerId,Total,PaidAt
1,C1,10.50,2024-01-02 03:04:05
2,C1,7,2024-02-03 04:05:06
3,C9,1.25,
"""


def make_orders(customers: Table) -> Table:
    """Return a table of orders, two of which refer to a customer."""
    orders = make_table(customers.environment, "Orders", ORDERS, key="OrderId", profile_kind="")
    Relationship.objects.create(table=orders, field_name="CustomerId", to_table=customers, to_field_name="CustomerId")
    return orders


def make_data_out(environment, tables=(), members=(), name="", connection=None, **values) -> Export:
    """Return a data-out export of whole tables and of the member lists of segments."""
    export = make_export(environment, name, connection, members, kind=ExportKind.DATA_OUT, **values)
    for position, table in enumerate(tables):
        ExportTable.objects.create(export=export, table=table, position=position)
    return export


def describe_relation(environment, name: str, create: str, fields: dict[str, str], keys=()) -> Table:
    """Run `create` ({} is the relation) and return the table that describes what it made."""
    with writer() as connection:
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{environment.warehouse_schema}"')
        relation = '"{}"."{}"'.format(environment.warehouse_schema, name.replace('"', '""'))
        connection.execute(create.replace("{}", relation, 1))
    table = Table.objects.create(environment=environment, name=name)
    for position, (field, pg_type) in enumerate(fields.items()):
        Field.objects.create(table=table, name=field, pg_type=pg_type, position=position, is_key=field in keys)
    return table


def root_of(export: Export) -> Path:
    """Return the folder of the export on its connection."""
    return folder_of(export.connection) / export.name.replace(" ", "_")


def manifest_of(run: Run) -> dict:
    """Return the manifest of a run to a local folder."""
    (entry,) = [entry for entry in run.files if entry["role"] == "manifest"]
    return json.loads(below(run.export.connection, entry["path"]).read_text())


def below(connection: Connection, path: str) -> Path:
    return folder_of(connection) / path


# --- a reader of model.json that knows nothing of Waybill

PARSERS = {
    "string": str,
    "json": json.loads,
    "int64": int,
    "double": float,
    "decimal": Decimal,
    "boolean": {"true": True, "false": False}.__getitem__,
    "guid": uuid.UUID,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "dateTime": datetime.fromisoformat,
    "dateTimeOffset": datetime.fromisoformat,
}


def read_model(folder: Path) -> tuple[dict, dict[str, list[dict]]]:
    """Return model.json and the rows of each entity, their values parsed as it says."""
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return model, {entity["name"]: list(rows_of(folder, entity)) for entity in model["entities"]}


def rows_of(folder: Path, entity: dict):
    """Yield the entity's rows as {attribute: value}, None for an empty value."""
    types = {attribute["name"]: attribute["dataType"] for attribute in entity["attributes"]}
    for partition in entity["partitions"]:
        form = partition["fileFormatSettings"]
        assert form["columnHeaders"]
        data = folder.joinpath(*unquote(partition["location"]).split("/")).read_bytes()
        text = (gzip.decompress(data) if partition["location"].endswith(".gz") else data).decode("utf-8")
        header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=form["delimiter"])
        assert header == list(types)
        for row in rows:
            values = zip(header, row, strict=True)
            yield {name: PARSERS[types[name]](value) if value else None for name, value in values}


def joined(model: dict, rows: dict[str, list[dict]], relationship: dict) -> int:
    """Return how many rows of the relationship's near end find theirs at the far end."""
    near, far = relationship["fromAttribute"], relationship["toAttribute"]
    found = {row[far["attributeName"]] for row in rows[far["entityName"]]}
    return sum(row[near["attributeName"]] in found for row in rows[near["entityName"]])
