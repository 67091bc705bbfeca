"""Somebody with a browser at the front door."""

import re
import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from roles.models import AuditEvent, User
from tests.factories import make_environment, make_member

PASSWORD = "a nice ship 44"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0 Safari/537.36 Edg/139.0"


def make_grace() -> User:
    """Return somebody who administers an environment."""
    grace = make_member(make_environment("contoso"), username="grace")
    grace.email = "grace@example.com"
    grace.set_password(PASSWORD)
    grace.save()
    return grace


def browser(user_agent: str = FIREFOX, **headers) -> Client:
    return Client(headers={"User-Agent": user_agent, **headers})


def log_in(client: Client, login: str = "grace", password: str = PASSWORD, next: str = "", **extra):
    return client.post("/login/", {"login": login, "password": password, "next": next}, **extra)


def signed_in(user_agent: str = FIREFOX) -> Client:
    client = browser(user_agent)
    assert log_in(client).status_code == 302
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def confirm(client: Client, password: str = PASSWORD) -> None:
    """Say the password again, as is asked before what matters."""
    assert client.post("/account/confirm/", {"password": password, "next": "/account/"}).status_code == 302


def code(secret: str, periods: int = 0) -> str:
    """Return the code of now, or of some periods later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + periods))


def turn_on(client: Client, on_commit) -> tuple[str, list[str]]:
    """Turn the second factor on; return its secret and the recovery codes."""
    confirm(client)
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', client.get("/account/factor/").content.decode())[1]
    with on_commit(execute=True):
        assert client.post("/account/factor/", {"code": code(secret)}).headers["Location"] == "/account/factor/codes/"
    return secret, re.findall(r"<code>(\d{8})</code>", client.get("/account/factor/codes/").content.decode())


def work() -> None:
    """Do what is queued for the chores cluster, as its worker does."""
    for queued in OrmQ.objects.filter(key="chores"):
        task = queued.task
        import_string(task["func"])(*task["args"], **task["kwargs"])
        queued.delete()


def recorded() -> list[str]:
    return [event.action for event in AuditEvent.objects.order_by("pk")]
