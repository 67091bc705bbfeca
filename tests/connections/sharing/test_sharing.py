"""Choose who can use this connection."""

import json

import pytest
from django.urls import reverse

from connections.models import Connection, Sharing
from connections.sharing import sharing
from roles.models import AuditEvent, GroupRole, RoleAssignment
from roles.people import groups
from roles.roles import Role
from tests.connections.test_pages import HTMX, events, local_form, url
from tests.exports.pages import text_of
from tests.factories import make_connection, make_environment, make_export, make_member, make_user


@pytest.fixture
def connection(environment):
    return make_connection(environment, "Partner", sharing=Sharing.NOBODY)


@pytest.fixture
def ana(environment):
    return make_member(environment, Role.CONTRIBUTOR, "ana")


@pytest.fixture
def ben(environment):
    return make_member(environment, Role.CONTRIBUTOR, "ben")


def share(client, connection, value, named=(), **more):
    body = {"sharing": value, "named": [user.pk for user in named]}
    return client.post(url(connection.environment, "share", pk=connection.pk), body, **more)


def who(connection):
    """How it is shared, and with whom by name."""
    connection.refresh_from_db()
    return connection.sharing, [user.username for user in connection.shared_with.order_by("username")]


def test_contributors_are_ticked_by_name(as_ada, connection, ana, ben):
    page = text_of(as_ada.get(url(connection.environment, "share", pk=connection.pk)))
    assert page.count('name="sharing"') == 3
    assert "ana" in page
    assert "ben" in page
    assert share(as_ada, connection, "named", [ana]).status_code == 302
    assert who(connection) == ("named", ["ana"])
    page = text_of(as_ada.get(url(connection.environment, "share", pk=connection.pk)))
    assert f'id="id_named_{ana.pk}" checked' in page
    assert f'id="id_named_{ben.pk}" checked' not in page


def test_each_choice_is_audited_with_before_and_after(environment, as_ada, connection, ana, ben):
    share(as_ada, connection, "named", [ana, ben])
    share(as_ada, connection, "named", [ben])
    share(as_ada, connection, "named", [ben])
    share(as_ada, connection, "all")
    assert events(environment) == [
        ("share", {"sharing": ["nobody", "named"], "named": [[], ["ana", "ben"]]}),
        ("share", {"named": [["ana", "ben"], ["ben"]]}),
        ("share", {"sharing": ["named", "all"], "named": [["ben"], []]}),
    ]


def test_only_contributors_of_this_environment_are_named(environment, as_ada, connection):
    viewer, administrator = make_member(environment, Role.VIEWER), make_member(environment)
    foreign = make_member(make_environment(), Role.CONTRIBUTOR)
    for user in (viewer, administrator, foreign, make_user()):
        answer = share(as_ada, connection, "named", [user], headers=HTMX)
        assert answer.status_code == 422
        assert "is no longer a contributor" in text_of(answer)
    assert who(connection) == ("nobody", [])
    sharing.share(connection, Sharing.NAMED, [viewer, foreign], by=administrator)
    assert who(connection) == ("named", [])


@pytest.mark.parametrize("value", ["everybody", ""])
def test_another_choice_is_refused(as_ada, connection, value):
    assert share(as_ada, connection, value).status_code == 422
    assert who(connection) == ("nobody", [])


def test_naming_nobody_is_asked_about(as_ada, connection, ana):
    answer = share(as_ada, connection, "named", headers=HTMX)
    assert answer.status_code == 422
    assert "Tick at least one contributor" in text_of(answer)


def test_an_environment_without_contributors_says_so(as_ada, connection):
    page = text_of(as_ada.get(url(connection.environment, "share", pk=connection.pk)))
    assert "This environment has no contributors yet." in page
    assert "has no contributors yet" in text_of(share(as_ada, connection, "named", headers=HTMX))


def test_what_changes_is_said_before_and_who_lost_it_after(as_ada, connection, ana, ben):
    for name in ("A", "B", "C"):
        make_export(connection.environment, name, connection=connection)
    share(as_ada, connection, "all")
    page = text_of(as_ada.get(url(connection.environment, "share", pk=connection.pk)))
    assert "3 exports become view only for contributors at once; their scheduled runs continue." in page
    assert "For contributors not ticked, 3 exports become view only at once" in page
    answer = share(as_ada, connection, "named", [ana], headers=HTMX)
    assert answer.status_code == 204
    said = json.loads(answer.headers["HX-Trigger"])["announce"]
    assert said == "ben can now only view the 3 exports on “Partner”. Their scheduled runs continue."
    said = json.loads(share(as_ada, connection, "all", headers=HTMX).headers["HX-Trigger"])["announce"]
    assert said == "Sharing of “Partner” saved."


