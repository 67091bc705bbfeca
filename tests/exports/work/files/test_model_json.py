"""model.json and the manifest: valid, readable by a program that knows nothing of Waybill, and true."""

import gzip
import hashlib
import json
import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from exports.models.states import State
from exports.work.files import cdm_names
from exports.work.files.model_json import data_type
from roles.kinds import SemanticType
from segments.models import Relationship
from tests.exports.work.data_out import (
    below,
    describe_relation,
    joined,
    make_data_out,
    make_orders,
    manifest_of,
    read_model,
    root_of,
)
from tests.exports.work.test_run import run_to_end
from tests.factories import make_environment, make_export, make_segment, make_table
from tests.tools import require_contracts

PAGE = Path(__file__).resolve().parents[4] / "docs" / "files.md"
pytestmark = pytest.mark.django_db(transaction=True)

EVERY_TYPE = {
    "small": ("smallint", "'1'", "int64"),
    "whole": ("integer", "'-2'", "int64"),
    "big": ("bigint", "'9223372036854775807'", "int64"),
    "exact": ("numeric(10,2)", "'10.50'", "decimal"),
    "money": ("money", "'1.50'", "string"),
    "single": ("real", "'1.5'", "double"),
    "double": ("double precision", "'1e300'", "double"),
    "yes": ("boolean", "'t'", "boolean"),
    "day": ("date", "'2024-02-29'", "date"),
    "hour": ("time(3)", "'12:34:56.789'", "time"),
    "hour there": ("time with time zone", "'12:34:56+02'", "string"),
    "moment": ("timestamp(3)", "'2024-02-29 12:34:56.789'", "dateTime"),
    "moment there": ("timestamp with time zone", "'2024-02-29 12:34:56+02'", "dateTimeOffset"),
    "id": ("uuid", "'b5a1c2d3-0000-4000-8000-000000000001'", "guid"),
    "object": ("json", """'{"a": [1, "two"]}'""", "json"),
    "binary object": ("jsonb", """'{"a": "x;y,z"}'""", "json"),
    "list": ("integer[]", "'{1,2}'", "string"),
    "dates": ("date[]", "'{2024-01-01}'", "string"),
    "span": ("interval", "'1 day 2 hours'", "string"),
    "range": ("int4range", "'[1,5)'", "string"),
    "text": ("text", "'x'", "string"),
    "short": ("character varying(20)", "'y'", "string"),
    "bytes": ("bytea", r"'\x00ff'", "string"),
    "address": ("inet", "'10.0.0.1'", "string"),
}


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def customers(environment):
    return make_table(environment, semantic_types={"Email": SemanticType.EMAIL})


@pytest.fixture
def orders(customers):
    return make_orders(customers)


@pytest.fixture
def londoners(customers):
    return make_segment(customers, "Londoners", [{"field": "City", "operator": "equals", "value": "London"}])


@pytest.fixture
def lake(environment, customers, orders, londoners):
    return make_data_out(environment, [orders, customers], [londoners], name="Lake", description="For analysts.")


def assert_valid(model):
    schema = json.loads((require_contracts() / "cdm-model.schema.json").read_text())
    jsonschema.Draft7Validator(schema).validate(model)


def annotations(noun) -> dict[str, str]:
    return {one["name"].removeprefix("waybill:"): one["value"] for one in noun["annotations"]}


def entity_of(model, name):
    return next(entity for entity in model["entities"] if entity["name"] == name)


def attribute_of(model, entity, name):
    return next(one for one in entity_of(model, entity)["attributes"] if one["name"] == name)


def test_it_is_valid(lake):
    run_to_end(lake)
    assert_valid(read_model(root_of(lake))[0])


