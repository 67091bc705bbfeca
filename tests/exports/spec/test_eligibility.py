"""Which segments an export may send, and what is said of their size, by what the connection type declares."""

import pytest

from exports.spec.eligibility import is_projected, is_taken, total_warning, warning, why_not
from roles.kinds import Audience, SemanticType
from segments.models import Relationship, Segment
from tests.factories import make_environment, make_table
from tests.servers.people_list import PeopleList

pytestmark = pytest.mark.django_db(transaction=True)

COMPANIES, PEOPLE = {"targeting": "companies"}, {"targeting": "people"}


@pytest.fixture
def environment():
    return make_environment(audience=Audience.BUSINESSES)


@pytest.fixture
def accounts(environment):
    csv = "AccountId,Name,Switchboard\nA1,Acme,hello@acme.example\n"
    types = {"Name": SemanticType.COMPANY, "Switchboard": SemanticType.EMAIL}
    return make_table(environment, "Accounts", csv, key="AccountId", profile_kind="account", semantic_types=types)


@pytest.fixture
def contacts(environment, accounts):
    csv = "ContactId,AccountId,EMail,Nickname\nP1,A1,ada@acme.example,A\n"
    types = {"EMail": SemanticType.EMAIL}
    table = make_table(environment, "Contacts", csv, key="ContactId", profile_kind="contact", semantic_types=types)
    Relationship.objects.create(table=table, field_name="AccountId", to_table=accounts, to_field_name="AccountId")
    return table


def segment_of(table, **values) -> Segment:
    return Segment.objects.create(environment=table.environment, table=table, name="Some", **values)


def test_contacts_with_the_required_field_are_taken(contacts):
    assert why_not(segment_of(contacts), PeopleList, PEOPLE) == ""


def test_what_is_missing_is_named(contacts):
    contacts.fields.update(semantic_type="")
    text = "People list needs E-mail address, but no field of this segment provides it."
    assert why_not(segment_of(contacts), PeopleList, PEOPLE) == text


def test_accounts_are_taken_where_the_export_targets_companies(accounts):
    segment = segment_of(accounts)
    assert why_not(segment, PeopleList, PEOPLE) == "People list doesn't accept account segments."
    assert why_not(segment, PeopleList, COMPANIES) == ""


def test_an_account_segment_is_taken_if_it_projects_the_required_field_of_its_contacts(contacts, accounts):
    segment = segment_of(accounts, projected_fields=["EMail"])
    assert why_not(segment, PeopleList, PEOPLE) == ""
    assert is_projected(segment, PeopleList, PEOPLE)
    assert not is_projected(segment, PeopleList, COMPANIES)


def test_the_accounts_own_fields_do_not_stand_for_those_of_the_contacts(contacts, accounts):
    segment = segment_of(accounts, projected_fields=["Nickname"])
    assert is_taken(segment, PeopleList, PEOPLE)
    assert "needs E-mail address" in why_not(segment, PeopleList, PEOPLE)


def test_projected_fields_whose_table_is_no_longer_related_fill_nothing(contacts, accounts):
    segment = segment_of(accounts, projected_fields=["EMail"])
    Relationship.objects.all().delete()
    assert "needs E-mail address" in why_not(segment, PeopleList, PEOPLE)


def test_too_many_and_too_few_are_said_with_the_numbers(contacts):
    assert "1,001 members: over the limit of 1,000" in warning(segment_of(contacts, member_count=1001), PeopleList)
    Segment.objects.all().delete()
    assert "2 members: under the minimum of 3" in warning(segment_of(contacts, member_count=2), PeopleList)


def test_nothing_is_said_of_a_segment_that_fits_or_is_not_counted_yet(contacts):
    assert warning(segment_of(contacts, member_count=3), PeopleList) == ""
    Segment.objects.all().delete()
    assert warning(segment_of(contacts), PeopleList) == ""


def test_the_number_of_accounts_says_nothing_about_their_contacts(contacts, accounts):
    segment = segment_of(accounts, projected_fields=["EMail"], member_count=2)
    assert warning(segment, PeopleList, PEOPLE) == ""
    assert warning(segment, PeopleList, COMPANIES) != ""
    segment.member_count = 2000
    assert total_warning([segment], PeopleList, PEOPLE) == ""


def test_several_segments_may_be_too_many_together(contacts):
    pair = [Segment(table=contacts, member_count=600), Segment(table=contacts, member_count=500)]
    assert "1,100 members in total; People list accepts 1,000 profiles" in total_warning(pair, PeopleList)
    assert total_warning(pair[:1], PeopleList) == ""
