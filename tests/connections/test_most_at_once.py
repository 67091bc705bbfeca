"""How many exports go through one connection at once: an administrator may say so."""

import pytest
from django.urls import reverse

from exports.runs.budget import budget_of
from roles.models import AuditEvent
from roles.roles import Role
from tests.factories import client_of, make_connection, make_environment, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection():
    return make_connection(make_environment(), "Partner")


def save(connection, most: str):
    ada = client_of(make_member(connection.environment, Role.ADMINISTRATOR))
    url = reverse("connections:edit", kwargs={"environment": connection.environment.slug, "pk": connection.pk})
    body = {"name": "Partner", "sharing": "all", "agree": "on", "settings-folder": connection.settings["folder"]}
    return ada.post(url, body | {"most_at_once": most})


def test_an_administrator_sets_it_and_the_audit_log_keeps_it(connection):
    assert save(connection, "5").status_code == 302
    connection.refresh_from_db()
    assert connection.most_at_once == 5
    assert budget_of(connection.type, connection.most_at_once).at_once == 5
    assert AuditEvent.objects.get(action="change").changes["most_at_once"] == [None, 5]


def test_left_empty_it_is_what_the_type_takes(connection):
    save(connection, "5")
    assert save(connection, "").status_code == 302
    connection.refresh_from_db()
    assert connection.most_at_once is None
    assert budget_of(connection.type, connection.most_at_once).at_once == 2


@pytest.mark.parametrize("wrong", ["0", "-1", "101", "many"])
def test_a_number_that_makes_no_sense_is_refused(connection, wrong):
    assert save(connection, wrong).status_code == 422
    connection.refresh_from_db()
    assert connection.most_at_once is None