def test_the_schema_does_refuse_what_is_wrong(lake):
    run_to_end(lake)
    model, _rows = read_model(root_of(lake))
    model["entities"][0]["attributes"][0]["dataType"] = "text"
    with pytest.raises(jsonschema.ValidationError):
        assert_valid(model)


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("delimiter", ["comma", "tab"])
def test_another_program_reads_every_row_and_joins_them(lake, compression, delimiter):
    lake.settings = {"compression": compression, "delimiter": delimiter}
    lake.save()
    run_to_end(lake)
    model, rows = read_model(root_of(lake))
    assert {name: len(found) for name, found in rows.items()} == {"Orders": 3, "Customers": 5, "Londoners": 2}
    bela = next(row for row in rows["Customers"] if row["CustomerId"] == "C2")
    assert (bela["LastName"], bela["Income"]) == ("Bartók, Jr.", Decimal(3000))
    assert [joined(model, rows, one) for one in model["relationships"]] == [2, 2]


def test_it_says_where_everything_comes_from(lake, environment):
    run = run_to_end(lake)
    model, _rows = read_model(root_of(lake))
    assert (model["version"], model["application"], model["name"]) == ("1.0", "Waybill", "Lake")
    assert model["description"] == "For analysts."
    facts = annotations(model)
    assert datetime.fromisoformat(facts["dataAsOf"]) == run.data_as_of
    assert (root_of(lake) / facts["manifest"]).is_file()
    assert "compression" not in facts
    orders = entity_of(model, "Orders")
    expected = {"kind": "table", "schema": environment.warehouse_schema, "table": "Orders", "rows": "3"}
    assert annotations(orders).items() >= expected.items()
    assert orders["partitions"][0]["refreshTime"] == facts["dataAsOf"]
    key, mail = attribute_of(model, "Customers", "CustomerId"), attribute_of(model, "Customers", "Email")
    assert annotations(key)["key"] == "true"
    assert annotations(mail).items() >= {"key": "false", "semanticType": "email", "postgresqlType": "text"}.items()
    assert "City equals London" in entity_of(model, "Londoners")["description"]


def test_a_relationship_is_stated_only_when_both_ends_are_there(environment, customers, orders, londoners):
    export = make_data_out(environment, [orders], [londoners], name="Half")
    run = run_to_end(export)
    assert read_model(root_of(export))[0]["relationships"] == []
    assert manifest_of(run)["relationships"] == [
        {
            "from": {"table": "Orders", "field": "CustomerId", "is_sent": True},
            "to": {"table": "Customers", "field": "CustomerId", "is_sent": False},
        }
    ]


def test_a_broken_relationship_is_left_out(environment, customers, orders):
    Relationship.objects.update(field_name="Gone")
    export = make_data_out(environment, [orders, customers], name="Broken")
    assert run_to_end(export).state == State.SUCCEEDED
    assert read_model(root_of(export))[0]["relationships"] == []


def test_every_type_of_postgresql_is_stated_so_that_its_values_parse(environment):
    columns = ", ".join(f'{value}::{pg} AS "{name}"' for name, (pg, value, _type) in EVERY_TYPE.items())
    stored = {name: pg for name, (pg, *_) in EVERY_TYPE.items()}
    table = describe_relation(environment, "Types", f"CREATE TABLE {{}} AS SELECT {columns}", stored)
    export = make_data_out(environment, [table], name="Types")
    run = run_to_end(export)
    assert run.state == State.SUCCEEDED, run.message
    model, rows = read_model(root_of(export))
    assert_valid(model)
    (row,) = rows["Types"]
    assert {name: attribute_of(model, "Types", name)["dataType"] for name in EVERY_TYPE} == {
        name: data_type for name, (_pg, _value, data_type) in EVERY_TYPE.items()
    }
    assert (row["big"], row["exact"], row["yes"]) == (9223372036854775807, Decimal("10.50"), True)
    assert row["moment there"].isoformat() == "2024-02-29T10:34:56+00:00"
    assert row["object"] == {"a": [1, "two"]}
    stated = annotations(attribute_of(model, "Types", "exact"))["postgresqlType"]
    assert stated == "numeric(10,2)"


