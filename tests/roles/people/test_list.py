"""The list of people: what it shows, finds, sorts and costs."""

import pytest
from allauth.mfa.models import Authenticator
from django.utils import timezone

from roles.models import GroupMembership, GroupRole, RoleAssignment, User
from roles.people.listing import SORTS
from roles.roles import Role
from tests.factories import make_environment, make_member
from tests.roles.people.place import text_of


def names(place, **query):
    answer = place.browser.get(place.url("list"), query)
    return [str(one.user) for one in answer.context_data["listing"].page]


@pytest.fixture
def people(place):
    """Ada, Bea from a group, Carl with a second factor, and somebody elsewhere."""
    bea = place.member("bea", Role.CONTRIBUTOR)
    RoleAssignment.objects.filter(user=bea).update(group="Marketing")
    User.objects.filter(pk=bea.pk).update(email="bea@example.com")
    carl = place.member("carl")
    User.objects.filter(pk=carl.pk).update(
        first_name="Zoltan", last_name="Kodály", email="zk@example.com", last_login=timezone.now()
    )
    Authenticator.objects.create(user=carl, type=Authenticator.Type.TOTP, data={})
    make_member(make_environment(), Role.VIEWER, "elsewhere")
    return place


def test_the_list_shows_everybody_of_the_environment_and_nobody_else(people):
    text = text_of(people.browser.get(people.url("list")))
    assert names(people) == ["ada", "bea", "Zoltan Kodály"]
    assert "Group Marketing" in text
    assert "elsewhere" not in text


@pytest.mark.parametrize("words", ["zoltan", "Kodály", "Zoltan Kod", "carl", "ZK@example"])
def test_the_search_finds_by_name_user_name_and_address(people, words):
    assert names(people, q=words) == ["Zoltan Kodály"]


def test_the_list_shows_one_role_alone(people):
    assert names(people, role="contributor") == ["bea"]
    assert names(people, role="nonsense") == names(people)


@pytest.mark.parametrize("key", SORTS)
def test_every_column_sorts_both_ways(people, key):
    rising, falling = names(people, sort=key), names(people, sort=f"-{key}")
    assert sorted(rising) == sorted(falling)
    assert rising != falling


def test_roles_sort_by_their_standing(people):
    assert names(people, sort="role") == ["ada", "bea", "Zoltan Kodály"]


def test_nobody_found_says_so_and_leads_back(people):
    assert "No people match" in text_of(people.browser.get(people.url("list"), {"q": "\0zzz"}))


def test_a_fragment_is_the_list_alone(people):
    answer = people.browser.get(people.url("list"), headers={"HX-Request": "true", "HX-Target": "list"})
    assert answer.template_name == "people/list.html#list"


@pytest.mark.parametrize("page", ["list", "invitations", "groups"])
def test_the_number_of_queries_does_not_grow(place, page, django_assert_num_queries, django_assert_max_num_queries):
    from roles.people.invitations import invite

    def fill(n):
        for index in range(n):
            user = place.member(f"person{index}-{n}")
            GroupRole.objects.create(environment=place.environment, group=f"Group {index}-{n}", role=Role.VIEWER)
            GroupMembership.objects.create(user=user, group=f"Group {index}-{n}")
            invite(place.environment, f"{index}-{n}@example.com", Role.VIEWER, days=7, by=place.ada)

    fill(3)
    place.browser.get(place.url(page))  # what is asked once per process
    with django_assert_max_num_queries(14) as asked:
        place.browser.get(place.url(page))
    fill(60)
    with django_assert_num_queries(len(asked.captured_queries)):
        assert "50 of" in text_of(place.browser.get(place.url(page)))


@pytest.mark.parametrize("command", ["change", "remove"])
def test_a_question_about_many_administrators_takes_no_more_queries_than_one_about_few(
    place, command, django_assert_num_queries, django_assert_max_num_queries
):
    def ask(n):
        many = [place.member(f"person{index}-{n}", Role.ADMINISTRATOR).pk for index in range(n)]
        return lambda: place.post(command, {"id": many})

    few, many = ask(2), ask(20)
    few()  # what is asked once per process
    with django_assert_max_num_queries(15) as asked:
        few()
    with django_assert_num_queries(len(asked.captured_queries)):
        assert many().status_code == 200


def test_only_those_who_manage_people_see_the_section(place):
    from tests.factories import client_of

    carl = client_of(place.member("carl", Role.CONTRIBUTOR))
    exports = f"/e/{place.environment.slug}/exports/"
    assert place.url("list") in text_of(place.browser.get(exports))
    assert f'href="{place.url("list")}"' not in text_of(carl.get(exports))


# What each role may do


def test_the_matrix_says_what_the_data_says(place):
    from roles.permissions import Permission
    from roles.roles import PERMISSIONS

    answer = place.browser.get(place.url("roles"))
    found = answer.context_data["matrix"]
    may = {row.permission: {role for role, cell in zip(Role, row.cells, strict=True) if cell.may} for row in found.rows}
    assert may == {one: {role for role in Role if one in PERMISSIONS[role]} for one in Permission}
    assert all(str(one.label) in text_of(answer) and str(one.description) in text_of(answer) for one in Permission)


def test_the_matrix_says_where_sharing_limits_a_role(place):
    found = place.browser.get(place.url("roles")).context_data["matrix"]
    limits = {row.permission.value: [cell.limit for cell in row.cells] for row in found.rows}
    assert limits["edit_exports"] == ["", "on shared connections", ""]
    assert limits["edit_data"] == ["", "", ""]
