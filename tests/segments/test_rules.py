"""Conditions become SQL that finds what a person means by them."""

import pytest
from psycopg import sql

from segments import rules
from segments.warehouse import records
from tests.factories import make_environment, make_table

CSV = """Id,Name,City,Income,Visits,JoinedOn,SeenAt,IsMember
1,Ada,London,100.50,3,2020-01-31,2020-01-31 10:00:00,true
2,ada,"",200,0,2021-05-06,2021-05-06 00:00:00,false
3,100% Bob_,Paris,,,,,
4,"O'Neil, Jr.",Londonderry,-5.25,12,2019-12-31,2019-12-31 23:59:59,true
5,back\\slash,,1200,7,2022-02-02,2022-02-02 12:30:00,false
"""
TYPES = {
    "Name": "text",
    "Income": "numeric",
    "Visits": "bigint",
    "JoinedOn": "date",
    "SeenAt": "timestamp",
    "IsMember": "boolean",
}


def condition(field, operator, value=""):
    return {"field": field, "operator": operator, "value": value}


@pytest.fixture
def found(transactional_db):
    """Return the ids of the rows that conditions find."""
    table = make_table(make_environment(), csv=CSV, key="Id")

    def find(*conditions, match="all"):
        rows = records.preview_rules(table, match, list(conditions), [("Id", "Id")], 10)
        assert records.count_matching(table, match, list(conditions)) == (len(rows), 5)
        return "".join(sorted(row[0] for row in rows))

    return find


@pytest.mark.django_db(transaction=True)
def test_conditions_find_the_rows_that_a_person_expects(found):
    cases = {
        ("Name", "equals", "Ada"): "1",
        ("Name", "equals", "O'Neil, Jr."): "4",
        ("Name", "equals", "back\\slash"): "5",
        ("Name", "not_equals", "Ada"): "2345",
        ("City", "not_equals", "London"): "2345",  # an empty city is not London
        ("City", "contains", "ondon"): "14",
        ("City", "starts_with", "London"): "14",
        ("Name", "contains", "%"): "3",
        ("Name", "contains", "_"): "3",
        ("Name", "contains", "\\"): "5",
        ("Name", "starts_with", "100% B"): "3",
        ("Name", "one_of", 'Ada, "O\'Neil, Jr."'): "14",
        ("City", "one_of", "Paris, London"): "13",
        ("City", "empty", ""): "25",
        ("City", "not_empty", ""): "134",
        ("Income", "equals", "100.5"): "1",
        ("Income", "not_equals", "200"): "1345",
        ("Income", "one_of", "200, 1200"): "25",
        ("Income", "greater", "200"): "5",
        ("Income", "at_least", "200"): "25",
        ("Income", "less", " 100.50 "): "4",
        ("Income", "at_most", "100.50"): "14",
        ("Income", "empty", ""): "3",
        ("Visits", "greater", "2.5"): "145",
        ("Visits", "not_empty", ""): "1245",
        ("JoinedOn", "equals", "2020-01-31"): "1",
        ("JoinedOn", "less", "2020-01-31"): "4",
        ("JoinedOn", "empty", ""): "3",
        ("SeenAt", "at_least", "2021-05-06"): "25",
        ("SeenAt", "greater", "2021-05-06 00:00:00"): "5",
        ("IsMember", "equals", "true"): "14",
        ("IsMember", "equals", "No"): "25",
        ("IsMember", "not_equals", "yes"): "235",
        ("IsMember", "empty", ""): "3",
    }
    assert {case: found(condition(*case)) for case in cases} == cases


@pytest.mark.django_db(transaction=True)
def test_all_and_any_combine_conditions(found):
    london, rich = condition("City", "starts_with", "London"), condition("Income", "at_least", "200")
    assert found() == "12345"
    assert found(london, rich) == ""
    assert found(london, rich, match="any") == "1245"
    assert found(london, condition("Visits", "greater", "5")) == "4"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("Income", "greater", "abc"), "Income: “abc” is not a number. Enter e.g. 1200 or 12.50."),
        (("Income", "equals", "NaN"), "Income: “NaN” is not a number."),
        (("Income", "equals", "1e999999"), "is not a number"),
        (("Income", "equals", "Infinity"), "is not a number"),
        (("Visits", "equals", "2.5"), "Visits contains whole numbers, so “2.5” never matches."),
        (("Visits", "one_of", "1, 2.5"), "“2.5” never matches"),
        (("Visits", "equals", "9223372036854775808"), "is out of range for this field"),
        (("Visits", "less", "-9223372036854775809"), "is out of range for this field"),
        (("Income", "one_of", "1, x"), "Income: “x” is not a number."),
        (("Income", "equals", ""), "Income: enter a value, or choose “is empty”."),
        (("Income", "contains", "1"), "Income: “contains” cannot be used with fields of type numeric."),
        (("Name", "greater", "1"), "Name: “is greater than” cannot be used with fields of type text."),
        (("Name", "contains", ""), "Name: enter a value."),
        (("Name", "one_of", " , "), "Name: enter a value"),
        (("Name", "equals", "a\0"), "Name: the value contains a character that text cannot contain."),
        (("Name", "like", "a"), "Name: choose a comparison."),
        (("JoinedOn", "equals", "31/01/2020"), "JoinedOn: “31/01/2020” is not a date. Enter e.g. 2024-01-31."),
        (("JoinedOn", "equals", "2020-02-30"), "is not a date"),
        (("SeenAt", "equals", "noon"), "SeenAt: “noon” is not a date and time."),
        (("IsMember", "equals", "perhaps"), "IsMember: “perhaps” is neither true nor false."),
        (("Gone", "equals", "a"), "The table has no field “Gone”. Choose another one."),
        (("", "equals", "a"), "Choose a field."),
    ],
)
def test_a_condition_that_cannot_be_used_says_why(wrong, words):
    with pytest.raises(rules.RulesError) as refused:
        rules.where(TYPES, "all", [condition("Name", "equals", "fine"), condition(*wrong)])
    assert list(refused.value.errors) == [1]
    assert words in refused.value.errors[1]


def test_values_never_become_sql():
    text = rules.where(TYPES, "all", [condition("Name", "equals", "x' OR true --")]).as_string(None)
    assert text == "(\"t\".\"Name\" = 'x'' OR true --')"


def test_no_conditions_find_everybody():
    assert rules.where(TYPES, "any", []) == sql.SQL("true")


def test_conditions_can_be_read_aloud():
    assert rules.describe(condition("Income", "at_least", "5")) == "Income is at least 5"
    born = condition("JoinedOn", "at_least", "2020-01-31")
    assert rules.describe(born, "date") == "JoinedOn is on or after 2020-01-31"
    assert rules.describe(condition("City", "empty", "x")) == "City is empty"
