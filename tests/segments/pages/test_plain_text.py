"""Names and numbers read the way they were meant."""

import pytest
from django.urls import reverse

from roles.roles import Role
from segments import rules
from tests.factories import client_of, make_environment, make_member, make_table

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


@pytest.mark.parametrize("name", ["\u202e", "a\u200bb", "a\ab", "\u2800"])
def test_a_name_that_cannot_be_seen_is_refused(table, contributor, name):
    answer = add(contributor, table, name=name)
    assert answer.status_code == 422
    assert answer.context_data["form"].errors["name"]


@pytest.mark.parametrize("text", ["1_0", "١٢", "1,000", "0x10", "1e", "."])
def test_a_number_is_written_with_plain_digits(table, text):
    with pytest.raises(rules.RulesError, match="is not a number"):
        rules.where({"Income": "numeric"}, "all", [{"field": "Income", "operator": "equals", "value": text}])


@pytest.mark.parametrize("text", ["10", "-1.5", "+2", ".5", "5.", "1e3"])
def test_common_ways_to_write_a_number_are_taken(text):
    rules.where({"Income": "numeric"}, "all", [{"field": "Income", "operator": "equals", "value": text}])
