"""Roles given, changed and removed; the last administrator; oneself."""

import json
from types import SimpleNamespace

import pytest
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied

from roles.models import AuditEvent, GroupMembership, GroupRole, RoleAssignment, User
from roles.people import actions
from roles.people.errors import LastAdministratorError
from roles.people.views.common import change_of_roles
from roles.roles import Role
from tests.factories import client_of, make_environment, make_member, make_user
from tests.roles.people.place import text_of


def events():
    return [(event.action, event.object_name, event.changes) for event in AuditEvent.objects.order_by("pk")]


# Adding


@pytest.mark.parametrize("typed", ["bea", "BEA@example.com"])
def test_an_account_is_added_by_its_exact_name_or_address(place, typed):
    bea = make_user("bea", email="bea@example.com")
    assert place.post("add", {"person": typed, "role": "contributor"}).status_code == 204
    assert place.role_of(bea) == ("contributor", "")
    assert events() == [("give role", "bea", {"role": [None, "contributor"]})]


@pytest.mark.parametrize("typed", ["be", "Bea", "bea@example", "nobody"])
def test_whoever_is_not_named_exactly_is_not_found(place, typed):
    make_user("bea", email="bea@example.com")
    answer = place.post("add", {"person": typed, "role": "viewer"})
    assert answer.status_code == 422
    assert "Account not found" in text_of(answer)


def test_an_account_that_is_off_is_as_good_as_none(place):
    make_user("bea", email="bea@example.com", is_active=False)
    by_name = place.post("add", {"person": "bea", "role": "viewer"})
    by_address = place.post("add", {"person": "bea@example.com", "role": "viewer"})
    assert "Account not found" in text_of(by_name)
    assert by_address.context_data["form"].is_unknown


def test_an_address_of_several_accounts_asks_for_the_user_name(place):
    make_user("bea", email="team@example.com")
    make_user("cid", email="team@example.com")
    answer = place.post("add", {"person": "team@example.com", "role": "viewer"})
    assert "Enter the user name instead" in text_of(answer)


def test_an_address_is_the_person_whose_it_is_before_anybody_who_is_called_like_it(place):
    boss, other = make_user("boss", email="boss@example.com"), make_user("boss@example.com", email="other@example.com")
    place.post("add", {"person": "boss@example.com", "role": "administrator"})
    assert (place.role_of(boss), place.role_of(other)) == (("administrator", ""), None)


def test_who_is_here_already_is_said_to_be(place):
    assert "ada already has the role Administrator" in text_of(place.post("add", {"person": "ada", "role": "viewer"}))
    assert place.role_of(place.ada) == ("administrator", "")


def test_oneself_is_not_added_over_the_role_of_a_group(place):
    RoleAssignment.objects.filter(user=place.ada).update(group="bosses")
    answer = place.post("add", {"person": "ada", "role": "viewer"})
    assert answer.status_code == 422
    assert "ada already has the role Administrator" in text_of(answer)
    assert place.role_of(place.ada) == ("administrator", "bosses")


# Changing


def test_a_role_is_changed_with_its_event(place):
    bea = place.member("bea")
    answer = place.post("edit", {"role": "contributor"}, pk=bea.pk)
    assert json.loads(answer.headers["HX-Trigger"])["announce"] == "Role of bea changed to Contributor."
    assert place.role_of(bea) == ("contributor", "")
    event = AuditEvent.objects.get()
    assert (event.action, event.object_type, event.object_id) == ("change role", "user", str(bea.pk))
    assert event.changes == {"role": ["viewer", "contributor"]}
    assert event.actor == place.ada


def test_a_change_counts_from_the_next_request_of_a_session_that_is_open(place):
    bea = place.member("bea", Role.ADMINISTRATOR)
    browser = client_of(bea)
    assert browser.get(place.url("list")).status_code == 200
    actions.give(place.environment, bea, Role.VIEWER, by=place.ada)
    assert browser.get(place.url("list")).status_code == 403
    actions.remove(RoleAssignment.objects.get(user=bea), by=place.ada)
    assert browser.get(f"/e/{place.environment.slug}/exports/").status_code == 404


def test_several_are_changed_and_those_left_out_are_named(place):
    bea, cid = place.member("bea"), place.member("cid", Role.CONTRIBUTOR)
    body = {"id": [bea.pk, cid.pk], "role": "contributor", "confirmed": "1"}
    told = json.loads(place.post("change", body).headers["HX-Trigger"])["notice"]
    assert told["text"] == "Role of bea changed to Contributor."
    assert told["items"] == ["“cid” was left out: already has this role."]


def test_the_bar_asks_before_it_changes(place):
    bea = place.member("bea")
    answer = place.post("change", {"id": [bea.pk]})
    assert answer.status_code == 200
    assert place.role_of(bea) == ("viewer", "")


def test_a_change_without_scripts_ends_on_the_list(place):
    bea = place.member("bea")
    answer = place.post("edit", {"role": "contributor"}, pk=bea.pk, htmx=False)
    assert answer.headers["Location"] == place.url("list")


