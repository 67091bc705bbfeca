"""Account segments that project fields of their contacts: what they mean, and the contacts' records."""

import pytest

from roles.kinds import ProfileKind, SemanticType
from segments import projection, relationships
from segments.models import Relationship, Segment
from segments.warehouse import queries
from segments.warehouse.projecting import (
    count_projected,
    key_columns,
    preview_projected,
    projected_query,
)
from segments.warehouse.reader import snapshot
from tests.factories import make_environment, make_segment, make_table
from tests.segments.test_relationships import ACCOUNTS, accounts, contacts, environment, relate

__all__ = ["accounts", "contacts", "environment"]
pytestmark = pytest.mark.django_db(transaction=True)
CAFES = {"field": "Industry", "operator": "equals", "value": "Cafés"}
RECORD = [("Company", "company"), ("Contacts › EMail", "email")]


@pytest.fixture
def related(accounts, contacts):
    relate(contacts, "AccountId", accounts, "AccountId")
    return accounts


def records(segment, columns):
    with snapshot(segment.environment, [segment]) as connection:
        return sorted(connection.execute(projected_query(segment, columns)).fetchall())


def test_meanings_are_those_of_the_own_table_and_of_what_is_projected(related, django_assert_num_queries):
    plain = make_segment(related)
    projecting = make_segment(related, projected_fields=["EMail", "Gone"])
    assert projection.semantic_types(plain) == {SemanticType.PERSON_ID, SemanticType.COMPANY}
    assert projection.semantic_types(projecting) == {
        SemanticType.PERSON_ID,
        SemanticType.COMPANY,
        SemanticType.EMAIL,
    }
    segments = list(Segment.objects.select_related("table"))
    with django_assert_num_queries(2):
        assert len(projection.semantic_types_of(segments)) == 2
    assert [field.name for field in projection.projected(projecting)] == ["EMail"]


def test_nothing_is_projected_without_a_relationship(related):
    projecting = make_segment(related, projected_fields=["EMail"])
    relationships.unrelate(Relationship.objects.get(), by=None)
    assert SemanticType.EMAIL not in projection.semantic_types(projecting)
    assert projection.projected(projecting) == []
    with pytest.raises(queries.NotReadyError, match="No contact table is linked to Accounts"):
        projected_query(projecting, RECORD)


def test_each_contact_of_a_member_is_one_record_and_accounts_without_are_left_out(related):
    cafes = make_segment(related, conditions=[CAFES], projected_fields=["EMail"])
    assert records(cafes, RECORD) == [("Café Uno", "ada@example.com"), ("Café Uno", "bela@example.com")]
    everybody = make_segment(related, projected_fields=["EMail"])
    assert [row[0] for row in records(everybody, RECORD)] == ["Café Uno", "Café Uno", "Hôtel Deux"]
    with snapshot(related.environment, [everybody]) as connection:
        assert count_projected(connection, everybody) == 3
    assert preview_projected(cafes, RECORD, 1)[0][0] == "Café Uno"


def test_a_record_is_told_apart_by_the_contacts_key(related):
    segment = make_segment(related, projected_fields=["EMail"])
    assert key_columns(segment) == ["Contacts › ContactId"]
    assert records(segment, [(key_columns(segment)[0], "id")]) == [(11,), (12,), (13,)]


def test_a_field_that_is_not_projected_cannot_be_sent(related):
    segment = make_segment(related, projected_fields=["EMail"])
    for name in ("Contacts › FirstName", "FirstName", 'x" FROM y --'):
        with pytest.raises(queries.NotReadyError, match="no longer exists"):
            projected_query(segment, [(name, "x")])
    assert 'AS "a""b"' in projected_query(segment, [("Company", 'a"b')]).as_string(None)


def test_fields_of_one_name_in_both_tables_are_told_apart(environment):
    accounts = make_table(environment, "Accounts", "Id,City,Open\n1,Bonn,true\n", "Id", profile_kind="account")
    people = make_table(environment, "People", "Id,Account,City,Ok\n7,1,Köln,false\n", "Id", profile_kind="contact")
    relate(people, "Account", accounts, "Id")
    segment = make_segment(accounts, projected_fields=["City", "Ok"])
    columns = [(name, name) for name in ("City", "People › City", "Open", "People › Ok")]
    assert records(segment, columns) == [("Bonn", "Köln", "true", "false")]


def test_reading_locks_the_contacts_too(related):
    segment = make_segment(related, projected_fields=["EMail"])
    with snapshot(related.environment, [segment]) as connection:
        query = "SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE pid = %s"
        rows = connection.execute(query, [connection.info.backend_pid]).fetchall()
    assert "Contacts" in {row[0] for row in rows}


def test_only_the_contact_table_that_refers_to_the_accounts_is_projected(related):
    environment = related.environment
    make_table(environment, "Another", "Id,AccountId,Fax\n1,1,x\n", "Id", profile_kind="contact")
    make_table(environment, "Orders", "Id,AccountId\n1,1\n", "Id", profile_kind="")
    relate(environment.tables.get(name="Orders"), "AccountId", related, "AccountId")
    assert projection.contact_of(related).table.name == "Contacts"
    assert projection.contact_of(environment.tables.get(name="Contacts")) is None
    assert projection.contacts_of([related])[related.pk].table.profile_kind == ProfileKind.CONTACT


def test_another_environment_is_never_projected(related):
    foreign = make_table(make_environment("foreign", audience="businesses"), "Accounts", ACCOUNTS, "AccountId",
                         profile_kind="account")  # fmt: skip
    Relationship.objects.update(to_table=foreign)
    assert projection.contact_of(foreign) is None
