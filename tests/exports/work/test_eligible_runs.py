"""Who may be sent to a target that wants people, and the target's limits, when an export runs."""

import csv
import io

import pytest

from connections.destinations.base import Limits
from connections.destinations.registry import registered
from exports.models import Run
from exports.models.states import State
from roles.kinds import Audience, SemanticType
from segments.models import Relationship, Segment
from tests.exports.work.data_out import manifest_of
from tests.exports.work.test_run import delivered, run_to_end
from tests.exports.work.test_run_of_ten import send_test
from tests.factories import make_connection, make_environment, make_export, make_segment, make_table
from tests.servers.people_list import PeopleList
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)

ACCOUNTS = "AccountId,Name,City\nA1,Acme,Leeds\nA2,Beta,Paris\nA3,Gamma,Leeds\nA4,Delta,Berlin\n"
CONTACTS = """ContactId,AccountId,Name,EMail,Salary
P1,A1,Ada,ada@acme.example,1
P2,A1,Béla,bela@acme.example,2
P3,A2,Chloé,chloe@beta.example,3
P4,A3,Dan,dan@gamma.example,4
P5,A9,Eve,eve@nowhere.example,5
"""


@pytest.fixture(autouse=True)
def people_list():
    with registered(PeopleList):
        yield PeopleList


@pytest.fixture
def environment():
    return make_environment(audience=Audience.BUSINESSES)


@pytest.fixture
def accounts(environment):
    return make_table(environment, "Accounts", ACCOUNTS, key="AccountId", profile_kind="account")


@pytest.fixture
def contacts(environment, accounts):
    types = {"EMail": SemanticType.EMAIL}
    table = make_table(environment, "Contacts", CONTACTS, key="ContactId", profile_kind="contact", semantic_types=types)
    Relationship.objects.create(table=table, field_name="AccountId", to_table=accounts, to_field_name="AccountId")
    return table


@pytest.fixture
def target(environment):
    return make_connection(environment, "Newsletter", type="people_list")


@pytest.fixture
def everybody(contacts):
    return make_segment(contacts, "Everybody")


@pytest.fixture
def plain_accounts(accounts):
    return make_segment(accounts, "Plain accounts")


@pytest.fixture
def projected(accounts, contacts):
    return make_segment(accounts, "Accounts with contacts", projected_fields=["EMail", "Name"])


def limit(most=None, least=None):
    """Give the target other limits for one test."""
    return Limits(most_profiles=most, least_profiles_per_segment=least)


def files_of(export) -> dict[str, list[list[str]]]:
    """Every CSV file that was delivered, as rows, by the item's folder."""
    found = {name: path for name, path in delivered(export.connection).items() if name.endswith(".csv")}
    return {
        name.split("/")[1]: list(csv.reader(io.StringIO(path.read_text(), newline=""))) for name, path in found.items()
    }


def step_of(run: Run, key: str) -> dict:
    return next(step for step in run.steps if step["key"] == key)


# --- who is eligible


def test_segments_that_are_not_eligible_fail_the_run_with_the_documents_words(environment, target, everybody, accounts):
    refused = [make_segment(accounts, name) for name in ("Big accounts", "Old accounts")]
    export = make_export(environment, connection=target, segments=[refused[0], everybody, refused[1]])
    run = run_to_end(export)
    assert (run.state, run.reason) == (State.FAILED, "Segment not eligible")
    assert run.message == (
        "The following segments are not eligible for this export destination: 'Big accounts', 'Old accounts'. "
        "Please choose only segments of type ContactProfile and try again."
    )
    check = step_of(run, "check")
    assert (check["state"], check["not_eligible"]) == ("failed", [segment.pk for segment in refused])
    assert delivered(target) == {}


def test_a_segment_that_lacks_a_required_field_is_not_eligible(environment, target, contacts, everybody):
    contacts.fields.filter(name="EMail").update(semantic_type="")
    run = run_to_end(make_export(environment, connection=target, segments=[everybody]))
    assert run.reason == "Segment not eligible"


def test_what_is_eligible_depends_on_the_exports_settings(environment, target, plain_accounts, accounts):
    accounts.fields.filter(name="Name").update(semantic_type="company")
    companies = {"targeting": "companies"}
    export = make_export(environment, connection=target, segments=[plain_accounts], settings=companies)
    assert run_to_end(export).state == State.SUCCEEDED
    export.settings = {"targeting": "people"}
    export.save()
    assert run_to_end(export).reason == "Segment not eligible"