@pytest.mark.parametrize("name", ["change", "remove"])
@pytest.mark.parametrize("forged", [["0"], ["x"], ["-1"], [str(10**18)], [], ["1", "1e3"]])
def test_forged_ids_are_not_found(place, name, forged):
    assert place.post(name, {"id": forged, "role": "viewer", "confirmed": "1"}).status_code == 404


@pytest.mark.parametrize("name", ["change", "remove"])
def test_people_of_another_environment_are_not_found(place, name):
    bea, foreigner = place.member("bea"), make_member(make_environment())
    body = {"id": [bea.pk, foreigner.pk], "role": "contributor", "confirmed": "1"}
    assert place.post(name, body).status_code == 404
    assert place.post("edit", {"role": "viewer"}, pk=foreigner.pk).status_code == 404
    assert place.role_of(bea) == ("viewer", "")
    assert RoleAssignment.objects.get(user=foreigner).role == Role.ADMINISTRATOR


@pytest.mark.parametrize(
    ("name", "text"),
    [("add", "Enter a user name or an e-mail address."), ("add_group", "Enter the group&#x27;s name.")],
)
def test_what_is_missing_is_asked_for_in_words(place, name, text):
    answer = text_of(place.post(name, {}))
    assert text in answer
    assert "Choose a role." in answer


def test_an_unknown_role_is_refused(place):
    bea = place.member("bea")
    assert place.post("edit", {"role": "owner"}, pk=bea.pk).status_code == 422


def test_whoever_was_switched_off_meanwhile_changes_nothing(place):
    bea, request = place.member("bea"), SimpleNamespace(user=place.ada, environment=place.environment)
    User.objects.filter(pk=place.ada.pk).update(is_active=False)
    with pytest.raises(PermissionDenied), change_of_roles(request):
        actions.give(place.environment, bea, Role.CONTRIBUTOR, by=place.ada)
    assert place.role_of(bea) == ("viewer", "")


# Removing


def test_oneself_asks_no_question_where_one_is_left_out_anyway(place):
    bea = place.member("bea")
    told = json.loads(place.post("remove", {"id": [place.ada.pk, bea.pk], "confirmed": "1"}).headers["HX-Trigger"])
    assert told["notice"]["text"] == "bea removed."
    assert "last administrator" in told["notice"]["items"][0]


def test_removing_asks_first_and_says_what_is_lost(place):
    bea = place.member("bea", Role.CONTRIBUTOR)
    text = text_of(place.post("remove", {"id": [bea.pk]}))
    assert "Remove bea?" in text
    assert "loses the role Contributor and can no longer open Contoso" in text
    assert place.role_of(bea)


def test_several_are_removed_at_once(place):
    bea, cid = place.member("bea"), place.member("cid")
    answer = place.post("remove", {"id": [bea.pk, cid.pk], "confirmed": "1"})
    assert json.loads(answer.headers["HX-Trigger"])["announce"] == "2 people removed."
    assert not place.role_of(bea)
    assert ("remove role", "bea", {"role": ["viewer", None]}) in events()


def test_the_last_administrator_is_left_out_by_name(place):
    bea = place.member("bea")
    bob = place.member("bob", Role.ADMINISTRATOR)
    actions.give(place.environment, place.ada, Role.VIEWER, by=bob)
    body = {"id": [bea.pk, bob.pk], "confirmed": "1", "myself": "on"}
    told = json.loads(place.post("remove", body, browser=client_of(bob)).headers["HX-Trigger"])["notice"]
    assert told["items"] == ["“bob” is the last administrator. Make someone else an administrator first."]
    assert place.role_of(bob) == ("administrator", "")


# The last administrator


@pytest.mark.parametrize("role", [Role.CONTRIBUTOR, Role.VIEWER])
def test_the_last_administrator_cannot_be_demoted(place, role):
    with pytest.raises(LastAdministratorError):
        actions.give(place.environment, place.ada, role, by=place.ada)
    answer = place.post("edit", {"role": role, "myself": "on"}, pk=place.ada.pk)
    assert "is the last administrator" in answer.headers["HX-Trigger"].encode().decode("unicode_escape")
    assert place.role_of(place.ada) == ("administrator", "")
    assert events() == []


def test_the_last_administrator_cannot_be_removed(place):
    with pytest.raises(LastAdministratorError):
        actions.remove(RoleAssignment.objects.get(user=place.ada), by=None)
    assert place.role_of(place.ada) == ("administrator", "")
    assert "ada” is the last administrator" in text_of(place.post("remove", {"id": [place.ada.pk]}))


def test_an_administrator_whose_account_is_off_does_not_count(place):
    bob = place.member("bob", Role.ADMINISTRATOR)
    bob.is_active = False
    bob.save()
    with pytest.raises(LastAdministratorError):
        actions.give(place.environment, place.ada, Role.VIEWER, by=None)


# Oneself


