"""Roles that groups of the single sign-on carry."""

import threading

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings

from roles.models import AuditEvent, Environment, GroupMembership, GroupRole, RoleAssignment
from roles.people import groups
from roles.roles import Role
from tests.factories import make_environment, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return make_environment("contoso")


@pytest.fixture
def user():
    return make_user("ada")


def let_carry(environment, group, role):
    return GroupRole.objects.create(environment=environment, group=group, role=role)


def role_of(user, environment):
    """The role and the group it came from; None without one."""
    return RoleAssignment.objects.filter(user=user, environment=environment).values_list("role", "group").first()


def events(environment):
    return list(AuditEvent.objects.filter(environment=environment).order_by("pk").values_list("action", "changes"))


@pytest.mark.parametrize(
    ("claim", "names"),
    [
        (["a", " b "], {"a", "b"}),
        ("a", {"a"}),
        ("a b", {"a b"}),
        ("a c, b,", {"a c, b,", "a c", "b"}),
        (None, set()),
        ({"a": 1}, set()),
        (7, set()),
        (["a", {"name": "b"}, ["c"], 7, None, True, "", " ", "x" * 201, "n\0l"], {"a"}),
        (["é" * 200], {"é" * 200}),
    ],
)
def test_a_claim_of_any_shape_gives_only_names(claim, names):
    assert groups.groups_in(claim) == names


@pytest.mark.parametrize("where", ["variable", "page"])
@pytest.mark.parametrize("name", ["Domain Admins", "CN=ops,DC=contoso"])
def test_a_text_that_is_the_name_of_a_group_with_a_role_is_not_divided(settings, where, name):
    if where == "variable":
        settings.GROUP_ROLES = [(name, "*", "viewer")]
    else:
        GroupRole.objects.create(environment=make_environment(), group=name, role=Role.VIEWER)
    assert groups.groups_in(name) == {name}


def test_a_huge_claim_is_bounded_and_keeps_the_groups_that_carry_a_role(environment, user):
    let_carry(environment, "zz-last", Role.VIEWER)
    groups.join(user, groups.groups_in([f"group {n:05}" for n in range(15_000)] + ["zz-last"]))
    assert GroupMembership.objects.filter(user=user).count() == groups.GROUPS_LIMIT
    assert role_of(user, environment) == (Role.VIEWER, "zz-last")


def test_the_highest_role_of_several_groups_counts(environment, user):
    let_carry(environment, "marketing", Role.CONTRIBUTOR)
    let_carry(environment, "everybody", Role.VIEWER)
    groups.join(user, {"everybody", "marketing", "chess"})
    assert role_of(user, environment) == (Role.CONTRIBUTOR, "marketing")


def test_a_role_given_to_the_person_wins_even_when_it_is_lower(environment):
    person = make_member(environment, Role.VIEWER)
    let_carry(environment, "bosses", Role.ADMINISTRATOR)
    groups.join(person, {"bosses"})
    assert role_of(person, environment) == (Role.VIEWER, "")
    assert events(environment) == []


def test_when_the_own_role_is_taken_back_the_groups_count_again(environment):
    person = make_member(environment, Role.VIEWER)
    let_carry(environment, "bosses", Role.ADMINISTRATOR)
    groups.join(person, {"bosses"})
    RoleAssignment.objects.filter(user=person).delete()
    groups.carry(environment, person)
    assert role_of(person, environment) == (Role.ADMINISTRATOR, "bosses")


def test_a_role_goes_with_the_group(environment, user):
    let_carry(environment, "marketing", Role.CONTRIBUTOR)
    groups.join(user, {"marketing"})
    groups.join(user, set())
    assert role_of(user, environment) is None
    assert not GroupMembership.objects.filter(user=user).exists()


def test_a_group_that_begins_to_carry_a_role_gives_it_to_all_who_are_in_it(environment, user):
    other = make_user()
    groups.join(user, {"marketing"})
    groups.join(other, {"sales"})
    group_role = let_carry(environment, "marketing", Role.VIEWER)
    groups.carry_all(environment)
    assert role_of(user, environment) == (Role.VIEWER, "marketing")
    assert role_of(other, environment) is None
    group_role.delete()
    groups.carry_all(environment)
    assert role_of(user, environment) is None


def test_other_environments_are_left_alone(environment, user):
    elsewhere = make_environment()
    let_carry(environment, "marketing", Role.VIEWER)
    groups.join(user, {"marketing"})
    assert role_of(user, elsewhere) is None


@override_settings(GROUP_ROLES=[("admins", "*", "administrator"), ("marketing", "contoso", "contributor")])
def test_the_operators_mapping_counts_beside_the_permissions_page(environment, user):
    elsewhere = make_environment()
    let_carry(environment, "marketing", Role.VIEWER)
    groups.join(user, {"marketing"})
    assert role_of(user, environment) == (Role.CONTRIBUTOR, "marketing")
    assert role_of(user, elsewhere) is None
    groups.join(user, {"marketing", "admins"})
    assert role_of(user, environment) == (Role.ADMINISTRATOR, "admins")
    assert role_of(user, elsewhere) == (Role.ADMINISTRATOR, "admins")


@override_settings(GROUP_ROLES=[("admins", "*", "administrator")])
def test_a_new_environment_begins_with_the_roles_of_all(user):
    groups.join(user, {"admins"})
    make_user("founder")
    call_command("create_environment", "new", name="New", audience="consumers", administrator="founder", verbosity=0)
    assert role_of(user, Environment.objects.get(slug="new")) == (Role.ADMINISTRATOR, "admins")


def test_every_change_is_in_the_audit_log_and_no_change_is_not(environment, user):
    let_carry(environment, "marketing", Role.CONTRIBUTOR)
    let_carry(environment, "bosses", Role.ADMINISTRATOR)
    for names in ({"marketing"}, {"marketing"}, {"bosses"}, set()):
        groups.join(user, names)
    assert events(environment) == [
        ("give role by group", {"role": [None, "contributor"], "group": [None, "marketing"]}),
        ("change role by group", {"role": ["contributor", "administrator"], "group": ["marketing", "bosses"]}),
        ("remove role by group", {"role": ["administrator", None], "group": ["bosses", None]}),
    ]


def test_a_sign_in_costs_the_same_with_many_groups_and_environments(environment, user, django_assert_max_num_queries):
    for _n in range(5):
        make_environment()
    let_carry(environment, "marketing", Role.VIEWER)
    with django_assert_max_num_queries(14):
        groups.join(user, {"marketing"} | {f"group {n}" for n in range(400)})


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_and_a_change_of_the_groups_role_at_the_same_time_miss_nothing(environment, user):
    """The sign-in waits for the change, although it could not see it when it began."""

    def sign_in():
        groups.join(user, {"marketing"})
        connection.close()

    with transaction.atomic():
        let_carry(environment, "marketing", Role.VIEWER)
        groups.carry_all(environment)
        signing_in = threading.Thread(target=sign_in)
        signing_in.start()
        signing_in.join(0.3)
        assert signing_in.is_alive()
    signing_in.join(60)
    assert role_of(user, environment) == (Role.VIEWER, "marketing")
