"""Data-out exports: whole tables and member lists as files, with what to say when one cannot go."""

import csv
import io
import re
import shutil
from contextlib import contextmanager
from datetime import UTC

import psycopg
import pytest
from django.db import connection as django_connection

from connections.destinations.local.destination import LocalFolder
from connections.destinations.registry import registered
from exports.models import Run
from exports.models.states import State
from roles import reader
from roles.messages.field import out_of_json
from segments.warehouse import records
from tests import pseudo
from tests.exports.work.data_out import describe_relation, make_data_out, make_orders, manifest_of, root_of
from tests.exports.work.test_run import delivered, run_to_end
from tests.factories import make_connection, make_environment, make_export, make_segment, make_table
from tests.servers.people_list import PeopleList
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)

NASTY = ["plain", "semi;colon", "comma,", "tab\there", "pi|pe", 'qu"ote', "new\nline", "car\rriage", r"\.", "", " pad "]


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def customers(environment):
    return make_table(environment)


@pytest.fixture
def orders(customers):
    return make_orders(customers)


@pytest.fixture
def londoners(customers):
    return make_segment(customers, "Londoners", [{"field": "City", "operator": "equals", "value": "London"}])


def read(path, delimiter=","):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), delimiter=delimiter))


def copied(query: str, delimiter: str) -> bytes:
    """What PostgreSQL's own COPY makes of a query, header included."""
    parameters = django_connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
    command = f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER, DELIMITER '{delimiter}')"
    with psycopg.connect(**parameters) as connection, connection.cursor().copy(command) as copy:
        return b"".join(map(bytes, copy))


def test_what_is_delivered_is_the_same_in_every_language_and_zone(environment, customers, orders):
    """Data, folders, manifest and model.json, run where the process speaks and reads the clock otherwise."""
    rich = {"field": "Income", "operator": "at_least", "value": "1500.5"}
    members = [make_segment(customers, "Rich", [rich]), make_segment(customers, "All")]
    export = make_data_out(environment, [orders, customers], members, name="Lake")
    told = []
    with pseudo.offered() as code:
        for language, zone in (("en", "UTC"), (code, "Asia/Jakarta"), ("fr", "America/St_Johns")):
            with reader.in_force(language, zone):
                run = run_to_end(export)
            assert run.state == State.SUCCEEDED
            told.append(told_by(root_of(export), run))
            shutil.rmtree(root_of(export))
    assert told[0] == told[1] == told[2]
    assert any("Every profile of Customers" in text for text in told[0].values())


def told_by(root, run):
    """Every delivered file by its path, without the run's id and times."""
    files = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
    passing = re.compile(rf"{run.uuid}|\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00|\b[0-9a-f]{{64}}\b")
    plain = {path.replace(run.folder, "SLOT"): text.replace(run.folder, "SLOT") for path, text in files.items()}
    return {path: re.sub(r'"bytes": \d+', "", passing.sub("", text)) for path, text in plain.items()}


def test_tables_go_out_whole_and_segments_as_the_list_of_their_members(environment, customers, orders, londoners):
    export = make_data_out(environment, [orders, customers], [londoners], name="Lake")
    run = run_to_end(export)
    assert (run.state, run.message) == (State.SUCCEEDED, "")
    slot, root = run.folder, root_of(export)
    assert {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} == {
        f"Orders/{slot}/Orders_1.csv",
        f"Customers/{slot}/Customers_1.csv",
        f"Londoners/{slot}/Londoners_1.csv",
        f"manifest/{slot}/manifest.json",
        "model.json",
    }
    table = read(root / f"Customers/{slot}/Customers_1.csv")
    assert table[0] == [field.name for field in customers.fields.all()]
    assert len(table) == 6
    assert sorted(read(root / f"Londoners/{slot}/Londoners_1.csv")) == [["C1"], ["C4"], ["CustomerId"]]


def test_the_run_tells_what_went_in_the_words_of_people(environment, customers, orders, londoners):
    run = run_to_end(make_data_out(environment, [orders, customers], [londoners]))
    assert run.items == [
        {"kind": "table", "id": orders.pk, "name": "Orders", "rows": 3, "expected": 3},
        {"kind": "table", "id": customers.pk, "name": "Customers", "rows": 5, "expected": 5},
        {"kind": "members", "id": londoners.pk, "name": "Londoners", "rows": 2, "expected": 2},
    ]
    check = next(step for step in run.steps if step["key"] == "check")
    assert str(out_of_json(check["note"])) == "10 rows in 3 files: 2 tables, 1 member list"
    assert run.rows_done == 10
    assert [entry["role"] for entry in run.files] == ["data", "data", "data", "model", "manifest"]


