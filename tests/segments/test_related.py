"""Conditions on fields of related tables: the same row, the same words, nothing from elsewhere."""

import pytest
from django.db import connection as django_connection

from roles.kinds import Audience
from segments import relationships, rules
from segments.models import Relationship, SegmentStatus
from segments.warehouse import queries, records
from segments.warehouse.members import RefreshError, refresh
from segments.warehouse.reader import snapshot
from tests.factories import make_environment, make_segment, make_table
from tests.segments.test_relationships import ACCOUNTS, accounts, contacts, environment, relate

__all__ = ["accounts", "contacts", "environment"]
pytestmark = pytest.mark.django_db(transaction=True)


def on_account(field, operator, value="", through="AccountId"):
    return {"field": field, "operator": operator, "value": value, "through": through, "to": "Accounts"}


def own(field, operator, value=""):
    return {"field": field, "operator": operator, "value": value}


@pytest.fixture
def related(accounts, contacts):
    relate(contacts, "AccountId", accounts, "AccountId")
    return contacts


def members(segment):
    with django_connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM waybill_work.members_{segment.pk} ORDER BY 1")
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize(
    ("conditions", "match", "wanted"),
    [
        ([on_account("Industry", "equals", "Cafés")], "all", "11 12"),
        ([on_account("Industry", "not_equals", "Cafés")], "all", "13"),  # nobody without an account
        ([on_account("Employees", "at_least", "12")], "all", "11 12 13"),
        ([on_account("Employees", "empty")], "all", ""),
        ([on_account("Company", "contains", "tel")], "all", "13"),
        ([on_account("AccountId", "not_empty")], "all", "11 12 13"),
        ([own("FirstName", "equals", "Ada"), on_account("Industry", "equals", "Cafés")], "all", "11"),
        ([own("FirstName", "equals", "Eve"), on_account("Industry", "equals", "Hotels")], "any", "13 15"),
        ([on_account("Industry", "equals", "Cafés"), on_account("Employees", "greater", "12")], "all", ""),
    ],
)
def test_a_condition_through_a_relationship_finds_rows_whose_related_row_fits(related, conditions, match, wanted):
    rows = records.preview_rules(related, match, conditions, [("ContactId", "Id")], 10)
    assert " ".join(sorted(row[0] for row in rows)) == wanted
    assert records.count_matching(related, match, conditions) == (len(rows), 5)
    assert members(make_segment(related, conditions=conditions, match=match)) == [int(one) for one in wanted.split()]


def test_it_becomes_a_semi_join_and_names_and_values_stay_what_they_are(related):
    evil = on_account('x" OR true --', "equals", "1")
    with pytest.raises(rules.RulesError, match="no field"):
        queries.rules_where(related, "all", [evil])
    text = queries.rules_where(related, "all", [on_account("Industry", "equals", "x' OR true --")]).as_string(None)
    assert text == (
        '(EXISTS (SELECT FROM "data_business"."Accounts" r WHERE r."AccountId" = t."AccountId"'
        " AND (\"r\".\"Industry\" = 'x'' OR true --')))"
    )


def test_types_of_the_other_table_decide_how_values_are_written(related):
    with pytest.raises(rules.RulesError) as refused:
        queries.rules_where(related, "all", [on_account("Employees", "greater", "many")])
    assert "Accounts › Employees: “many” is not a number." in refused.value.errors[0]


def test_it_can_be_read_aloud():
    words = rules.describe(on_account("Employees", "at_least", "5"), "bigint")
    assert words == "Accounts › Employees (through AccountId) is at least 5"


def test_a_relationship_taken_back_stops_the_refresh_with_words_and_keeps_the_members(related):
    segment = make_segment(related, conditions=[on_account("Industry", "equals", "Cafés")])
    relationships.unrelate(Relationship.objects.get(), by=None)
    with pytest.raises(RefreshError, match="rows no longer link to Accounts through “AccountId”"):
        refresh(segment)
    segment.refresh_from_db()
    assert segment.status == SegmentStatus.FAILED
    assert members(segment) == [11, 12]


def test_a_table_of_another_environment_is_not_reached(related):
    foreign = make_environment("foreign", audience=Audience.BUSINESSES)
    secret = make_table(foreign, "Secrets", "AccountId,Word\n1,x\n", "AccountId", profile_kind="account")
    forged = on_account("Word", "equals", "x") | {"to": "Secrets"}
    with pytest.raises(rules.RulesError):
        queries.rules_where(related, "all", [forged])
    # Not even if a row of the database said so.
    Relationship.objects.create(table=related, field_name="AccountId", to_table=secret, to_field_name="AccountId")
    with pytest.raises(rules.RulesError):
        records.count_matching(related, "all", [forged])


def test_a_field_may_lead_to_two_tables_and_a_table_may_be_reached_twice(environment):
    accounts = make_table(environment, "Accounts", ACCOUNTS, "AccountId", profile_kind="account")
    scores = make_table(environment, "Scores", "AccountId,Score\n1,9\n2,1\n", "AccountId", profile_kind="")
    deals = make_table(environment, "Deals", "DealId,AccountId,Payer\n1,1,2\n2,2,1\n", "DealId", profile_kind="contact")
    relate(deals, "AccountId", accounts, "AccountId")
    relate(deals, "Payer", accounts, "AccountId")
    relate(deals, "AccountId", scores, "AccountId")
    cases = [
        (on_account("Company", "starts_with", "Café"), "1"),
        (on_account("Company", "starts_with", "Café", through="Payer"), "2"),
        (on_account("Score", "at_least", "9") | {"to": "Scores"}, "1"),
    ]
    for condition, wanted in cases:
        assert records.preview_rules(deals, "all", [condition], [("DealId", "Id")]) == [(wanted,)]


def test_reading_a_segment_locks_the_tables_that_its_rules_read(related):
    segment = make_segment(related, conditions=[on_account("Industry", "equals", "Cafés")])
    with snapshot(related.environment, [segment]) as connection:
        locked = (
            "SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.mode = %s AND l.pid = %s"
        )
        rows = connection.execute(locked, ["AccessShareLock", connection.info.backend_pid]).fetchall()
    assert {"Accounts", "Contacts", f"members_{segment.pk}"} <= {row[0] for row in rows}


def test_old_conditions_stay_valid(related):
    assert members(make_segment(related, conditions=[own("FirstName", "equals", "Ada")])) == [11]


def test_a_new_import_of_the_other_table_counts_at_the_next_refresh(related, environment):
    segment = make_segment(related, conditions=[on_account("Industry", "equals", "Cafés")])
    make_table(environment, "Accounts", ACCOUNTS.replace("Hotels", "Cafés"), "AccountId", profile_kind="account")
    assert refresh(segment) == 3
