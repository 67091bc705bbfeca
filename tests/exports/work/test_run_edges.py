"""What can go wrong at the edges of a run: cancels that come late, attempts that wake up, names that clash."""

import csv
import io
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from exports import actions
from exports.formats.csv import Csv
from exports.models import Run
from exports.models.states import State
from exports.runs import lifecycle, queue
from exports.work import execute
from segments.warehouse.reader import snapshot
from tests.exports.work.test_run import delivered, run_to_end
from tests.factories import (
    folder_of,
    make_connection,
    make_export,
    make_member,
    make_segment,
)
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def export(environment, segment):
    return make_export(environment, "Calls", segments=[segment])


def test_a_cancel_is_kept_when_the_run_would_start_again(export):
    somebody = make_member(export.environment)
    for again in (
        lambda claim, run: lifecycle.retry_later(claim, run, message="x", detail="x", reason="x"),
        lambda claim, run: lifecycle.give_back(claim),
        lambda claim, run: lifecycle.lose(run, "gone"),
    ):
        run, _is_new = actions.run_now(export, by=None)
        claim = queue.claim()
        run.refresh_from_db()
        lifecycle.cancel(run, by=somebody)
        again(claim, run)
        run.refresh_from_db()
        assert (run.state, run.reason) == (State.CANCELED, f"by {somebody}")
        assert run.ended_at


def test_a_run_whose_files_get_their_names_is_no_longer_canceled(export):
    run, _is_new = actions.run_now(export, by=None)
    claim = queue.claim()
    assert queue.begin_publishing(claim)
    assert not lifecycle.cancel(run, by=None)
    assert not queue.wants_cancel(claim)


def test_what_a_lost_attempt_began_to_publish_is_completed_not_canceled(export):
    run, _is_new = actions.run_now(export, by=None)
    claim = queue.claim()
    queue.begin_publishing(claim)
    run.refresh_from_db()
    lifecycle.lose(run, "No sign of life.")
    assert not lifecycle.cancel(run, by=None)
    Run.objects.update(not_before=Now())
    again = queue.claim()
    assert not lifecycle.cancel(run, by=None)
    assert lifecycle.finish(again, State.SUCCEEDED)


def test_a_run_that_is_tried_again_after_it_began_to_publish_is_not_canceled(export):
    run, _is_new = actions.run_now(export, by=None)
    claim = queue.claim()
    queue.begin_publishing(claim)
    run.refresh_from_db()
    lifecycle.retry_later(claim, run, message="Cut.", detail="", reason="Cut")
    assert not lifecycle.cancel(run, by=None)
    run.refresh_from_db()
    assert (run.state, run.message) == (State.RETRYING, f"Cut. {lifecycle.TO_BE_SETTLED}")


def test_a_run_canceled_before_does_not_begin_to_publish(export):
    run, _is_new = actions.run_now(export, by=None)
    claim = queue.claim()
    lifecycle.cancel(run, by=None)
    assert not queue.begin_publishing(claim)


def test_an_attempt_that_wakes_up_leaves_its_successors_files_alone(environment):
    connection = make_connection(environment)
    with connection.open().session("ab12-0001") as frozen, connection.open().session("ab12-0002") as successor:
        old = frozen.open_part("Calls/a.csv")
        old.write(b"old")
        successor.clear_leftovers("Calls")
        new = successor.open_part("Calls/a.csv")
        new.write(b"new")
        old.write(b"old")
        old.discard()
        new.publish()
        successor.release_claims("Calls")
    assert {path.name: path.read_bytes() for path in (folder_of(connection) / "Calls").iterdir()} == {"a.csv": b"new"}


def test_a_second_attempt_replaces_what_the_first_one_published(environment):
    connection = make_connection(environment)
    for attempt, data in (("0001", b"first"), ("0002", b"second")):
        with connection.open().session(f"ab12-{attempt}") as session:
            part = session.open_part("a.csv")
            part.write(data)
            part.publish()
    assert (folder_of(connection) / "a.csv").read_bytes() == b"second"


