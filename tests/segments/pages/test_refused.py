"""What no browser sends: it is refused with words, and nothing is stored that was not asked for."""

import pytest
from django.urls import reverse

from roles.roles import Role
from segments import rules
from segments.models import Segment
from tests.factories import client_of, make_environment, make_member, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def table():
    return make_table(make_environment("contoso"))


@pytest.fixture
def contributor(table):
    return client_of(make_member(table.environment, Role.CONTRIBUTOR))


def form(table, *conditions, name="Known"):
    fields, operators, values = zip(*conditions, strict=True) if conditions else ((), (), ())
    lists = {"field": fields, "operator": operators, "value": values}
    return {"name": name, "description": "", "table": table.pk, "match": "all", **lists}


def add(contributor, *args, **more):
    return contributor.post(reverse("segments:add", args=["contoso"]), form(*args, **more))


def test_more_conditions_than_fit_are_refused_not_cut_off(table, contributor):
    answer = add(contributor, table, *[("City", "not_equals", f"c{number}") for number in range(1500)])
    assert answer.status_code == 422
    assert "1500 conditions were sent, but a segment can have at most 50" in answer.content.decode()
    assert not Segment.objects.exists()


def test_as_many_conditions_as_fit_are_stored(table, contributor):
    conditions = [("City", "not_equals", f"c{number}") for number in range(rules.MOST_CONDITIONS)]
    assert add(contributor, table, *conditions).status_code == 302
    assert len(Segment.objects.get().conditions) == 50


def test_conditions_with_a_part_missing_are_refused(table, contributor):
    sent = form(table, ("City", "equals", "Paris"), ("City", "equals", "Rome")) | {"operator": ["equals"]}
    answer = contributor.post(reverse("segments:add", args=["contoso"]), sent)
    assert answer.status_code == 422
    assert "part of a condition is missing" in answer.content.decode()


@pytest.mark.parametrize(
    ("operator", "said"),
    [("bogus", "City: choose a comparison."), ("greater", "City: “is greater than” cannot be used with fields of")],
)
def test_an_operator_that_is_unknown_or_does_not_suit_is_refused(table, contributor, operator, said):
    answer = add(contributor, table, ("City", operator, "Paris"))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Segment.objects.exists()


def test_a_button_that_shows_the_form_again_takes_an_operator_that_suits_the_new_field(table, contributor):
    sent = form(table, ("City", "greater", "1")) | {"action": "add-condition"}
    answer = contributor.post(reverse("segments:add", args=["contoso"]), sent)
    assert [row.operator for row in answer.context_data["setup"].rows] == ["equals", "equals"]


def test_a_value_that_is_too_long_is_refused_not_cut_off(table, contributor):
    answer = add(contributor, table, ("City", "equals", "x" * 10_001))
    assert answer.status_code == 422
    assert "City: the value is longer than 10,000 characters. Shorten it." in answer.content.decode()


def test_a_stored_operator_that_no_longer_suits_is_said_on_save(table, contributor):
    segment = make_segment(table, conditions=[{"field": "Income", "operator": "greater", "value": "1"}])
    make_table(table.environment, csv="CustomerId,Income\nC1,much\n")
    page = contributor.get(reverse("segments:edit", args=["contoso", segment.pk]))
    assert page.status_code == 200
    assert page.context_data["setup"].rows[0].operator == "greater"


@pytest.mark.parametrize(
    "number",
    [pytest.param("9" * 5000, id="5000 nines"), "9" * 25, "9" * 19, "-1", "1e3", "１", "0", ""],
)
@pytest.mark.parametrize("action", ["table", "count", ""])
def test_a_table_whose_number_is_none_is_not_there(table, contributor, number, action):
    answer = contributor.post(
        reverse("segments:add", args=["contoso"]), form(table) | {"table": number, "action": action}
    )
    assert answer.status_code == (200 if action else 422)
    assert not Segment.objects.exists()
