"""Relationships between tables: stated by names, checked by types, and alive after a new import."""

import pytest
from django.db import IntegrityError, transaction

from roles.kinds import Audience
from roles.models import AuditEvent
from segments import relationships
from segments.models import Relationship
from tests.factories import make_environment, make_table

pytestmark = pytest.mark.django_db(transaction=True)
ACCOUNTS = """AccountId,Company,Industry,Employees
1,Café Uno,Cafés,12
2,Hôtel Deux,Hotels,80
3,Office Three,Offices,
"""
CONTACTS = """ContactId,AccountId,FirstName,EMail
11,1,Ada,ada@example.com
12,1,Béla,bela@example.com
13,2,Chloé,chloe@example.com
14,,Dan,dan@example.com
15,99,Eve,eve@example.com
"""


@pytest.fixture
def environment():
    return make_environment("business", audience=Audience.BUSINESSES)


@pytest.fixture
def accounts(environment):
    return make_table(environment, "Accounts", ACCOUNTS, "AccountId", profile_kind="account")


@pytest.fixture
def contacts(environment, accounts):
    return make_table(environment, "Contacts", CONTACTS, "ContactId", profile_kind="contact")


def field(table, name):
    return table.fields.get(name=name)


def relate(table, name, to_table, key):
    return relationships.relate(field(table, name), field(to_table, key), by=None)


def test_a_relationship_is_stated_found_and_in_the_audit_log(accounts, contacts, django_assert_num_queries):
    relate(contacts, "AccountId", accounts, "AccountId")
    with django_assert_num_queries(1):
        (found,) = relationships.relationships_of([accounts, contacts])
        assert str(found) == "Contacts.AccountId → Accounts.AccountId"
    assert relationships.relationships_of([accounts]) == []
    event = AuditEvent.objects.get(action="add relationship")
    assert event.changes == {"relationship": [None, "Contacts.AccountId → Accounts.AccountId"]}
    relationships.unrelate(found, by=None)
    assert relationships.relationships_of([contacts]) == []


def test_fields_called_like_another_tables_key_are_suggested_once(accounts, contacts):
    assert [str(one) for one in relationships.suggested(contacts)] == ["Contacts.AccountId → Accounts.AccountId"]
    assert relationships.suggested(accounts) == []
    relate(contacts, "AccountId", accounts, "AccountId")
    assert relationships.suggested(contacts) == []


def test_fields_of_other_types_and_environments_are_not_suggested(accounts, contacts):
    make_table(accounts.environment, "Letters", "Id,AccountId\n1,A\n", "Id", profile_kind="")
    foreign = make_environment("foreign")
    make_table(foreign, "Visits", "VisitId,AccountId\n1,1\n", "VisitId")
    letters = accounts.environment.tables.get(name="Letters")
    assert relationships.suggested(letters) == []
    assert relationships.suggested(foreign.tables.get()) == []


def test_what_cannot_be_related_is_refused_with_the_reason(accounts, contacts):
    foreign = make_table(make_environment("foreign"), "Accounts", ACCOUNTS, "AccountId")
    for pair, words in [
        ((field(contacts, "AccountId"), field(foreign, "AccountId")), "Choose the key of another table."),
        ((field(accounts, "AccountId"), field(accounts, "AccountId")), "Choose the key of another table."),
        ((field(contacts, "AccountId"), field(accounts, "Employees")), "not the only key"),
        ((field(contacts, "EMail"), field(accounts, "AccountId")), "EMail (text) cannot be compared"),
    ]:
        with pytest.raises(relationships.NotRelatedError, match=words.replace("(", r"\(").replace(")", r"\)")):
            relationships.relate(*pair, by=None)
    relate(contacts, "AccountId", accounts, "AccountId")
    with pytest.raises(relationships.NotRelatedError, match="is already linked to Accounts"):
        relate(contacts, "AccountId", accounts, "AccountId")
    assert Relationship.objects.count() == 1


def test_the_database_knows_each_relationship_once(accounts, contacts):
    values = {"table": contacts, "field_name": "AccountId", "to_table": accounts, "to_field_name": "AccountId"}
    Relationship.objects.create(**values)
    with pytest.raises(IntegrityError), transaction.atomic():
        Relationship.objects.create(**values)
    with pytest.raises(IntegrityError), transaction.atomic():
        Relationship.objects.create(
            table=accounts, field_name="AccountId", to_table=accounts, to_field_name="AccountId"
        )


def test_it_survives_a_new_import_and_is_broken_while_a_side_is_missing(accounts, contacts):
    found = relate(contacts, "AccountId", accounts, "AccountId")
    environment = accounts.environment

    def problem():
        return Relationship.objects.described().get(pk=found.pk).problem

    make_table(environment, "Contacts", CONTACTS, "ContactId", profile_kind="contact")
    assert problem() == ""
    make_table(environment, "Contacts", "ContactId\n11\n", "ContactId", profile_kind="contact")
    assert problem() == "Contacts no longer has a field “AccountId”."
    assert relationships.relationships_of([contacts]) == []
    letters = CONTACTS.replace(",1,", ",A1,")
    make_table(environment, "Contacts", letters, "ContactId", profile_kind="contact")
    assert problem() == "Fields of type text and smallint cannot be compared."
    make_table(environment, "Contacts", CONTACTS, "ContactId", profile_kind="contact")
    make_table(environment, "Accounts", ACCOUNTS, "Company", profile_kind="account")
    assert problem() == "“AccountId” is no longer the only key of Accounts."
    make_table(environment, "Accounts", ACCOUNTS, "AccountId", profile_kind="account")
    assert [one.pk for one in relationships.relationships_of([contacts])] == [found.pk]
