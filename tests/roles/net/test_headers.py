"""Every answer carries the headers that keep browsers from doing what Waybill does not want."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from roles.models import User
from roles.net.headers import HEADERS
from tests.factories import client_of
from tests.roles.access_table import FRAGMENTS, TABLE

POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
    "connect-src 'self'", "manifest-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
}  # fmt: skip
ALWAYS = HEADERS | {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def lacking(answer) -> set[str]:
    """Return what an answer lacks."""
    found = {part.strip() for part in answer.headers.get("Content-Security-Policy", "").split(";")}
    others = {f"{name}: {value}" for name, value in ALWAYS.items() if answer.headers.get(name) != value}
    return (POLICY ^ found) | others


LONG = [pytest.param(person, marks=pytest.mark.long) for person in ("viewer", "outsider")]


@pytest.mark.long
@pytest.mark.parametrize("person", ["anonymous", "administrator", *LONG])
def test_every_address_answers_with_them(world, person):
    client = world.client(person)
    for name in TABLE:
        for headers in FRAGMENTS:
            assert lacking(client.get(world.mine.url(name), headers=headers)) == set(), name
            assert lacking(client.head(world.mine.url(name), headers=headers)) == set(), name


def test_refusals_answer_with_them(world):
    carl = world.client("contributor")
    refusals = {
        400: carl.get("/login/", headers={"Host": "evil.example"}),
        403: carl.get(world.mine.url("connections:add")),
        404: carl.get("/nothing/here"),
        405: carl.post(world.mine.url("exports:list")),
        413: carl.post(world.mine.url("segments:add"), {"a": "x" * 2_600_000}),
    }
    assert {status: answer.status_code for status, answer in refusals.items()} == {one: one for one in refusals}
    for status, answer in refusals.items():
        assert lacking(answer) == set(), status


def test_a_fault_of_ours_answers_with_them(world, monkeypatch):
    monkeypatch.setattr("roles.frame.context.light_of", None)
    client = Client(raise_request_exception=False)
    client.force_login(world.users["viewer"])
    answer = client.get(world.mine.url("exports:list"))
    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()
    assert lacking(answer) == set()


@pytest.fixture
def with_static_files(monkeypatch, tmp_path):
    """Let WhiteNoise serve a folder with one file, as it does after `collectstatic`."""
    (tmp_path / "app.css").write_text("body {}")
    monkeypatch.setattr(settings, "STATIC_ROOT", Path(tmp_path))


def test_static_files_answer_with_them(with_static_files, db):
    answer = Client().get("/static/app.css")
    assert answer.status_code == 200
    assert b"".join(answer) == b"body {}"
    answer.close()
    assert lacking(answer) == set()


def test_django_admin_answers_with_them(world):
    client = client_of(User.objects.create_superuser("support", password="support"))
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert lacking(client.get(url)) == set(), url


@pytest.mark.parametrize("is_behind_tls", [True, False])
def test_browsers_are_told_to_stay_with_https_where_there_is_https(db, settings, is_behind_tls):
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True
    answer = Client().get("/login/", secure=is_behind_tls)
    assert ("Strict-Transport-Security" in answer.headers) == is_behind_tls
