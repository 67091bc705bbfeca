"""Every address of connections, by role and method."""

import pytest
from django.urls import reverse

from connections.models import Connection
from tests.factories import make_connection, make_environment

ALL = [
    ("list", {}),
    ("help", {"type_": "sftp"}),
    ("discover", {}),
    ("add", {}),
    ("set_up", {"type_": "local"}),
    ("edit", "pk"),
    ("share", "pk"),
    ("remove", "pk"),
    ("test", "pk"),
]
OPEN = {"list", "help", "discover"}
HEADERS = [{}, {"HX-Request": "true", "HX-Target": "panel"}, {"HX-Request": "true", "HX-Target": "list"}]


def address(environment, name, kwargs, pk) -> str:
    kwargs = {"pk": pk} if kwargs == "pk" else kwargs
    return reverse(f"connections:{name}", kwargs={"environment": environment.slug, **kwargs})


@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize("browser", ["as_carl", "as_vera"])
@pytest.mark.parametrize("name, kwargs", ALL)
def test_only_the_list_its_types_and_help_are_for_those_who_are_not_administrators(
    environment, browser, name, kwargs, headers, request
):
    connection = make_connection(environment)
    where, client = address(environment, name, kwargs, connection.pk), request.getfixturevalue(browser)
    assert client.get(where, headers=headers).status_code == (200 if name in OPEN else 403)
    assert client.post(where, headers=headers).status_code == (405 if name in OPEN else 403)
    connection.refresh_from_db()
    assert connection.checked_at is None


@pytest.mark.parametrize("name, kwargs", ALL)
def test_administrators_read_every_address(environment, as_ada, name, kwargs):
    connection = make_connection(environment)
    assert as_ada.get(address(environment, name, kwargs, connection.pk)).status_code == 200


@pytest.mark.parametrize("name, kwargs", ALL)
def test_another_environment_is_not_found(environment, as_ada, name, kwargs):
    elsewhere = make_environment()
    foreign = make_connection(elsewhere)
    for method in (as_ada.get, as_ada.post):
        assert method(address(elsewhere, name, kwargs, foreign.pk)).status_code == 404
        if kwargs == "pk":
            assert method(address(environment, name, kwargs, foreign.pk)).status_code == 404
            assert method(address(environment, name, kwargs, 10**9)).status_code == 404
    assert Connection.objects.filter(pk=foreign.pk).exists()


@pytest.mark.parametrize("name, kwargs", ALL)
def test_visitors_are_sent_to_the_log_in(environment, client, name, kwargs):
    connection = make_connection(environment)
    for method in (client.get, client.post):
        answer = method(address(environment, name, kwargs, connection.pk))
        assert answer.status_code == 302
        assert "/login/" in answer.headers["Location"]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(environment, as_ada, method):
    connection = make_connection(environment)
    for name, kwargs in ALL:
        assert getattr(as_ada, method)(address(environment, name, kwargs, connection.pk)).status_code == 405
