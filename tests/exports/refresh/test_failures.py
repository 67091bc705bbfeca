"""What depends on a failure is Skipped and says on what; everything else goes on."""

import pytest
from django.db import connection

from exports.models import Export, RefreshState, Run
from exports.models.states import State
from exports.refresh import advance, start
from tests.exports.refresh import parts
from tests.factories import make_export, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_depends_on_a_table_that_is_gone_is_skipped_and_says_so(environment, table, segment):
    cities = make_table(environment, "Cities", "City\nParis\n", key="City")
    everywhere = make_segment(cities, "Everywhere")
    broken, fine = make_export(environment, "Broken", segments=[segment]), make_export(environment, "Fine")
    fine.export_segments.create(segment=everywhere)
    parts.drop(table)
    refresh = start.start(environment, by=None)
    parts.work_off()
    states = {"Customers": "failed", "Cities": "done", "Everybody": "skipped", "Everywhere": "done"}
    assert parts.of(refresh) == states | {"Broken": "skipped", "Fine": "running"}
    assert parts.message_of(refresh, "Customers") == "The table “Customers” no longer exists. Import it again."
    assert parts.message_of(refresh, "Everybody") == "“Customers” failed"
    assert parts.message_of(refresh, "Broken") == "“Customers” failed"
    parts.end_runs(refresh)
    refresh.refresh_from_db()
    assert (refresh.state, refresh.reason) == (RefreshState.WARNED, "1 failed · 2 skipped")
    broken.refresh_from_db()
    assert (broken.last_run.state, broken.last_run.reason) == (State.SKIPPED, "“Customers” failed")


def test_an_export_whose_segment_fails_names_the_segment(environment, table, segment):
    make_segment(table, "Rich", [{"field": "Income", "operator": "greater", "value": "1"}])
    make_export(environment, "Nightly", segments=[environment.segments.get(name="Rich")])
    environment.segments.filter(name="Rich").update(conditions=[{"field": "Gone", "operator": "equals", "value": "1"}])
    refresh = start.start(environment, by=None)
    parts.work_off()
    assert parts.of(refresh) == {"Customers": "done", "Everybody": "done", "Rich": "failed", "Nightly": "skipped"}
    assert parts.message_of(refresh, "Nightly") == "“Rich” failed"


def test_a_table_that_lost_its_key_fails(environment, table):
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{environment.warehouse_schema}"."Customers" DROP COLUMN "CustomerId" CASCADE')
    refresh = start.start(environment, by=None)
    parts.work_off()
    text = "The table “Customers” has lost its key “CustomerId”. Import it again with its key."
    assert parts.message_of(refresh, "Customers") == text
    refresh.refresh_from_db()
    assert refresh.state == RefreshState.FAILED


def test_a_table_without_one_of_its_fields_goes_on_with_a_warning(environment, table, segment):
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{environment.warehouse_schema}"."Customers" DROP COLUMN "Income" CASCADE')
    refresh = start.start(environment, by=None)
    parts.work_off()
    assert parts.of(refresh) == {"Customers": "warned", "Everybody": "done"}
    text = "Its field “Income” no longer exists. Import the table again."
    assert parts.message_of(refresh, "Customers") == text


def test_an_export_without_a_connection_is_left_out(environment, segment):
    Export.objects.filter(pk=make_export(environment, "Detached", segments=[segment]).pk).update(connection=None)
    refresh = start.start(environment, by=None)
    assert (parts.of(refresh)["Detached"], parts.message_of(refresh, "Detached")) == ("skipped", "No connection")
    parts.work_off()
    refresh.refresh_from_db()
    assert (refresh.state, refresh.reason) == (RefreshState.SUCCEEDED, "1 skipped")
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "state, ends",
    [("warned", "warned"), ("failed", "failed"), ("skipped", "skipped"), ("canceled", "canceled")],
)
def test_a_part_says_how_the_run_of_its_export_ended(environment, segment, state, ends):
    make_export(environment, "Nightly", segments=[segment])
    refresh = start.start(environment, by=None)
    parts.work_off()
    parts.end_runs(refresh, State(state), message="What happened.", rows_done=7)
    part = refresh.parts.get(name="Nightly")
    assert (part.state, part.message) == (ends, "What happened.")
    refresh.refresh_from_db()
    assert refresh.state == (RefreshState.WARNED if state == "failed" else RefreshState.SUCCEEDED)


@pytest.mark.parametrize("state, ends", [("held", "warned"), ("retrying", "failed")])
def test_a_run_that_waits_for_somebody_or_something_does_not_keep_the_refresh_open(environment, segment, state, ends):
    make_export(environment, "Nightly", segments=[segment])
    refresh = start.start(environment, by=None)
    parts.work_off()
    Run.objects.update(state=state)
    advance.advance_all()
    assert parts.of(refresh)["Nightly"] == ends
    refresh.refresh_from_db()
    assert refresh.ended_at


def test_an_export_that_still_runs_is_skipped_and_names_that_run(environment, segment):
    export = make_export(environment, "Nightly", segments=[segment])
    earlier = Run.objects.create(environment=environment, export=export, trigger="person")
    Export.objects.filter(pk=export.pk).update(last_run=earlier)
    refresh = start.start(environment, by=None)
    parts.work_off()
    reason = f"The previous run ({earlier.short_id}) was still in progress"
    skipped = Run.objects.get(refresh=refresh)
    assert (skipped.state, skipped.reason, parts.message_of(refresh, "Nightly")) == (State.SKIPPED, reason, reason)
    export.refresh_from_db()
    assert export.last_run == earlier


def test_a_held_run_lapses_at_the_next_refresh(environment, segment):
    export = make_export(environment, "Nightly", segments=[segment])
    held = Run.objects.create(environment=environment, export=export, trigger="person", state="held")
    start.start(environment, by=None)
    parts.work_off()
    held.refresh_from_db()
    assert (held.state, held.reason) == (State.SKIPPED, "No decision before the next occurrence")


def test_a_held_run_lapses_also_where_what_the_next_one_needs_failed(environment, table, segment):
    export = make_export(environment, "Nightly", segments=[segment])
    held = Run.objects.create(environment=environment, export=export, trigger="person", state="held")
    parts.drop(table)
    refresh = start.start(environment, by=None)
    parts.work_off()
    held.refresh_from_db()
    export.refresh_from_db()
    assert (held.state, export.last_run.reason) == (State.SKIPPED, "“Customers” failed")
    assert export.last_run.refresh == refresh
