"""Every address by person and method, as pages and as fragments, against the one table in access_table.py."""

from contextlib import contextmanager

import pytest
from django.contrib import admin
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver, path, reverse

from config.urls import urlpatterns as real_urlpatterns
from connections.models import Connection, Sharing
from exports.models import Export, ExportSegment, Run
from roles.models import AuditEvent, Environment, RoleAssignment, User
from roles.roles import Role
from segments.models import Segment, Table
from tests.roles.access_table import (
    FRAGMENTS,
    OUTSIDE,
    PERSONS,
    TABLE,
    expected,
    is_as_expected,
    walk,
    word_of,
)

urlpatterns = [path("forgotten", lambda request: HttpResponse("what nobody guards")), *real_urlpatterns]
RARE = ("HEAD", "OPTIONS", "PATCH")
HTMX = {"HX-Request": "true", "HX-Target": "panel"}
ROLES = ("viewer", "contributor", "administrator")
ENDINGS = (
    ":row",
    ":progress",
    ":run_progress",
    ":file",
    ":edit",
    ":cancel",
    ":table",
    ":refresh",
    ":test",
    ":renew",
    ":withdraw",
    ":edit_group",
    ":remove_group",
    "segments:remove",
    "connections:remove",
    "alerts:switch",
    "alerts:remove",
)
OF_AN_OBJECT = [name for name in TABLE if name.endswith((*ENDINGS, "segments:remove", "connections:remove"))]
WITHIN = [name for name in TABLE if name not in OUTSIDE]
CHANGES = [name for name in WITHIN if "done" in TABLE[name].get("POST", "")]
KEPT = (Export, ExportSegment, Run, Segment, Table, Connection, RoleAssignment, Environment, AuditEvent)


@contextmanager
def undone():
    """Roll back whatever a request changed."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ask(world, person, name, method, headers=None, url=None, body=None):
    """Send one request as `person`, undo it, and return the answer."""
    with undone():
        if person == "unshared":
            world.unshare()
        if name == "segments:remove":
            ExportSegment.objects.all().delete()
        client = world.client(person)
        data = world.body(name) if body is None else body
        if method in ("GET", "HEAD"):
            data = {"id": data["id"]} if "id" in data else None  # what a panel asks about
        answer = getattr(client, method.lower())(url or world.mine.url(name), data, headers=headers or {})
        if answer.streaming:
            list(answer.streaming_content)  # gives the person's place for downloads back
        return answer


def everything():
    """Return all that requests could change."""
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in KEPT}


# The table is the URLconf


def test_every_address_is_in_the_table_and_nothing_else():
    assert {name for name, _view in walk(get_resolver().url_patterns)} == set(TABLE)


def test_every_view_states_its_access_policy():
    silent = {name for name, view in walk(get_resolver().url_patterns) if getattr(view, "access_policy", None) is None}
    assert silent == set()


def test_only_the_front_door_is_outside_of_an_environment():
    outside = {name for name, view in walk(get_resolver().url_patterns) if isinstance(view.access_policy, str)}
    assert outside == OUTSIDE


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("person", ["anonymous", "administrator"])
def test_a_view_without_policy_is_not_called(world, person):
    answer = world.client(person).get("/forgotten")
    assert answer.status_code == 403
    assert "what nobody guards" not in answer.content.decode()


# The table holds


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(FRAGMENTS[0], id="page"),
        pytest.param(FRAGMENTS[1], id="panel"),
        pytest.param(FRAGMENTS[2], id="list", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", TABLE)
def test_everybody_gets_the_answer_of_the_table(world, name, method, headers):
    wanted = expected(name, method)
    found = {person: word_of(ask(world, person, name, method, headers)) for person in PERSONS}
    wrong = {
        person: (found[person], "instead of", wanted[person])
        for person in PERSONS
        if not is_as_expected(found[person], wanted[person], headers)
    }
    assert wrong == {}


@pytest.mark.parametrize("name", WITHIN)
def test_a_visitor_in_a_fragment_is_sent_to_the_log_in_as_a_whole_page(world, name):
    here = f"http://testserver{world.mine.url('exports:list')}?q=x"
    for method in ("GET", "POST"):
        answer = ask(world, "anonymous", name, method, HTMX | {"HX-Current-URL": here})
        assert answer.headers["HX-Redirect"].startswith("/login/?next=/e/")
        assert answer.content == b""


@pytest.mark.parametrize("name", OF_AN_OBJECT)
@pytest.mark.parametrize("role", ROLES)
def test_an_object_of_another_environment_is_not_found(world, name, role):
    """The object's id is real, the environment is mine; or nobody has that id."""
    foreign = world.foreign.kwargs(name)["pk"]
    for method in ("GET", "POST"):
        word = expected(name, method)[role]
        for pk in (foreign, 10**9, 10**18):
            answer = ask(world, role, name, method, url=world.mine.url(name, pk=pk), body=world.body(name))
            assert str(answer.status_code) == (word if word in {"403", "405"} else "404"), (method, pk)


