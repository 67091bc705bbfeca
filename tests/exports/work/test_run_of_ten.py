"""Send a test of 10: a few records into a folder of their own; the export itself stays as it is."""

import json

import pytest
from django.core.management import call_command

from connections.models import Connection
from exports import actions
from exports.models import Export, Run, Trigger
from exports.models.states import State
from exports.runs import lifecycle, queue
from exports.runs.lifecycle import LEASE
from exports.work.watch import work_until_idle
from segments.models import Segment, SegmentStatus
from tests.exports.work.data_out import below, make_data_out, make_orders, manifest_of, root_of
from tests.exports.work.test_run import delivered, run_to_end
from tests.factories import make_environment, make_export, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)
MANY = "CustomerId,City\n" + "\n".join(f"C{number},Leeds" for number in range(40)) + "\n"


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def table(environment):
    return make_table(environment, csv=MANY)


@pytest.fixture
def segment(table):
    return make_segment(table, "Everybody")


@pytest.fixture
def export(environment, segment):
    return make_export(environment, "Calls", segments=[segment])


def send_test(export) -> Run:
    """Send a test and carry it out as a worker does."""
    run = actions.send_test(export, by=None)
    work_until_idle()
    run.refresh_from_db()
    return run


def test_it_sends_ten_records_of_each_item_to_a_folder_of_its_own(environment, table, segment):
    few = make_segment(table, "Few", [{"field": "CustomerId", "operator": "one_of", "value": "C1, C2"}])
    export = make_export(environment, "Calls", segments=[segment, few])
    run = send_test(export)
    assert (run.state, run.message) == (State.SUCCEEDED, "")
    files = delivered(export.connection)
    slot = run.folder
    assert set(files) == {f"Calls/test/{slot}/{name}" for name in ("Everybody_1.csv", "Few_1.csv", "manifest.json")}
    assert len(files[f"Calls/test/{slot}/Everybody_1.csv"].read_text().splitlines()) == 11
    assert [(item["rows"], item["expected"]) for item in run.items] == [(10, 10), (2, 2)]
    manifest = manifest_of(run)
    assert (manifest["test"], manifest["rows"]) == (True, 12)
    assert all(below(export.connection, f"Calls/{entry['path']}").is_file() for entry in manifest["files"])


def test_the_export_stays_as_it_was(export):
    first = run_to_end(export)
    before = Export.objects.filter(pk=export.pk).values("last_run", "last_state", "delivered_at").get()
    assert before["last_run"] == first.pk
    assert send_test(export).state == State.SUCCEEDED
    assert Export.objects.filter(pk=export.pk).values("last_run", "last_state", "delivered_at").get() == before


def test_an_export_that_never_ran_stays_not_started(export):
    send_test(export)
    export.refresh_from_db()
    assert (export.last_run, export.last_state, export.delivered_at) == (None, "", None)


def test_a_test_that_fails_or_is_lost_leaves_the_exports_status_alone(export):
    run_to_end(export)
    run = actions.send_test(export, by=None)
    claim = queue.claim()
    Run.objects.filter(pk=run.pk).update(lease_until=run.queued_at)
    assert queue.reap() == 1
    run.refresh_from_db()
    assert (run.state, run.token) == (State.QUEUED, None)
    assert not LEASE.renew(claim)
    export.refresh_from_db()
    assert export.last_state == State.SUCCEEDED
    Run.objects.filter(pk=run.pk).update(not_before=run.queued_at)
    Connection.objects.filter(pk=export.connection_id).update(type="fax")
    work_until_idle()
    run.refresh_from_db()
    export.refresh_from_db()
    assert (run.state, export.last_state) == (State.FAILED, State.SUCCEEDED)


def test_a_test_of_a_data_out_export_never_touches_its_model(environment, table):
    orders = make_orders(table)
    export = make_data_out(environment, [table, orders], name="Lake")
    alone = send_test(export)
    assert {path.name for path in root_of(export).rglob("*") if path.is_file()} == {
        "Customers_1.csv",
        "Orders_1.csv",
        "manifest.json",
    }
    assert manifest_of(alone)["model"] is None
    run_to_end(export)
    model = (root_of(export) / "model.json").read_bytes()
    assert send_test(export).rows_done == 13
    assert (root_of(export) / "model.json").read_bytes() == model


def test_it_takes_the_member_lists_that_there_are_and_makes_missing_ones(environment, table, segment):
    fresh = Segment.objects.create(environment=environment, table=table, name="New")
    refreshed_at = segment.refreshed_at
    run = send_test(make_export(environment, segments=[segment, fresh]))
    assert run.state == State.SUCCEEDED
    segment.refresh_from_db(), fresh.refresh_from_db()
    assert segment.refreshed_at == refreshed_at
    assert (fresh.status, fresh.member_count) == (SegmentStatus.READY, 40)


def test_a_segment_called_test_and_a_test_keep_out_of_each_others_way(environment, table):
    export = make_export(environment, "Calls", segments=[make_segment(table, "Test")])
    real, test = run_to_end(export), send_test(export)
    assert set(delivered(export.connection)) == {
        f"Calls/Test/{real.folder}/Test_1.csv",
        f"Calls/manifest/{real.folder}/manifest.json",
        f"Calls/test_2/{test.folder}/Test_1.csv",
        f"Calls/test_2/{test.folder}/manifest.json",
    }


def test_two_tests_within_a_minute_get_folders_of_their_own(export):
    first = send_test(export)
    second = actions.send_test(export, by=None)
    Run.objects.filter(pk=second.pk).update(started_at=first.started_at)
    work_until_idle()
    second.refresh_from_db()
    assert second.state == State.SUCCEEDED
    assert second.folder == f"{first.folder}_2"


def test_it_can_be_canceled_while_it_waits(export):
    run = actions.send_test(export, by=None)
    assert lifecycle.cancel(run, by=None)
    assert run_to_end(export).state == State.SUCCEEDED


def test_what_a_killed_test_left_is_cleared_by_the_next_run(export):
    run = send_test(export)
    hidden = below(export.connection, f"Calls/test/{run.folder}/.Everybody_1.csv.{run.uuid.hex}-0001.part")
    hidden.write_text("half")
    Run.objects.filter(pk=run.pk).update(state=State.FAILED, has_leftovers=True)
    assert run_to_end(export).state == State.SUCCEEDED
    assert not hidden.exists()


def test_from_a_shell(export, capsys):
    call_command("run_export", "calls", environment=export.environment.slug, test=True)
    answer = json.loads(capsys.readouterr().out)
    run = Run.objects.get(uuid=answer["run"])
    assert (run.trigger, run.most_rows) == (Trigger.TEST, 10)
    work_until_idle()
    run.refresh_from_db()
    assert run.state == State.SUCCEEDED