def test_a_segment_that_stopped_to_project_its_contacts_is_not_eligible_any_more(environment, target, projected):
    export = make_export(environment, connection=target, segments=[projected])
    assert run_to_end(export).state == State.SUCCEEDED
    Segment.objects.filter(pk=projected.pk).update(projected_fields=[])
    assert run_to_end(export).reason == "Segment not eligible"


def test_a_file_store_takes_all_segments(environment, plain_accounts, projected):
    export = make_export(environment, "All", segments=[plain_accounts, projected])
    assert run_to_end(export).state == State.SUCCEEDED
    rows = files_of(export)
    assert rows["Accounts_with_contacts"][0] == ["AccountId", "Name", "City"]
    assert len(rows["Accounts_with_contacts"]) == 5


# --- contacts in the place of accounts


def test_each_contact_of_the_accounts_is_one_record_with_the_fields_that_the_segment_projects(
    environment, target, projected
):
    export = make_export(environment, "Mail", target, [projected])
    run = run_to_end(export)
    assert (run.state, run.message) == (State.SUCCEEDED, "")
    header, *rows = files_of(export)["Accounts_with_contacts"]
    assert header == ["AccountId", "Name", "City", "Contacts › Name", "EMail"]
    assert sorted((row[1], row[3]) for row in rows) == [
        ("Acme", "Ada"),
        ("Acme", "Béla"),
        ("Beta", "Chloé"),
        ("Gamma", "Dan"),
    ]
    assert run.items == [
        {
            "kind": "segment",
            "id": projected.pk,
            "name": "Accounts with contacts",
            "rows": 4,
            "expected": 4,
            "is_projected": True,
        }
    ]


def test_chosen_fields_of_accounts_and_contacts_go_out_together(environment, target, accounts, contacts, projected):
    chosen = {
        str(accounts.pk): [{"field": "AccountId", "name": "account"}, {"field": "Name", "name": "Name"}],
        str(contacts.pk): [{"field": name, "name": name} for name in ("Name", "EMail", "Salary")],
    }
    export = make_export(environment, "Mail", target, [projected], field_selection=chosen)
    run = run_to_end(export)
    header, *rows = files_of(export)["Accounts_with_contacts"]
    assert header == ["account", "Name", "Contacts › Name", "EMail"]  # the segment does not project Salary
    assert ["A1", "Acme", "Béla", "bela@acme.example"] in rows
    columns = manifest_of(run)["files"][0]["columns"]
    assert [(column["table"], column["field"]) for column in columns] == [
        ("Accounts", "AccountId"),
        ("Accounts", "Name"),
        ("Contacts", "Name"),
        ("Contacts", "EMail"),
    ]


def test_a_projected_field_that_is_gone_fails_the_run_and_says_which(environment, target, contacts, projected):
    contacts.fields.filter(name="Name").delete()
    run = run_to_end(make_export(environment, connection=target, segments=[projected], refreshes_segments=False))
    assert (run.state, run.reason) == (State.FAILED, "A field is missing")
    assert "“Contacts” no longer has “Name”" in run.message


def test_no_field_that_the_segment_projects_is_chosen(environment, target, contacts, projected):
    chosen = {str(projected.table_id): [], str(contacts.pk): [{"field": "Salary", "name": "Salary"}]}
    run = run_to_end(make_export(environment, connection=target, segments=[projected], field_selection=chosen))
    assert (run.state, run.reason) == (State.FAILED, "No fields")


def test_contacts_that_are_no_longer_related_fail_the_run(environment, target, projected):
    export = make_export(environment, "Mail", target, [projected], refreshes_segments=False)
    Relationship.objects.all().delete()
    run = run_to_end(export)
    assert run.state == State.FAILED
    assert delivered(target) == {}


# --- limits


def test_more_different_profiles_than_the_target_takes_skip_the_run(
    environment, target, contacts, everybody, monkeypatch
):
    monkeypatch.setattr(PeopleList, "limits", limit(most=4))
    run = run_to_end(make_export(environment, connection=target, segments=[everybody]))
    assert (run.state, run.reason) == (State.SKIPPED, "5 profiles, at most 4 allowed")
    assert "5 different profiles; People list accepts 4 per export" in run.message
    assert (run.rows_done, run.files, delivered(target)) == (0, [], {})
    assert [step["state"] for step in run.steps] == ["done", "done", "skipped", "skipped"]
    run.export.refresh_from_db()
    assert (run.export.delivered_at, run.export.last_state) == (None, State.SKIPPED)