def test_a_domain_is_a_string(environment):
    schema = environment.warehouse_schema
    create = f'CREATE DOMAIN "{schema}".age AS integer; CREATE TABLE {{}} AS SELECT \'7\'::"{schema}".age AS age'
    table = describe_relation(environment, "Domain", create, {"age": "integer"})
    export = make_data_out(environment, [table], name="Domain")
    run_to_end(export)
    model, rows = read_model(root_of(export))
    assert attribute_of(model, "Domain", "age")["dataType"] == "string"
    assert rows["Domain"] == [{"age": "7"}]


def test_an_unknown_type_is_a_string():
    assert data_type("public.geometry(Point,4326)") == "string"


def test_names_that_the_form_refuses_become_valid_ones_in_the_model_and_in_the_file(environment):
    fields = [" blanks ", "blanks", "line\nbreak", "line_break", "\ufeff", "ü😀", "a.b"]
    columns = ", ".join(f'{n} AS "{name}"' for n, name in enumerate(fields))
    tables = [
        describe_relation(environment, name, f"CREATE TABLE {{}} AS SELECT {columns}", dict.fromkeys(fields, "integer"))
        for name in ('dots.and "quotes"', "dots_and _quotes_", " . ", "Ünï çødé")
    ]
    export = make_data_out(environment, tables, name='Odd."Name"')
    run = run_to_end(export)
    assert run.state == State.SUCCEEDED, run.message
    folder = below(export.connection, run.files[0]["path"]).parents[5]
    model, rows = read_model(folder)
    assert_valid(model)
    assert list(rows) == ["dots_and _quotes_", "dots_and _quotes__2", "_", "Ünï çødé"]
    (row,) = rows["_"]
    assert row == {"blanks": 0, "blanks_2": 1, "line_break": 2, "line_break_2": 3, "_": 4, "ü😀": 5, "a.b": 6}
    assert annotations(model["entities"][0])["name"] == 'dots.and "quotes"'
    assert annotations(model["entities"][0]["attributes"][0])["sourceColumn"] == " blanks "
    assert all(entity["partitions"][0]["location"].isascii() for entity in model["entities"])


def test_names_that_differ_in_case_or_composition_alone_are_made_unlike_in_model_header_and_manifest(environment):
    fields = ["Nr", "NR", "day", "Day", "NR_2", "Café", "CAFE\u0301", "straße", "STRASSE"]
    columns = ", ".join(f'{n} AS "{name}"' for n, name in enumerate(fields))
    tables = [
        describe_relation(environment, name, f"CREATE TABLE {{}} AS SELECT {columns}", dict.fromkeys(fields, "integer"))
        for name in ("Café", "cafe\u0301", "CAFÉ 2")
    ]
    export = make_data_out(environment, tables, name="Alike")
    run = run_to_end(export)
    assert run.state == State.SUCCEEDED, run.message
    model, rows = read_model(root_of(export))
    assert_valid(model)
    made = ["Nr", "NR_2", "day", "Day_2", "NR_2_2", "Café", "CAFE\u0301_2", "straße", "STRASSE_2"]
    assert list(rows) == ["Café", "cafe\u0301_2", "CAFÉ 2"]
    assert rows["Café"] == [dict(zip(made, range(9), strict=True))]
    assert [column["name"] for column in manifest_of(run)["files"][0]["columns"]] == made
    sources = [annotations(one)["sourceColumn"] for one in model["entities"][0]["attributes"]]
    assert sources == fields
    for names in (list(rows), made, [entry["path"] for entry in run.files]):
        assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == len(names)


def test_made_names_are_valid_short_and_unlike_each_other():
    taken: set[str] = set()
    long = [cdm_names.entity("x" * 300, taken) for _number in range(12)]
    assert len(set(long)) == 12
    assert max(map(len, long)) <= 256
    assert cdm_names.plain("  \n ") == "_"
    assert cdm_names.entity('."', taken) == "__"


def test_gzip_is_stated(lake):
    lake.settings = {"compression": "gzip"}
    lake.save()
    run = run_to_end(lake)
    model, _rows = read_model(root_of(lake))
    assert annotations(model)["compression"] == "gzip"
    assert manifest_of(run)["compression"] == "gzip"


