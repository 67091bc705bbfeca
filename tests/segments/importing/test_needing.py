"""Whoever needs a column that the new file lacks is named by the import, and nobody else."""

import io
from functools import partial

import pytest

from segments.importing.loading import ImportRefusedError, import_table
from segments.models import Relationship
from tests.factories import make_environment, make_export, make_segment, make_table
from tests.segments.test_relationships import ACCOUNTS, accounts, contacts, environment, relate

__all__ = ["accounts", "contacts", "environment"]
pytestmark = pytest.mark.django_db(transaction=True)
BIG = {"field": "Employees", "operator": "at_least", "value": "12", "through": "AccountId", "to": "Accounts"}
OWN = {"field": "FirstName", "operator": "equals", "value": "Ada"}


@pytest.fixture
def related(accounts, contacts):
    return relate(contacts, "AccountId", accounts, "AccountId")


def told_without(table, *names, **options):
    """What an import of `table` tells whose file lacks these columns, by column."""
    left = [field.name for field in table.fields.all() if field.name not in names]
    told: list[str] = []
    import_table(
        table.environment, table.name, io.BytesIO(",".join(left).encode() + b"\n"), tell=told.append, **options
    )
    return {name: said.partition(". ")[2] for name in names for said in told if f"no longer has {name}." in said}


def test_segments_that_ask_for_it_through_a_relationship_are_named(related, accounts, contacts):
    make_segment(contacts, "Big accounts", [BIG])
    make_segment(accounts, "Cafés", [{"field": "Industry", "operator": "equals", "value": "Cafés"}])
    told = told_without(accounts, "Employees", "Company")
    assert told["Employees"] == "Change the rules of “Big accounts”: until then they cannot be refreshed."
    assert told["Company"] == "It was not used."


def test_a_field_of_the_same_name_in_another_table_is_another_field(accounts, environment):
    people = make_table(environment, "People", "Id,AccountId,Employees\n1,1,3\n", "Id", profile_kind="contact")
    relate(people, "AccountId", accounts, "AccountId")
    make_segment(people, "Big accounts", [BIG])
    assert told_without(people, "Employees") == {"Employees": "It was not used."}


def test_a_table_of_the_same_name_in_another_environment_is_another_table(related, accounts, contacts):
    make_segment(contacts, "Big accounts", [BIG])
    elsewhere = make_table(
        make_environment(audience=accounts.environment.audience),
        "Accounts",
        ACCOUNTS,
        "AccountId",
        profile_kind="account",
    )
    assert told_without(elsewhere, "Employees") == {"Employees": "It was not used."}


def test_the_relationship_that_stood_on_it_is_named_with_the_segments_that_go_through(related, accounts, contacts):
    make_segment(contacts, "Big accounts", [BIG])
    make_segment(contacts, "Ada", [OWN])
    said = (
        "Change the rules of “Big accounts”: until then they cannot be refreshed. Now broken: Contacts.AccountId → "
        "Accounts.AccountId. Link other fields, or import the column again."
    )
    assert told_without(contacts, "AccountId") == {"AccountId": said}


def test_the_key_that_a_relationship_leads_to_is_needed_too(related, accounts, contacts):
    make_segment(contacts, "Big accounts", [BIG])
    told = told_without(accounts, "AccountId", keys=["Company"])["AccountId"]
    assert "Change the rules of “Big accounts”" in told
    assert "Now broken: Contacts.AccountId → Accounts.AccountId." in told


def test_a_condition_through_a_relationship_that_was_taken_back_still_needs_its_fields(related, accounts, contacts):
    make_segment(contacts, "Big accounts", [BIG])
    Relationship.objects.all().delete()
    assert "“Big accounts”" in told_without(contacts, "AccountId")["AccountId"]
    assert "“Big accounts”" in told_without(accounts, "Employees")["Employees"]


def test_account_segments_that_project_it_are_named(related, accounts, contacts):
    make_segment(accounts, "With letters", projected_fields=["EMail"])
    make_segment(accounts, "Without")
    make_segment(contacts, "Contacts", [OWN])
    told = told_without(contacts, "EMail", "FirstName")
    assert told["EMail"] == "Choose the attributes of the contacts in “With letters” again."
    assert told["FirstName"] == "Change the rules of “Contacts”: until then they cannot be refreshed."


def test_projections_are_named_also_when_the_relationship_breaks_in_the_same_import(related, accounts, contacts):
    make_segment(accounts, "With letters", projected_fields=["EMail"])
    told = told_without(contacts, "EMail", "AccountId")
    assert "“With letters”" in told["EMail"]
    assert told["AccountId"].startswith("Now broken:")


def test_the_contact_table_that_another_one_outruns_is_projected_by_nobody(related, accounts, environment):
    later = make_table(environment, "Staff", "Id,AccountId,EMail\n1,1,a@example.com\n", "Id", profile_kind="contact")
    relate(later, "AccountId", accounts, "AccountId")
    make_segment(accounts, "With letters", projected_fields=["EMail"])
    assert told_without(later, "EMail") == {"EMail": "It was not used."}


def test_exports_that_send_it_are_named_last(related, accounts, contacts):
    segment = make_segment(accounts, "With letters", projected_fields=["EMail"])
    chosen = {str(contacts.pk): [{"field": "EMail", "name": "to"}]}
    make_export(accounts.environment, "Letter", segments=[segment], field_selection=chosen)
    assert told_without(contacts, "EMail")["EMail"] == (
        "Choose the attributes of the contacts in “With letters” again. Choose the fields of “Letter” again. Until "
        "then their runs fail."
    )


def test_columns_that_something_uses_go_only_after_a_question(related, accounts, contacts):
    make_segment(contacts, "Big accounts", [BIG])
    make_export(accounts.environment, "Nothing of it")
    asked: list[list[str]] = []

    def answer(is_agreed, lines):
        asked.append(lines)
        return is_agreed

    with pytest.raises(ImportRefusedError, match="Stopped: the table keeps its columns"):
        told_without(accounts, "Employees", "Company", confirm=partial(answer, False))
    assert accounts.fields.filter(name="Employees").exists()
    question = (
        "The file no longer has Employees. Change the rules of “Big accounts”: until then they cannot be refreshed."
    )
    assert asked == [[question]]
    told_without(accounts, "Employees", "Company", confirm=partial(answer, True))
    assert (len(asked), accounts.fields.filter(name="Employees").exists()) == (2, False)
