"""Support sees an environment as a role would: read-only, without customers' data, and nobody else pays for it."""

import json
import re
import time

import pytest
from django.test import Client
from django.urls import reverse

from exports.models import Export
from roles.access.policy import access_of
from roles.access.seeing import KEY, NO_DATA
from roles.models import AuditEvent, RoleAssignment, User
from roles.roles import Role
from tests.factories import client_of
from tests.roles.access_table import FRAGMENTS, OUTSIDE, TABLE, expected
from tests.roles.desk.staff import make_staff
from tests.roles.test_access_table import everything
from tests.roles.world import SECRET

HTMX = {"HX-Request": "true", "HX-Target": "panel"}
WITHIN = [name for name in TABLE if name not in OUTSIDE]
OF_CUSTOMERS = ("Lovelace", "ada@", "Bartók", "bela@", "Chloé", "chloe@", "😀")
ENDS, RARE = (Role.VIEWER, Role.ADMINISTRATOR), ("put", "patch", "delete")
BANNER = "You cannot change anything, and customer data is hidden"


def see_as(client, environment, role):
    return client.post(reverse("admin:see_as", args=[environment.pk]), {"role": role})


@pytest.fixture
def sue(world):
    return make_staff()


@pytest.fixture
def support(world, sue):
    """A member of staff who sees my environment as an administrator would."""
    client = client_of(sue)
    assert see_as(client, world.mine.environment, "administrator").headers["Location"] == world.mine.url("exports:list")
    return client


@pytest.mark.parametrize("role", Role.values)
def test_every_page_is_that_of_the_role_with_a_banner(world, sue, role):
    client = client_of(sue)
    see_as(client, world.mine.environment, role)
    for name in WITHIN:
        wanted = expected(name, "GET")[role]
        answer = client.get(world.mine.url(name), world.mine.asked(name))
        if name == "exports:file":
            assert answer.status_code == 403
        elif wanted in {"200", "403", "404", "405"}:
            assert str(answer.status_code) == wanted, name
        if answer.status_code == 200 and "text/html" in answer.headers["Content-Type"] and "<html" in text_of(answer):
            assert BANNER in text_of(answer), name
            assert reverse("admin:stop_seeing") in text_of(answer), name


@pytest.mark.long
@pytest.mark.parametrize("role", [*ENDS, pytest.param(Role.CONTRIBUTOR, marks=pytest.mark.long)])
def test_no_page_shows_anything_of_customers(world, sue, role):
    client, seen = client_of(sue), ""
    see_as(client, world.mine.environment, role)
    for name in WITHIN:
        for headers in FRAGMENTS:
            seen += text_of(client.get(world.mine.url(name), world.mine.asked(name), headers=headers))
    assert [word for word in (*OF_CUSTOMERS, SECRET) if word in seen] == []


@pytest.mark.parametrize("name", ["segments:table", "exports:edit"])
def test_where_records_would_stand_the_page_says_why_they_do_not(world, support, name):
    assert str(NO_DATA) in text_of(support.get(world.mine.url(name)))


def test_a_delivered_file_is_refused_with_the_reason(world, support):
    assert str(NO_DATA) in text_of(support.get(world.mine.url("exports:file")))
    notice = json.loads(support.get(world.mine.url("exports:file"), headers=HTMX).headers["HX-Trigger"])["notice"]
    assert notice["text"] == str(NO_DATA)


@pytest.mark.parametrize("method", ["post", *(pytest.param(one, marks=pytest.mark.long) for one in RARE)])
def test_every_change_is_refused_with_the_reason(world, support, method):
    before = everything()
    for name in WITHIN:
        for headers in FRAGMENTS:
            body = world.body(name) if method == "post" else ""
            answer = getattr(support, method)(world.mine.url(name), body, headers=headers)
            assert answer.status_code == 403, name
            said = answer.headers["HX-Trigger"] if headers else text_of(answer)
            assert "You are viewing as support and cannot change anything." in said, name
    assert everything() == before


def test_another_environment_stays_closed(world, support):
    assert support.get(world.foreign.url("exports:list")).status_code == 404
    assert support.post(world.foreign.url("exports:run"), {"id": [world.foreign.export.pk]}).status_code == 404