def test_the_manifest_says_of_every_file_what_it_holds_and_where_it_comes_from(lake, environment, londoners):
    run = run_to_end(lake)
    manifest = manifest_of(run)
    assert (manifest["format"], manifest["kind"], manifest["test"]) == ("waybill-manifest-2", "data_out", False)
    assert (manifest["rows"], manifest["bytes"]) == (10, sum(entry["bytes"] for entry in manifest["files"]))
    for entry in manifest["files"]:
        data = (root_of(lake) / entry["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
    orders, customers, members = manifest["files"]
    assert (orders["kind"], orders["schema"], orders["table"]) == ("table", environment.warehouse_schema, "Orders")
    assert orders["segment"] is None
    assert next(column for column in customers["columns"] if column["name"] == "Email") == {
        "name": "Email",
        "schema": environment.warehouse_schema,
        "table": "Customers",
        "field": "Email",
        "postgresql_type": "text",
        "is_key": False,
        "semantic_type": "email",
    }
    assert members["segment"]["definition"] == {
        "words": "All conditions: City equals London",
        "match": "all",
        "conditions": londoners.conditions,
    }
    assert manifest["relationships"][0]["to"]["is_sent"] is True
    model = (root_of(lake) / manifest["model"]["path"]).read_bytes()
    assert manifest["model"]["sha256"] == hashlib.sha256(model).hexdigest()


def test_the_manifest_of_a_segment_export_names_field_and_column(environment, customers, londoners):
    chosen = {str(customers.pk): [{"field": "CustomerId", "name": "id"}, {"field": "Email", "name": "mail"}]}
    export = make_export(
        environment, "Calls", segments=[londoners], field_selection=chosen, settings={"compression": "gzip"}
    )
    run = run_to_end(export)
    manifest = manifest_of(run)
    (entry,) = manifest["files"]
    assert [(one["name"], one["field"], one["is_key"]) for one in entry["columns"]] == [
        ("id", "CustomerId", True),
        ("mail", "Email", False),
    ]
    assert (manifest["kind"], manifest["model"], entry["segment"]["members"]) == ("segments", None, 2)
    assert "definition" not in entry["segment"]
    assert gzip.decompress((root_of(export) / entry["path"]).read_bytes()).startswith(b"id,mail\n")


# --- docs/files.md


def shape(value):
    """The names in a piece of JSON, however often they occur; annotations count by their names."""
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    if not isinstance(value, dict):
        return type(value).__name__
    if set(value) == {"name", "value"}:
        return "annotation"
    return {name: shape(one) for name, one in value.items()}


def examples() -> list[dict]:
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)]


def test_the_pages_examples_are_what_a_run_writes(environment):
    customers = make_table(
        environment, csv="CustomerId,EMail\nC1,a@b.example\n", semantic_types={"EMail": SemanticType.EMAIL}
    )
    condition = {"field": "EMail", "operator": "not_empty", "value": ""}
    orders = make_orders(customers)
    lists = [make_segment(customers, "Reachable", [condition])]
    export = make_data_out(
        environment, [customers, orders], lists, "Data lake", settings={"compression": "gzip", "delimiter": "semicolon"}
    )
    run = run_to_end(export)
    manifest, model = examples()
    real, (real_model, _rows) = manifest_of(run), read_model(root_of(export))
    assert shape(manifest) == shape(real)
    assert shape(manifest["files"][-1:]) == shape(real["files"][-1:])
    assert shape(manifest["files"][-1]["columns"]) == shape(real["files"][-1]["columns"])
    assert shape(model) == shape(real_model)
    assert_valid(model)
    mail = attribute_of(real_model, "Customers", "EMail")
    for documented, found in ((model, real_model), (model["entities"][0], real_model["entities"][0])):
        assert list(annotations(documented)) == list(annotations(found))
    assert list(annotations(attribute_of(model, "Customers", "EMail"))) == list(annotations(mail))