def test_exports_whose_names_make_the_same_folder_get_folders_of_their_own(environment, segment):
    where = make_connection(environment)
    first, second, third = (make_export(environment, name, where, [segment]) for name in ("A!", "a?", "B"))
    assert {run_to_end(export).state for export in (first, second, third)} == {State.SUCCEEDED}
    assert {path.name for path in folder_of(where).iterdir()} == {"A", f"a-{second.pk}", "B"}


def test_long_column_names_arrive_whole(environment, table, segment):
    names = ["L" * 70 + "1", "L" * 70 + "2", "é" * 60, 'with "quotes", and comma']
    fields = ["CustomerId", "City", "Email", "FirstName"]
    chosen = [{"field": field, "name": name} for field, name in zip(fields, names, strict=True)]
    export = make_export(environment, segments=[segment], field_selection={str(table.pk): chosen})
    run = run_to_end(export)
    (path,) = [path for name, path in delivered(export.connection).items() if name.endswith(".csv")]
    assert next(csv.reader(io.StringIO(path.read_text()))) == names
    assert (run.rows_done, run.files[0]["rows"]) == (5, 5)


def test_the_header_is_quoted_as_postgresql_does(environment):
    names = ["plain", "two words", " padded ", 'a "quote"', "comma, here", "ü😀", "=cmd()"]
    with snapshot(environment, []) as reader:
        aliases = ", ".join('1 AS "{}"'.format(name.replace('"', '""')) for name in names)
        with reader.cursor().copy(f"COPY (SELECT {aliases}) TO STDOUT (FORMAT csv, HEADER)") as copy:
            expected = bytes(next(iter(copy)))
    assert Csv().header_line(names) == expected


def test_a_segment_that_cannot_be_refreshed_is_named_with_the_reason(environment, table):
    segment = make_segment(table, "Londoners", [{"field": "City", "operator": "equals", "value": "London"}])
    export = make_export(environment, segments=[segment])
    table.fields.filter(name="City").delete()
    run = run_to_end(export)
    assert (run.state, run.reason) == (State.FAILED, "Segment could not be refreshed")
    assert "“Londoners”" in run.message
    assert "City" in run.message


def test_a_member_list_that_is_not_there_fails_for_good_with_what_to_do(environment, table, segment):
    export = make_export(environment, segments=[segment], refreshes_segments=False)
    with writer() as connection:
        connection.execute(f"DROP TABLE waybill_work.members_{segment.pk}")
    run = run_to_end(export)
    assert (run.state, run.reason) == (State.FAILED, "Segment cannot be read")
    assert "efresh" in run.message


def test_leftovers_on_a_former_connection_wait_until_the_export_is_back_there(environment, export):
    there, here = export.connection, make_connection(environment)
    dead, _is_new = actions.run_now(export, by=None)
    lifecycle.cancel(dead, by=None)
    hidden = folder_of(there) / f"Calls/.a.csv.{dead.uuid.hex}-0001.part"
    hidden.parent.mkdir(parents=True)
    hidden.write_text("half")
    Run.objects.filter(pk=dead.pk).update(
        has_leftovers=True, folders=["Calls"], connection=there, target=there.settings
    )
    export.connection = here
    export.save()
    assert run_to_end(export).state == State.SUCCEEDED
    assert hidden.exists()
    dead.refresh_from_db()
    assert dead.has_leftovers
    export.connection = there
    export.save()
    assert run_to_end(export).state == State.SUCCEEDED
    assert not hidden.exists()


def test_a_retrying_run_can_be_canceled_from_its_details(export):
    from exports.progress import progress_of
    from roles.access.policy import access_of

    administrator = make_member(export.environment)
    run, _is_new = actions.run_now(export, by=None)
    Run.objects.filter(pk=run.pk).update(
        state=State.RETRYING, cancel_requested_at=timezone.now(), not_before=timezone.now() + timedelta(minutes=1)
    )
    export.refresh_from_db()
    assert progress_of(export, access_of(administrator, export.environment.slug)).can_cancel


def test_what_went_wrong_is_told_without_any_value_of_the_data():
    assert execute._where(ValueError("ada@example.com")) == "ValueError"
