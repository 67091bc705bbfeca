"""A run from claim to end, with real rows, a real folder and a real child process."""

import gzip
import hashlib
import io
import json
import os
import signal
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from django.db import connection as django_connection
from django.db import connections

from connections.models import Connection
from exports import actions
from exports.models import Run
from exports.models.states import State
from exports.runs import lifecycle, queue
from exports.work.watch import watch, work_until_idle
from segments.models import Segment
from tests.factories import folder_of, make_export, make_segment, make_table
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def export(environment, segment):
    return make_export(environment, name="Call list", segments=[segment])


def run_to_end(export, by=None) -> Run:
    """Queue a run and carry it out as a worker does."""
    run, _is_new = actions.run_now(export, by=by)
    work_until_idle()
    run.refresh_from_db()
    return run


def delivered(connection: Connection) -> dict[str, Path]:
    """Every file below the connection's folder, hidden ones included, by relative path."""
    root = folder_of(connection)
    return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}


def psql_csv(segment: Segment) -> bytes:
    """What PostgreSQL's own COPY makes of the members, by a query written here."""
    table = segment.table
    names = ", ".join(f'c."{field.name}"' for field in table.fields.all())
    schema = table.environment.warehouse_schema
    members = f'SELECT "CustomerId" FROM waybill_work.members_{segment.pk}'
    query = f'SELECT {names} FROM "{schema}"."{table.name}" c WHERE "CustomerId" IN ({members})'
    data = io.BytesIO()
    parameters = django_connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
    with (
        psycopg.connect(**parameters) as conn,
        conn.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy,
    ):
        for block in copy:
            data.write(block)
    return data.getvalue()


def test_every_byte_of_a_segment_arrives_with_its_manifest(export, segment):
    run = run_to_end(export)
    assert (run.state, run.message) == (State.SUCCEEDED, "")
    files = delivered(export.connection)
    slot = run.folder
    csv_path, manifest_path = f"Call_list/Everybody/{slot}/Everybody_1.csv", f"Call_list/manifest/{slot}/manifest.json"
    assert set(files) == {csv_path, manifest_path}
    data = files[csv_path].read_bytes()
    assert sorted(data.splitlines()) == sorted(psql_csv(segment).splitlines())
    manifest = json.loads(files[manifest_path].read_text())
    (entry,) = manifest["files"]
    assert f"Call_list/{entry['path']}" == csv_path
    assert (entry["rows"], entry["bytes"]) == (5, len(data))
    assert entry["sha256"] == hashlib.sha256(data).hexdigest()
    assert (manifest["rows"], manifest["run"]) == (5, str(run.uuid))
    assert [column["name"] for column in entry["columns"]] == data.decode().splitlines()[0].split(",")


def test_the_run_records_what_happened(export):
    run = run_to_end(export)
    export.refresh_from_db()
    assert (run.rows_done, run.rows_total, run.percent) == (5, 5, 100)
    assert run.data_as_of >= run.queued_at
    assert [step["state"] for step in run.steps] == ["done"] * 4
    assert export.last_run == run
    assert export.delivered_at
    assert run.as_result()["status"] == "succeeded"
    assert not run.has_leftovers


def test_gzip_holds_the_same_bytes_and_equal_data_makes_equal_files(environment, segment):
    plain = make_export(environment, segments=[segment])
    packed = make_export(environment, segments=[segment], settings={"compression": "gzip"})
    again = make_export(environment, segments=[segment], settings={"compression": "gzip"})
    run_to_end(plain), run_to_end(packed), run_to_end(again)
    (csv_data,) = [p.read_bytes() for name, p in delivered(plain.connection).items() if name.endswith(".csv")]
    (gz_data,) = [p.read_bytes() for name, p in delivered(packed.connection).items() if name.endswith(".csv.gz")]
    (gz_again,) = [p.read_bytes() for name, p in delivered(again.connection).items() if name.endswith(".csv.gz")]
    assert gzip.decompress(gz_data) == csv_data
    assert gz_data == gz_again


def test_chosen_fields_go_out_in_order_under_their_names(environment, table, segment):
    chosen = [{"field": "City", "name": "Town, or city"}, {"field": "CustomerId", "name": "select"}]
    export = make_export(environment, segments=[segment], field_selection={str(table.pk): chosen})
    run_to_end(export)
    (path,) = [path for name, path in delivered(export.connection).items() if name.endswith(".csv")]
    lines = path.read_text().splitlines()
    assert lines[0] == '"Town, or city",select'
    assert "Budapest,C2" in lines