def test_the_edit_pane_names_contributors_too(environment, as_ada, ana):
    as_ada.post(url(environment, "set_up", type_="local"), local_form(sharing="named", named=[ana.pk]))
    connection = Connection.objects.get()
    assert who(connection) == ("named", ["ana"])
    assert events(environment)[0][1]["named"] == [[], ["ana"]]
    edit = url(environment, "edit", pk=connection.pk)
    assert as_ada.post(edit, local_form(name="New", sharing="named", named=[ana.pk])).status_code == 302
    assert events(environment)[-1] == ("change", {"name": ["Call list", "New"]})
    as_ada.post(edit, local_form(name="New", sharing="nobody", named=[ana.pk]))
    assert who(connection) == ("nobody", []), "ticks count only where names decide"


def test_sharing_keeps_the_result_of_the_last_test(as_ada, connection, ana):
    Connection.objects.update(is_check_ok=True)
    share(as_ada, connection, "named", [ana])
    connection.refresh_from_db()
    assert connection.is_check_ok is True


@pytest.mark.parametrize("how", ["remove", "demote", "promote", "delete user"])
def test_who_is_no_contributor_any_more_is_no_longer_named(environment, connection, ana, ben, how):
    sharing.share(connection, Sharing.NAMED, [ana, ben], by=ben)
    role = RoleAssignment.objects.get(user=ana)
    if how == "remove":
        role.delete()
    elif how == "delete user":
        ana.delete()
    else:
        role.role = Role.VIEWER if how == "demote" else Role.ADMINISTRATOR
        role.save()
    assert who(connection) == ("named", ["ben"])
    if how != "delete user":
        last = AuditEvent.objects.order_by("-pk").first()
        assert (last.action, last.changes, last.actor) == ("share", {"named": [["ana", "ben"], ["ben"]]}, None)


def test_who_loses_the_role_with_a_group_is_no_longer_named(environment, connection, ben):
    eve = make_user("eve")
    carried = GroupRole.objects.create(environment=environment, group="Crm", role=Role.CONTRIBUTOR)
    groups.join(eve, {"Crm"})
    sharing.share(connection, Sharing.NAMED, [eve, ben], by=ben)
    assert who(connection) == ("named", ["ben", "eve"])
    groups.join(eve, {"Crm"})
    assert who(connection) == ("named", ["ben", "eve"]), "another log-in changes nothing"
    carried.role = Role.VIEWER
    carried.save()
    groups.carry_all(environment, by=ben)
    assert who(connection) == ("named", ["ben"])


def test_an_environment_with_named_contributors_can_be_deleted(environment, connection, ana):
    sharing.share(connection, Sharing.NAMED, [ana], by=ana)
    environment.delete()
    assert not Connection.objects.exists()


def test_the_list_says_who_in_a_few_words(environment, as_ada, connection):
    names = ("Ana", "Ben", "Cleo", "Dan", "Eve")
    people = [make_user(first_name=name) for name in names]
    for user in people:
        RoleAssignment.objects.create(environment=environment, user=user, role=Role.CONTRIBUTOR)
    said = {5: "Ana, Ben and 3 more", 3: "Ana, Ben and Cleo", 2: "Ana and Ben", 1: "Ana"}
    for count, words in said.items():
        sharing.share(connection, Sharing.NAMED, people[:count], by=people[0])
        assert f">{words}<" in text_of(as_ada.get(url(environment, "list")))
    RoleAssignment.objects.get(user=people[0]).delete()
    assert "None named" in text_of(as_ada.get(url(environment, "list")))


def test_names_of_people_reach_administrators_alone(environment, as_carl, as_vera, connection, ana):
    sharing.share(connection, Sharing.NAMED, [ana], by=ana)
    for client in (as_carl, as_vera):
        for headers in ({}, {"HX-Request": "true", "HX-Target": "list"}):
            page = client.get(url(environment, "list"), {"sort": "-sharing", "q": "Partner"}, headers=headers)
            assert "Partner" in text_of(page)
            for hidden in ("ana", "Named", f"/{connection.pk}/", f'"{connection.pk}"'):
                assert hidden not in text_of(page).replace("Canada", "")


def test_300_contributors_can_be_searched(environment, as_ada, connection):
    for number in range(300):
        make_member(environment, Role.CONTRIBUTOR, f"person{number:03}")
    page = text_of(as_ada.get(url(environment, "share", pk=connection.pk)))
    assert page.count('name="named"') == 300
    assert "data-pick-filter" in page


def test_whoever_is_named_may_add_exports(environment, connection, ana):
    from tests.factories import client_of

    add = reverse("exports:add", kwargs={"environment": environment.slug})
    assert client_of(ana).get(add).status_code == 403
    sharing.share(connection, Sharing.NAMED, [ana], by=ana)
    assert client_of(ana).get(add).status_code == 200