def test_a_data_out_export_refreshes_the_lists_that_it_sends(environment, customers, londoners):
    export = make_data_out(environment, [], [londoners])
    with writer() as conn:
        schema = environment.warehouse_schema
        conn.execute(f"""INSERT INTO "{schema}"."Customers" ("CustomerId", "City") VALUES ('C9', 'London')""")
    assert run_to_end(export).rows_done == 3


def test_tables_alone_have_no_segments_to_refresh(environment, orders):
    run = run_to_end(make_data_out(environment, [orders]))
    assert [step["key"] for step in run.steps] == ["check", "send", "manifest"]


class BusyFolder(LocalFolder):
    """A new customer registers whenever a file is begun there."""

    slug, label = "busy", "Busy folder"
    insert = ""

    @contextmanager
    def session(self, run_key):
        with super().session(run_key) as session:
            opened = session.open_part

            def open_part(path, **over):
                with psycopg.connect(**django_connection.get_connection_params()) as connection:
                    connection.execute(self.insert, [path[:60]])
                return opened(path, **over)

            session.open_part = open_part
            yield session


def test_all_items_are_read_in_one_snapshot(environment, customers, londoners, monkeypatch):
    insert = f'INSERT INTO "{environment.warehouse_schema}"."Customers" ("CustomerId") VALUES (%s)'
    monkeypatch.setattr(BusyFolder, "insert", insert)
    fields = {"CustomerId": "text"}
    copy = f'CREATE VIEW {{}} AS SELECT "CustomerId" FROM "{environment.warehouse_schema}"."Customers"'
    view = describe_relation(environment, "Ids", copy, fields)
    with registered(BusyFolder):
        where = make_connection(environment, type="busy")
        run = run_to_end(make_data_out(environment, [customers, view], [londoners], connection=where))
    assert [item["rows"] for item in run.items] == [5, 5, 2], run.message
    assert len(records.sample(customers, customers.fields.all())) > 5
    assert run.data_as_of.astimezone(UTC).isoformat() == manifest_of(run)["data_as_of"]


@pytest.mark.parametrize("name, character", [("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|")])
def test_every_value_comes_back_whatever_the_delimiter(environment, name, character):
    values = ", ".join("({}, '{}')".format(n, text.replace("'", "''")) for n, text in enumerate(NASTY))
    create = f'CREATE TABLE {{}} AS SELECT * FROM (VALUES {values}) v(n, "a;b\tc|d,e")'
    table = describe_relation(environment, "Nasty", create, {"n": "integer", "a;b\tc|d,e": "text"}, ["n"])
    export = make_data_out(environment, [table], settings={"delimiter": name, "compression": "none"}, name="Nasty")
    run = run_to_end(export)
    path = root_of(export) / f"Nasty/{run.folder}/Nasty_1.csv"
    header, *rows = read(path, character)
    assert header == ["n", "a;b\tc|d,e"]
    assert [value for _number, value in rows] == NASTY
    assert path.read_bytes() == copied(f'SELECT * FROM "{environment.warehouse_schema}"."Nasty"', character)


def test_a_single_column_of_backslash_dots_is_quoted_as_postgresql_does(environment):
    create = "CREATE TABLE {} AS SELECT v AS \"\\.\" FROM (VALUES ('\\.'), ('x'), ('')) t(v)"
    table = describe_relation(environment, "Dots", create, {"\\.": "text"})
    export = make_data_out(environment, [table], name="Dots")
    path = root_of(export) / f"Dots/{run_to_end(export).folder}/Dots_1.csv"
    assert path.read_bytes() == copied(f'SELECT * FROM "{environment.warehouse_schema}"."Dots"', ",")


def test_segment_exports_have_a_delimiter_too(environment, customers, londoners):
    export = make_export(environment, "Calls", segments=[londoners], settings={"delimiter": "pipe"})
    run = run_to_end(export)
    (path,) = [path for name, path in delivered(export.connection).items() if name.endswith(".csv")]
    assert {row[0] for row in read(path, "|")} == {"CustomerId", "C1", "C4"}
    assert manifest_of(run)["delimiter"] == "|"


