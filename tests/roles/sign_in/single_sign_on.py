"""What the tests of single sign-on share: the portal's side of the dance."""

import html
import re

from django.conf import settings
from django.test import Client

from config.single_sign_on import providers
from tests.servers.oidc_faulty import CLIENT_ID, CLIENT_SECRET

CALLBACK = "/login/sso/callback/"


def set_up(monkeypatch, issuer, *, link_email=False, **variables):
    """Configure the provider as an operator does."""
    values = {"ISSUER": issuer, "CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, "NAME": "Contoso"}
    for name, value in (values | variables).items():
        monkeypatch.setenv(f"WAYBILL_OIDC_{name}", value)
    monkeypatch.setattr(settings, "SOCIALACCOUNT_PROVIDERS", providers(https=False, link_email=link_email))


def leave(client, next_url=""):
    """Press the button; return the provider's address to which the page leads."""
    page = client.post("/login/sso/", {"next": next_url})
    assert page.status_code == 200, page.content.decode()
    found = re.search(r'<a [^>]*href="([^"]+)" id="leave"', page.content.decode())
    assert f'content="0; url={found[1]}"' in page.content.decode()
    return html.unescape(found[1])


def come_back(client: Client, address: str):
    """Follow the provider's redirect."""
    assert address.startswith(f"http://localhost{CALLBACK}"), address
    return client.get(address.removeprefix("http://localhost"))


def is_signed_in(client):
    return "_auth_user_id" in client.session
