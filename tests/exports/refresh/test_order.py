"""Tables first, then segments by what they read, then the exports that follow the system refresh."""

import pytest

from exports.models import Export, PartKind, RefreshState, Run, ScheduleMode, Trigger
from exports.models.states import DELIVERED, State
from exports.refresh import advance, start, work
from exports.refresh.plan import plan
from exports.refresh.sending import ENDS
from exports.runs import lifecycle, queue
from segments.models import Segment, Table
from segments.relationships import relate
from tests.exports.refresh import parts
from tests.factories import make_environment, make_export, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)
CITIES = "City,Country\nLondon,UK\nParis,France\n"


@pytest.fixture
def cities(environment, table):
    cities = make_table(environment, "Cities", CITIES, key="City", profile_kind="")
    relate(table.fields.get(name="City"), cities.fields.get(name="City"), by=None)
    return cities


@pytest.fixture
def french(table, cities):
    rule = {"field": "Country", "operator": "equals", "value": "France", "through": "City", "to": "Cities"}
    return make_segment(table, "French", [rule])


def needs_of(environment, name):
    planned = plan(environment)
    found = next(one for one in planned if one.name == name)
    return [planned[place].name for place in found.needs]


def test_a_segment_needs_its_table_and_those_that_its_rules_read(environment, french, segment):
    assert needs_of(environment, "French") == ["Cities", "Customers"]
    assert needs_of(environment, "Everybody") == ["Customers"]


def test_an_account_segment_needs_the_table_of_the_contacts_that_it_projects():
    environment = make_environment(audience="businesses")
    accounts = make_table(environment, "Accounts", "AccountId,Name\nA1,Acme\n", key="AccountId", profile_kind="account")
    contacts = "ContactId,AccountId,Email\nC1,A1,a@example.com\n"
    people = make_table(environment, "People", contacts, key="ContactId", profile_kind="contact")
    relate(people.fields.get(name="AccountId"), accounts.fields.get(name="AccountId"), by=None)
    make_segment(accounts, "Firms", projected_fields=["Email"])
    assert needs_of(environment, "Firms") == ["Accounts", "People"]


def test_an_export_needs_its_segments_and_tables(environment, segment, cities):
    make_export(environment, "Nightly", segments=[segment]).export_tables.create(table=cities)
    assert needs_of(environment, "Nightly") == ["Cities", "Everybody"]


def test_only_exports_that_follow_the_refresh_are_in_it(environment, segment):
    for mode in ScheduleMode:
        make_export(environment, f"Export {mode.value}", segments=[segment], schedule_mode=mode)
    names = [one.name for one in plan(environment) if one.kind == PartKind.EXPORT]
    assert names == ["Export refresh"]


def test_tables_segments_and_exports_go_one_after_the_other(environment, segment):
    export = make_export(environment, "Nightly", segments=[segment])
    refresh = start.start(environment, by=None)
    assert parts.of(refresh) == {"Customers": "waiting", "Everybody": "waiting", "Nightly": "waiting"}
    work.carry_out(work.claim())
    advance.advance_all()
    assert parts.of(refresh) == {"Customers": "done", "Everybody": "waiting", "Nightly": "waiting"}
    assert not Run.objects.exists()
    parts.work_off()
    assert parts.of(refresh) == {"Customers": "done", "Everybody": "done", "Nightly": "running"}
    queued = Run.objects.get(export=export)
    assert (queued.trigger, queued.refresh, queued.state) == (Trigger.REFRESH, refresh, State.QUEUED)
    parts.end_runs(refresh)
    refresh.refresh_from_db()
    assert (refresh.state, refresh.reason) == (RefreshState.SUCCEEDED, "")
    assert parts.of(refresh)["Nightly"] == "done"
    assert refresh.ended_at


@pytest.mark.parametrize(("state", "part"), ENDS.items())
def test_the_end_of_a_run_ends_its_part_at_once(environment, segment, state, part):
    make_export(environment, "Nightly", segments=[segment])
    refresh = start.start(environment, by=None)
    parts.work_off()
    lifecycle.finish(queue.claim(), state, rows_done=5, message="So it is.")
    found = refresh.parts.get(name="Nightly")
    assert (found.state, found.rows) == (part, 5 if state in DELIVERED else None)
    assert found.ended_at
    assert found.message


def test_tables_are_counted_and_segments_computed_anew(environment, table, segment):
    Table.objects.update(row_count=0, refreshed_at=None)
    Segment.objects.update(member_count=0, refreshed_at=None)
    start.start(environment, by=None)
    parts.work_off()
    table.refresh_from_db()
    segment.refresh_from_db()
    assert (table.row_count, segment.member_count) == (5, 5)
    assert table.refreshed_at
    assert segment.refreshed_at


def test_an_export_that_nothing_refreshes_any_more_says_so(environment, segment):
    make_export(environment, "Now off", segments=[segment])
    make_export(environment, "Now gone", segments=[segment])
    refresh = start.start(environment, by=None)
    Export.objects.filter(name="Now off").update(schedule_mode=ScheduleMode.OFF)
    Export.objects.filter(name="Now gone").delete()
    parts.work_off()
    assert parts.message_of(refresh, "Now off") == "It no longer follows the system refresh"
    assert parts.message_of(refresh, "Now gone") == "The export was removed"
    refresh.refresh_from_db()
    assert (refresh.state, refresh.reason) == (RefreshState.SUCCEEDED, "2 skipped")


def test_an_environment_without_anything_is_refreshed_at_once(environment):
    refresh = start.start(environment, by=None)
    assert (refresh.state, refresh.reason) == (RefreshState.SUCCEEDED, "There was nothing to refresh")