def test_whoever_has_a_role_there_sees_as_chosen_until_they_stop(world, sue):
    RoleAssignment.objects.create(environment=world.mine.environment, user=sue, role=Role.ADMINISTRATOR)
    client = client_of(sue)
    see_as(client, world.mine.environment, "viewer")
    assert client.get(world.mine.url("connections:add")).status_code == 403
    assert client.post(world.mine.url("exports:run"), world.mine.body("exports:run")).status_code == 403
    client.post(reverse("admin:stop_seeing"))
    assert client.get(world.mine.url("connections:add")).status_code == 200
    assert client.post(world.mine.url("exports:run"), world.mine.body("exports:run")).status_code == 302


# It ends


def test_stop_ends_it_and_leads_back_to_the_desk(world, support):
    answer = support.post(reverse("admin:stop_seeing"))
    assert answer.headers["Location"] == reverse("admin:roles_environment_change", args=[world.mine.environment.pk])
    assert support.get(world.mine.url("exports:list")).status_code == 404
    assert support.post(reverse("admin:stop_seeing")).headers["Location"] == reverse("admin:index")


def test_it_grants_nothing_once_the_person_is_no_longer_staff(world, support, sue):
    User.objects.filter(pk=sue.pk).update(is_staff=False)
    assert support.get(world.mine.url("exports:list")).status_code == 404


def test_it_ends_after_an_hour(world, support):
    session = support.session
    assert time.time() + 3590 < session[KEY]["until"] <= time.time() + 3600
    session[KEY] |= {"until": time.time() - 1}
    session.save()
    assert support.get(world.mine.url("exports:list")).status_code == 404


def test_it_ends_with_the_session(world, support, sue):
    support.logout()
    support.force_login(sue)
    assert support.get(world.mine.url("exports:list")).status_code == 404


# Who may, and what is noted


@pytest.mark.parametrize("person", ["viewer", "contributor", "administrator", "outsider", "anonymous"])
def test_only_staff_may(world, person):
    client = world.client(person)
    answer = see_as(client, world.mine.environment, "administrator")
    assert answer.headers["Location"].startswith("/admin/login/")
    assert KEY not in client.session
    if person == "outsider":
        assert client.get(world.mine.url("exports:list")).status_code == 404


def test_what_a_session_of_somebody_else_holds_grants_nothing(world):
    client = world.client("outsider")
    session = client.session
    session[KEY] = {"environment": world.mine.environment.slug, "role": "administrator", "until": time.time() + 99}
    session.save()
    assert client.get(world.mine.url("exports:list")).status_code == 404


def test_a_form_of_another_site_and_an_unknown_role_start_nothing(world, sue):
    url = reverse("admin:see_as", args=[world.mine.environment.pk])
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(sue)
    assert strict.post(url, {"role": "viewer"}).status_code == 403
    client = client_of(sue)
    assert client.post(url, {"role": "owner"}).status_code == 404
    assert client.get(url).status_code == 405
    assert KEY not in client.session


def test_start_and_end_are_in_the_audit_log_however_it_ends(world, support):
    see_as(support, world.mine.environment, "viewer")
    support.post(reverse("admin:stop_seeing"))
    see_as(support, world.mine.environment, "contributor")
    support.post(reverse("account_logout"))
    events = AuditEvent.objects.filter(object_type="environment").order_by("pk")
    assert [(one.action, one.changes["role"], one.actor_name) for one in events] == [
        ("see as", "administrator", "sue"),
        ("stop seeing as", "administrator", "sue"),
        ("see as", "viewer", "sue"),
        ("stop seeing as", "viewer", "sue"),
        ("see as", "contributor", "sue"),
        ("stop seeing as", "contributor", "sue"),
    ]
    assert {one.environment for one in events} == {world.mine.environment}


def test_the_desk_offers_every_role_on_the_page_of_an_environment(world, support):
    text = text_of(support.get(reverse("admin:roles_environment_change", args=[world.mine.environment.pk])))
    assert re.findall(r'name="role" value="(\w+)"', text) == Role.values


def test_everybody_else_is_looked_up_in_one_query_as_before(world, django_assert_num_queries):
    with django_assert_num_queries(1):
        access = access_of(world.users["viewer"], world.mine.environment.slug)
    assert not access.is_support
    assert BANNER not in text_of(world.client("viewer").get(world.mine.url("exports:list")))
    assert Export.objects.exists()


def text_of(answer) -> str:
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()