def test_lowering_ones_own_role_asks_for_ones_word(place):
    place.member("bob", Role.ADMINISTRATOR)
    answer = place.post("edit", {"role": "viewer"}, pk=place.ada.pk)
    assert answer.status_code == 422
    assert "I am ada and change my own role" in text_of(answer)
    assert place.role_of(place.ada) == ("administrator", "")


def test_whoever_lowers_their_own_role_is_led_away(place):
    place.member("bob", Role.ADMINISTRATOR)
    answer = place.post("edit", {"role": "viewer", "myself": "on"}, pk=place.ada.pk)
    assert answer.headers["HX-Redirect"] == "/"
    assert place.role_of(place.ada) == ("viewer", "")


def test_removing_oneself_asks_for_ones_word(place):
    place.member("bob", Role.ADMINISTRATOR)
    body = {"id": [place.ada.pk], "confirmed": "1"}
    answer = place.post("remove", body)
    assert answer.status_code == 422
    assert place.role_of(place.ada)
    assert place.post("remove", body | {"myself": "on"}).headers["HX-Redirect"] == "/"
    assert not place.role_of(place.ada)


# Through a group


@pytest.fixture
def gus(place):
    """Somebody who is contributor through a group."""
    gus = make_user("gus")
    GroupMembership.objects.create(user=gus, group="Marketing")
    actions.set_group_role(place.environment, "Marketing", Role.CONTRIBUTOR, by=place.ada)
    return gus


def test_a_role_given_counts_before_the_groups(place, gus):
    assert place.role_of(gus) == ("contributor", "Marketing")
    place.post("edit", {"role": "viewer"}, pk=gus.pk)
    assert place.role_of(gus) == ("viewer", "")


def test_an_own_role_removed_leaves_that_of_the_group(place, gus):
    actions.give(place.environment, gus, Role.ADMINISTRATOR, by=place.ada)
    assert "keeps the role Contributor through the group “Marketing”" in text_of(place.post("remove", {"id": [gus.pk]}))
    place.post("remove", {"id": [gus.pk], "confirmed": "1"})
    assert place.role_of(gus) == ("contributor", "Marketing")


def test_who_is_here_through_a_group_cannot_be_removed(place, gus):
    text = "“gus” has access through the group “Marketing”"
    assert text in text_of(place.post("remove", {"id": [gus.pk]}))
    told = json.loads(place.post("remove", {"id": [gus.pk], "confirmed": "1"}).headers["HX-Trigger"])
    assert text in told["notice"]["text"]
    assert place.role_of(gus)


def test_a_group_can_be_added_changed_and_removed(place):
    gus = make_user("gus")
    GroupMembership.objects.create(user=gus, group="Staff")
    place.post("add_group", {"group": " Staff ", "role": "viewer"})
    group = GroupRole.objects.get()
    assert (group.group, place.role_of(gus)) == ("Staff", ("viewer", "Staff"))
    place.post("edit_group", {"role": "contributor"}, pk=group.pk)
    assert place.role_of(gus) == ("contributor", "Staff")
    place.post("remove_group", pk=group.pk)
    assert place.role_of(gus) is None
    assert [action for action, *_ in events() if action.endswith("group role")] == [
        "add group role",
        "change group role",
        "remove group role",
    ]


def test_a_group_is_added_once(place, gus):
    answer = place.post("add_group", {"group": "Marketing", "role": "viewer"})
    assert "already has a role" in text_of(answer)


def test_the_group_of_the_last_administrator_keeps_its_role(place, gus):
    actions.set_group_role(place.environment, "Marketing", Role.ADMINISTRATOR, by=place.ada)
    actions.give(place.environment, place.ada, Role.VIEWER, by=gus)
    group = GroupRole.objects.get()
    browser = client_of(gus)
    for name, body in (("edit_group", {"role": "viewer"}), ("remove_group", {})):
        answer = place.post(name, body | {"myself": "on"}, browser=browser, pk=group.pk)
        assert answer.status_code == 422
        assert "least one administrator must remain" in text_of(answer)
    assert place.role_of(gus) == ("administrator", "Marketing")


def test_lowering_ones_own_group_asks_for_ones_word(place, gus):
    actions.set_group_role(place.environment, "Marketing", Role.ADMINISTRATOR, by=place.ada)
    group, browser = GroupRole.objects.get(), client_of(gus)
    for name, body in (("edit_group", {"role": "viewer"}), ("remove_group", {})):
        answer = place.post(name, body, browser=browser, pk=group.pk)
        assert answer.status_code == 422
        assert "I am gus and change my own role" in text_of(answer)
    assert place.post("remove_group", {"myself": "on"}, browser=browser, pk=group.pk).headers["HX-Redirect"] == "/"


def test_what_the_operator_set_is_shown_and_not_offered_to_change(place, settings):
    settings.GROUP_ROLES = [("Everybody", "*", "viewer")]
    text = text_of(place.browser.get(place.url("groups")))
    assert "Everybody" in text
    assert "by the operator, read-only" in text
    with pytest.raises(ObjectDoesNotExist):
        GroupRole.objects.get(group="Everybody")