def test_several_segments_make_a_file_each_from_one_snapshot(environment, table):
    london = make_segment(table, "London/UK", [{"field": "City", "operator": "equals", "value": "London"}])
    rich = make_segment(table, "london uk", [{"field": "Income", "operator": "at_least", "value": "4000"}])
    export = make_export(environment, name="Two", segments=[london, rich])
    run = run_to_end(export)
    names = {name for name in delivered(export.connection) if name.endswith(".csv")}
    ours = [f"London_UK-segment-{london.pk}", f"london_uk-segment-{rich.pk}"]
    assert names == {f"Two/{folder}/{run.folder}/{folder}_1.csv" for folder in ours}
    assert [entry["rows"] for entry in run.files if entry["role"] == "data"] == [2, 2]


def test_a_run_refreshes_its_segments_first_unless_told_not_to(environment, table, segment):
    fresh = make_export(environment, segments=[segment])
    stale = make_export(environment, segments=[segment], refreshes_segments=False)
    with writer() as conn:
        conn.execute(f"""INSERT INTO "{environment.warehouse_schema}"."Customers" ("CustomerId") VALUES ('C9')""")
    assert run_to_end(stale).rows_done == 5
    assert run_to_end(fresh).rows_done == 6


def test_two_runs_within_a_minute_get_folders_of_their_own(export):
    first, second = run_to_end(export), run_to_end(export)
    Run.objects.filter(pk=second.pk).update(started_at=first.started_at)
    assert first.state == second.state == State.SUCCEEDED
    assert first.folder != second.folder
    assert len(delivered(export.connection)) == 4


def test_a_file_that_the_run_did_not_write_is_never_touched(export):
    run, _is_new = actions.run_now(export, by=None)
    claim = queue.claim()
    run.refresh_from_db()
    from exports.work.files.paths import slot_name

    slot = slot_name(run.started_at, 1)
    theirs = folder_of(export.connection) / f"Call_list/Everybody/{slot}/Everybody_1.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    watch(claim)
    run.refresh_from_db()
    assert (run.state, run.folder) == (State.SUCCEEDED, slot_name(run.started_at, 2))
    assert theirs.read_text() == "mine"


def test_an_empty_segment_makes_a_file_with_its_header_only_where_the_export_says_so(environment, table):
    nobody = make_segment(table, "Nobody", [{"field": "City", "operator": "equals", "value": "Atlantis"}])
    export = make_export(environment, segments=[nobody], sends_nothing=True)
    run = run_to_end(export)
    assert (run.state, run.rows_done) == (State.SUCCEEDED, 0)
    (path,) = [path for name, path in delivered(export.connection).items() if name.endswith(".csv")]
    assert path.read_text().startswith("CustomerId,")


def test_a_field_that_is_gone_fails_for_good_and_says_which(environment, table, segment):
    chosen = {str(table.pk): [{"field": "Shoe size", "name": "Shoe size"}]}
    run = run_to_end(make_export(environment, segments=[segment], field_selection=chosen))
    assert run.state == State.FAILED
    assert "“Shoe size”" in run.message


def test_a_segment_that_is_not_eligible_fails_with_the_documents_words(export, monkeypatch):
    from connections.destinations.local.destination import LocalFolder
    from roles.kinds import ProfileKind

    monkeypatch.setattr(LocalFolder, "takes", frozenset({ProfileKind.CONTACT}))
    run = run_to_end(export)
    assert run.message == (
        "The following segment is not eligible for this export destination: 'Everybody'. "
        "Please choose only segments of type ContactProfile and try again."
    )
    assert run.state == State.FAILED


def test_a_folder_that_cannot_be_written_is_tried_again_or_fails_with_a_message(export):
    folder_of(export.connection).mkdir(parents=True)
    (folder_of(export.connection) / "Call_list").write_text("a file where the folder should be")
    run = run_to_end(export)
    assert run.state in {State.FAILED, State.RETRYING}
    assert run.message
    assert str(folder_of(export.connection)) not in run.message


def test_an_unknown_connection_type_fails_with_a_message(export):
    Connection.objects.filter(pk=export.connection.pk).update(type="fax")
    run = run_to_end(export)
    assert (run.state, run.reason) == (State.FAILED, "Unknown type")


def test_an_unreadable_secret_fails_with_a_message(export):
    Connection.objects.filter(pk=export.connection.pk).update(encrypted_secrets="gibberish")
    run = run_to_end(export)
    assert (run.state, run.reason) == (State.FAILED, "Secret cannot be read")