def test_a_view_goes_out_like_a_table(environment, customers):
    select = f'SELECT "CustomerId", "Income" > 3500 AS rich FROM "{environment.warehouse_schema}"."Customers"'
    create = f"CREATE VIEW {{}} AS {select}"
    view = describe_relation(environment, "Rich or not", create, {"CustomerId": "text", "rich": "boolean"})
    export = make_data_out(environment, [view], name="V")
    run = run_to_end(export)
    assert (run.state, run.rows_done) == (State.SUCCEEDED, 5)
    rows = dict(read(root_of(export) / f"Rich_or_not/{run.folder}/Rich_or_not_1.csv")[1:])
    assert rows == {"C1": "true", "C2": "false", "C3": "", "C4": "false", "C5": "true"}


def test_names_that_make_the_same_folder_are_told_apart(environment):
    tables = [make_table(environment, name) for name in ("A b", "a_B", "manifest")]
    run = run_to_end(make_data_out(environment, tables, name="Same"))
    names = {entry["path"].split("/")[1] for entry in run.files if entry["role"] == "data"}
    first, second, third = [f"table-{table.pk}" for table in tables]
    assert names == {f"A_b-{first}", f"a_B-{second}", f"manifest-{third}"}


def test_a_table_that_is_gone_fails_for_good_with_what_to_do(environment, orders):
    with writer() as connection:
        connection.execute(f'DROP TABLE "{environment.warehouse_schema}"."Orders"')
    run = run_to_end(make_data_out(environment, [orders]))
    assert (run.state, run.reason) == (State.FAILED, "Table cannot be read")
    assert run.message == (
        "The table “Orders” no longer exists. Import it again, or edit the export and remove the table."
    )


def test_a_table_without_fields_or_with_one_that_is_gone_says_so(environment, orders):
    orders.fields.create(name="Colour", pg_type="text", position=9)
    assert "no longer has “Colour”" in run_to_end(make_data_out(environment, [orders])).message
    orders.fields.all().delete()
    assert "has no fields" in run_to_end(make_data_out(environment, [orders])).message


def test_an_export_without_tables_and_lists_says_so(environment):
    run = run_to_end(make_data_out(environment))
    assert (run.state, run.reason) == (State.FAILED, "No tables")


def test_a_target_that_takes_no_tables_says_so(environment, orders):
    with registered(PeopleList):
        where = make_connection(environment, type="people_list")
        run = run_to_end(make_data_out(environment, [orders], connection=where))
    assert (run.state, run.reason) == (State.FAILED, "Doesn't accept tables")


def test_the_second_run_replaces_its_model_and_keeps_the_files_of_the_first(environment, orders):
    export = make_data_out(environment, [orders], name="Twice")
    first, second = run_to_end(export), run_to_end(export)
    assert first.state == second.state == State.SUCCEEDED, second.message
    assert first.folder != second.folder
    assert second.folder in (root_of(export) / "model.json").read_text()
    assert (root_of(export) / f"Orders/{first.folder}/Orders_1.csv").exists()


def test_a_model_that_somebody_else_wrote_is_refused_before_anything_is_sent(environment, orders):
    export = make_data_out(environment, [orders], name="Taken")
    root_of(export).mkdir(parents=True)
    (root_of(export) / "model.json").write_text("{}")
    run = run_to_end(export)
    assert run.state == State.FAILED
    assert "did not write" in run.message
    assert [path.name for path in root_of(export).rglob("*")] == ["model.json"]


def test_a_model_that_was_changed_since_is_refused_before_anything_is_sent(environment, orders):
    export = make_data_out(environment, [orders], name="Changed")
    run_to_end(export)
    before = set(root_of(export).rglob("*"))
    (root_of(export) / "model.json").write_text("{}")
    run = run_to_end(export)
    assert run.state == State.FAILED
    assert set(root_of(export).rglob("*")) == before


def test_a_link_in_the_place_of_the_model_is_refused_with_what_to_do(environment, orders, tmp_path):
    export = make_data_out(environment, [orders], name="Linked")
    run_to_end(export)
    (root_of(export) / "model.json").rename(tmp_path / "elsewhere")
    (root_of(export) / "model.json").symlink_to(tmp_path / "elsewhere")
    run = run_to_end(export)
    assert (run.state, str(run.message).endswith("Move it, then run again.")) == (State.FAILED, True)


def test_a_model_that_a_killed_run_published_is_replaced_by_the_next(environment, orders):
    export = make_data_out(environment, [orders], name="Killed")
    first = run_to_end(export)
    Run.objects.filter(pk=first.pk).update(state=State.FAILED, has_leftovers=True)
    assert run_to_end(export).state == State.SUCCEEDED
