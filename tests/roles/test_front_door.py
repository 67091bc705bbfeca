"""What people meet at the door and on a wrong turn."""

import pytest

from roles.roles import Role
from tests.factories import client_of, make_environment, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def viewer(environment):
    return client_of(make_member(environment, Role.VIEWER))


def test_a_wrong_password_is_answered_in_one_sentence(client):
    page = client.post("/login/", {"login": "nobody", "password": "wrong"})
    assert "Wrong user name or password." in page.content.decode()
    assert ">User name" in page.content.decode()


@pytest.mark.parametrize("path", ["nowhere/", "exports/999999/edit"])
def test_not_found_keeps_the_frame_of_the_environment(viewer, environment, path):
    page = viewer.get(f"/e/{environment.slug}/{path}")
    assert page.status_code == 404
    assert 'id="navigation"' in page.content.decode()
    assert f'href="/e/{environment.slug}/exports/"' in page.content.decode()


def test_forbidden_keeps_the_frame_of_the_environment(viewer, environment):
    page = viewer.get(f"/e/{environment.slug}/connections/add")
    assert page.status_code == 403
    assert 'id="navigation"' in page.content.decode()


def test_not_found_shows_nothing_of_a_foreign_environment(environment):
    stranger = client_of(make_member(make_environment()))
    page = stranger.get(f"/e/{environment.slug}/nowhere/")
    assert page.status_code == 404
    assert 'id="navigation"' not in page.content.decode()


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "utf-16"])
def test_what_is_not_in_utf_8_is_not_read(client, viewer, environment, charset):
    sent = client.post("/login/", {"login": "a", "password": "b"}, headers={"Content-Type": f"x/y; charset={charset}"})
    asked = viewer.get(
        f"/e/{environment.slug}/exports/?q=%5Cud800", headers={"Content-Type": f"text/plain; charset={charset}"}
    )
    assert (sent.status_code, asked.status_code) == (400, 400)
    assert "The request could not be read" in asked.content.decode()