@pytest.fixture
def slow_export(environment):
    """An export of enough rows that there is time to interfere."""
    rows = "\n".join(f"C{number},{'x' * 200}" for number in range(200_000))
    table = make_table(environment, name="Big", csv=f"CustomerId,Text\n{rows}\n")
    return make_export(environment, name="Big", segments=[make_segment(table, "Big")])


def wait_until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
    return found


def hidden_parts(connection):
    return [name for name in delivered(connection) if name.endswith(".part")]


def in_thread(work):
    def call():
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def child_of(connection: Connection) -> int:
    """The process that writes the hidden part now."""
    wait_until(lambda: hidden_parts(connection))
    me = psutil.Process()
    (child,) = [child.pid for child in me.children() if child.cmdline() == me.cmdline()]
    return child


def test_cancel_in_the_middle_ends_the_run_and_leaves_nothing(slow_export):
    run, _is_new = actions.run_now(slow_export, by=None)
    thread = in_thread(work_until_idle)
    wait_until(lambda: hidden_parts(slow_export.connection))
    lifecycle.cancel(run, by=None)
    thread.join(60)
    run.refresh_from_db()
    assert run.state == State.CANCELED
    assert delivered(slow_export.connection) == {}


@pytest.mark.long
def test_a_child_killed_in_the_middle_is_put_back_and_the_next_try_cleans_up_and_delivers(slow_export):
    run, _is_new = actions.run_now(slow_export, by=None)
    thread = in_thread(lambda: watch(queue.claim()))
    os.kill(child_of(slow_export.connection), signal.SIGKILL)
    thread.join(60)
    run.refresh_from_db()
    assert (run.state, run.claims) == (State.QUEUED, 1)
    assert "restarts automatically" in run.message
    assert hidden_parts(slow_export.connection)
    assert not [name for name in delivered(slow_export.connection) if name.endswith(".csv")]
    Run.objects.update(not_before=run.queued_at)
    work_until_idle()
    run.refresh_from_db()
    assert (run.state, run.rows_done) == (State.SUCCEEDED, 200_000)
    assert {Path(name).name for name in delivered(slow_export.connection)} == {"Big_1.csv", "manifest.json"}


@pytest.mark.long
def test_what_a_dead_run_left_is_cleared_by_the_exports_next_run(slow_export):
    run, _is_new = actions.run_now(slow_export, by=None)
    thread = in_thread(lambda: watch(queue.claim()))
    os.kill(child_of(slow_export.connection), signal.SIGKILL)
    thread.join(60)
    assert hidden_parts(slow_export.connection)
    lifecycle.cancel(run, by=None)
    assert run_to_end(slow_export).state == State.SUCCEEDED
    assert not hidden_parts(slow_export.connection)


def test_a_worker_that_lost_its_lease_publishes_nothing(slow_export):
    run, _is_new = actions.run_now(slow_export, by=None)
    thread = in_thread(lambda: watch(queue.claim()))
    child = child_of(slow_export.connection)
    os.kill(child, signal.SIGSTOP)
    Run.objects.filter(pk=run.pk).update(state=State.QUEUED, token=None, lease_until=None)
    os.kill(child, signal.SIGCONT)
    thread.join(60)
    assert not [name for name in delivered(slow_export.connection) if not name.endswith(".part")]
    run.refresh_from_db()
    assert run.state == State.QUEUED


def test_a_database_that_drops_the_reader_costs_a_try_and_no_run(slow_export):
    run, _is_new = actions.run_now(slow_export, by=None)
    thread = in_thread(work_until_idle)
    wait_until(lambda: hidden_parts(slow_export.connection))
    with psycopg.connect(**django_connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as conn:
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY (%'")
    thread.join(60)
    run.refresh_from_db()
    assert (run.state, run.tries) == (State.RETRYING, 1)
    assert delivered(slow_export.connection) == {}


def test_a_run_that_takes_too_long_is_stopped(slow_export, settings):
    settings.RUN_DEADLINE_SECONDS = 0
    run = run_to_end(slow_export)
    assert (run.state, run.reason) == (State.FAILED, "Took too long")
    assert delivered(slow_export.connection) == {}


def test_a_run_that_needs_too_much_memory_is_stopped(slow_export, settings):
    settings.RUN_MEMORY_MB = 1
    run = run_to_end(slow_export)
    assert (run.state, run.reason) == (State.FAILED, "Needed too much memory")