@pytest.mark.parametrize("name", ["exports:run", "exports:detach", "exports:remove"])
@pytest.mark.parametrize("role", ["contributor", "administrator"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_ids_in_the_body_that_are_not_mine_are_not_found_and_nothing_is_done(world, name, role, headers):
    mine, foreign = world.mine.export.pk, world.foreign.export.pk
    before = everything()
    for ids in ([foreign], [mine, foreign], [mine, 10**9], [10**18], [mine, "x"], [f" {mine}"], ["-1"], ["٣"]):
        answer = world.client(role).post(world.mine.url(name), {"id": ids, "confirmed": "1"}, headers=headers)
        assert answer.status_code == 404, ids
    assert everything() == before


@pytest.mark.parametrize("role", ["contributor", "administrator"])
@pytest.mark.parametrize("name", ["exports:add", "exports:edit"])
@pytest.mark.parametrize("what", ["connection", "segments"])
def test_an_export_cannot_be_built_on_what_belongs_to_others(world, role, name, what):
    forged = {"connection": world.foreign.connection.pk, "segments": [world.foreign.segment.pk]}[what]
    before = everything()
    answer = world.client(role).post(world.mine.url(name), world.body(name) | {what: forged})
    assert answer.status_code == 422
    assert everything() == before


def test_a_contributor_cannot_move_an_export_to_a_connection_that_is_not_shared(world):
    Connection.objects.filter(pk=world.mine.spare_connection.pk).update(sharing=Sharing.NOBODY)
    before = everything()
    for name in ("exports:add", "exports:edit"):
        body = world.body(name) | {"connection": world.mine.spare_connection.pk}
        assert world.client("contributor").post(world.mine.url(name), body).status_code == 422
    assert everything() == before


def test_a_segment_cannot_be_built_on_a_table_of_others(world):
    before = everything()
    answer = world.client("contributor").post(
        world.mine.url("segments:add"), world.body("segments:add") | {"table": world.foreign.table.pk}
    )
    assert answer.status_code == 422
    assert everything() == before


# Methods


@pytest.mark.parametrize(
    "method", ["GET", "PUT", "DELETE", *(pytest.param(one, marks=pytest.mark.long) for one in RARE)]
)
@pytest.mark.parametrize("name", WITHIN)
def test_only_post_changes_anything(world, name, method):
    client, before = world.client("administrator"), everything()
    body = world.body(name) if method in ("GET", "HEAD") else ""
    answer = getattr(client, method.lower())(world.mine.url(name), body, headers=HTMX)
    assert answer.status_code in (200, 302, 405)
    if method in {"PUT", "PATCH", "DELETE"}:
        assert answer.status_code == 405
    assert everything() == before


@pytest.mark.parametrize("name", CHANGES)
def test_a_form_of_another_site_changes_nothing(world, name):
    client, before = Client(enforce_csrf_checks=True), everything()
    client.force_login(world.users["administrator"])
    assert client.post(world.mine.url(name), world.body(name)).status_code == 403
    assert client.post(world.mine.url(name), world.body(name), headers=HTMX).status_code == 403
    assert everything() == before


# Rights follow the row, at each request


def test_an_export_on_an_unshared_connection_is_shown_read_only(world):
    world.unshare()
    client, url = world.client("contributor"), world.mine.url("exports:edit")
    text = client.get(url).content.decode().partition("<main")[2].partition("</main>")[0]
    assert "View export" in text
    assert ">Save" not in text
    assert "Close" in text
    before = everything()
    assert client.post(url, world.body("exports:edit")).status_code == 403
    assert client.post(url, world.body("exports:edit") | {"draft": "1"}).status_code == 403
    assert everything() == before


@pytest.mark.parametrize("name", ["exports:edit", "exports:run", "exports:cancel", "exports:remove"])
def test_what_a_contributor_loses_is_view_only_at_the_next_request(world, name):
    client, url, body = world.client("contributor"), world.mine.url(name), world.body(name)
    with undone():
        assert client.post(url, body).status_code == 302
    world.unshare()
    assert client.post(url, body).status_code == 403


@pytest.mark.parametrize("name", ["exports:edit", "exports:run", "segments:edit", "segments:refresh"])
def test_a_role_is_read_at_each_request(world, name):
    client, url, body = world.client("administrator"), world.mine.url(name), world.body(name)
    role = RoleAssignment.objects.filter(user=world.users["administrator"])
    with undone():
        assert client.post(url, body).status_code == 302
    role.update(role=Role.VIEWER)
    assert client.post(url, body).status_code == 403
    assert client.get(world.mine.url("connections:add")).status_code == 403
    role.delete()
    assert client.post(url, body).status_code == 404
    assert client.get(world.mine.url("exports:list")).status_code == 404


def test_a_user_who_is_switched_off_is_out(world):
    client = world.client("administrator")
    User.objects.filter(pk=world.users["administrator"].pk).update(is_active=False)
    assert word_of(client.get(world.mine.url("exports:list"))) == "log in"


def test_a_superuser_without_a_role_has_no_way_in_here(world):
    support = User.objects.create_superuser("support", password="support")
    client = Client()
    client.force_login(support)
    assert client.get(world.mine.url("exports:list")).status_code == 404


def test_a_detached_export_can_be_viewed_only(world):
    Export.objects.filter(pk=world.mine.export.pk).update(connection=None)
    client = world.client("contributor")
    assert client.get(world.mine.url("exports:edit")).status_code == 200
    for name in ("exports:edit", "exports:run", "exports:cancel", "exports:remove"):
        assert client.post(world.mine.url(name), world.body(name)).status_code == 403


@pytest.mark.parametrize("person", ["anonymous", "viewer", "contributor", "administrator"])
def test_django_admin_is_for_staff(world, person):
    registered = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in admin.site._registry
    ]
    client = world.client(person)
    for url in [reverse("admin:index"), *registered]:
        answer = client.get(url)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/admin/login/")
        door = client.get(answer.headers["Location"])
        if person == "anonymous":
            assert door.headers["Location"].startswith("/login/?next=")
        else:
            assert door.status_code == 403