def test_a_profile_in_several_segments_counts_once(environment, target, contacts, everybody, monkeypatch):
    monkeypatch.setattr(PeopleList, "limits", limit(most=5))
    again = make_segment(contacts, "Again", [{"field": "Salary", "operator": "at_least", "value": "2"}])
    assert run_to_end(make_export(environment, connection=target, segments=[everybody, again])).state == State.SUCCEEDED


def test_projected_contacts_are_counted_with_the_contacts_of_other_segments(
    environment, target, contacts, everybody, projected, monkeypatch
):
    export = make_export(environment, connection=target, segments=[projected])
    monkeypatch.setattr(PeopleList, "limits", limit(most=3))
    assert run_to_end(export).reason == "4 profiles, at most 3 allowed"
    both = make_export(environment, connection=target, segments=[projected, everybody])
    monkeypatch.setattr(PeopleList, "limits", limit(most=5))
    assert run_to_end(both).state == State.SUCCEEDED


def test_a_segment_that_is_too_small_is_left_out_with_a_warning(environment, target, contacts, everybody):
    few = make_segment(contacts, "Few", [{"field": "Salary", "operator": "at_most", "value": "2"}])
    export = make_export(environment, connection=target, segments=[few, everybody])
    run = run_to_end(export)
    assert (run.state, run.reason) == (State.WARNED, "left out: “Few”")
    assert "at least 3 profiles per segment. These have fewer: “Few” (2)" in run.message
    assert set(files_of(export)) == {"Everybody"}
    assert run.rows_done == 5
    assert [(item["name"], item["rows"], item.get("left_out", False)) for item in run.items] == [
        ("Everybody", 5, False),
        ("Few", 0, True),
    ]
    export.refresh_from_db()
    assert export.delivered_at is not None


def test_a_run_whose_segments_are_all_too_small_is_skipped(environment, target, contacts):
    few = make_segment(contacts, "Few", [{"field": "Salary", "operator": "at_most", "value": "2"}])
    run = run_to_end(make_export(environment, connection=target, segments=[few]))
    assert (run.state, run.reason) == (State.SKIPPED, "Segment too small")
    assert "“Few” (2)" in run.message
    assert delivered(target) == {}


def test_what_is_left_out_does_not_count_for_the_maximum(environment, target, contacts, accounts, monkeypatch):
    monkeypatch.setattr(PeopleList, "limits", limit(most=3, least=3))
    few = make_segment(contacts, "Few", [{"field": "Salary", "operator": "at_most", "value": "2"}])
    some = make_segment(contacts, "Some", [{"field": "Salary", "operator": "at_least", "value": "3"}])
    run = run_to_end(make_export(environment, connection=target, segments=[few, some]))
    assert (run.state, run.rows_done) == (State.WARNED, 3)


def test_limits_count_what_is_there_when_the_run_reads(environment, target, contacts, everybody, monkeypatch):
    monkeypatch.setattr(PeopleList, "limits", limit(most=5))
    export = make_export(environment, connection=target, segments=[everybody])
    with writer() as connection:
        connection.execute(f"""INSERT INTO "{environment.warehouse_schema}"."Contacts" ("ContactId") VALUES ('P9')""")
    assert run_to_end(export).state == State.SKIPPED


def test_a_test_of_ten_has_no_limits_but_refuses_who_is_not_eligible(
    environment, target, everybody, plain_accounts, monkeypatch
):
    monkeypatch.setattr(PeopleList, "limits", limit(most=1, least=100))
    assert send_test(make_export(environment, connection=target, segments=[everybody])).state == State.SUCCEEDED
    refused = send_test(make_export(environment, connection=target, segments=[plain_accounts]))
    assert refused.reason == "Segment not eligible"


def test_a_test_of_projected_contacts_sends_ten_at_most(environment, target, projected, monkeypatch):
    run = send_test(make_export(environment, connection=target, segments=[projected]))
    assert (run.state, run.rows_done) == (State.SUCCEEDED, 4)
