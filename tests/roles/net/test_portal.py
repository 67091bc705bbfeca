"""Links that leave the portal lead to WAYBILL_URL, whatever a request says of where it was sent."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.test import Client
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from config.portal_url import portal_url
from roles.sign_in.reset import send_links
from tests.factories import make_user
from tests.roles.people.place import make_place, text_of
from tests.roles.sign_in.single_sign_on import leave, set_up
from tests.servers.oidc_faulty import running_faulty_provider

PORTAL = "https://waybill.example.com:8443/portal"
FORGED = [
    {"HTTP_HOST": "localhost:9999"},
    {"HTTP_HOST": "testserver:81"},
    {"HTTP_HOST": "other.example"},
    {"HTTP_HOST": "localhost", "HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_X_FORWARDED_PORT": "81"},
    {"HTTP_HOST": "localhost", "HTTP_X_FORWARDED_PROTO": "https", "HTTP_FORWARDED": "host=evil.example;proto=https"},
    {"SERVER_NAME": "other.example", "SERVER_PORT": "81"},
]
forged = pytest.mark.parametrize("forgery", FORGED, ids=str)


@pytest.fixture(autouse=True)
def configured(settings):
    settings.PORTAL_URL = PORTAL
    settings.MAIL_IS_SET_UP = True
    settings.ALLOWED_HOSTS = ["localhost", "testserver", "other.example"]


def addresses_in(text: str) -> list[str]:
    return re.findall(r"https?://[^\s\"<]+", text)


@forged
def test_a_link_for_a_new_password_leads_to_the_portal(db, forgery):
    grace = make_user("grace", email="grace@example.com")
    assert Client(**forgery).post("/password/reset/", {"email": grace.email}).status_code == 302
    task = SignedPackage.loads(OrmQ.objects.get().payload)
    assert task["func"] == "roles.sign_in.reset.send_links"
    assert send_links(*task["args"]) == 1
    (address,) = addresses_in(mail.outbox[0].body)
    assert address.startswith(f"{PORTAL}/password/reset/")


@forged
@pytest.mark.parametrize("renews", [False, True], ids=["made", "renewed"])
def test_an_invitation_leads_to_the_portal_on_the_page_and_in_the_mail(db, forgery, renews):
    place = make_place()
    place.browser.defaults |= forgery
    answer = place.post("add", {"person": "bea@example.com", "role": "viewer", "then": "invite"})
    if renews:
        mail.outbox.clear()
        answer = place.post("renew", pk=place.environment.invitations.get().pk)
    (address,) = addresses_in(mail.outbox[0].body)
    assert address.startswith(f"{PORTAL}/invitations/")
    assert address in text_of(answer)


@forged
def test_single_sign_on_comes_back_to_the_portal(db, monkeypatch, forgery):
    with running_faulty_provider() as provider:
        set_up(monkeypatch, provider.issuer)
        asked = parse_qs(urlsplit(leave(Client(**forgery))).query)
    assert asked["redirect_uri"] == [f"{PORTAL}/login/sso/callback/"]


@pytest.mark.parametrize(
    ("given", "origins", "hosts", "expected"),
    [
        (PORTAL + "/", ["https://a.example"], ["b.example"], PORTAL),
        ("", ["https://*.example.com", "https://a.example:8443"], ["b.example"], "https://a.example:8443"),
        ("", ["https://*.example.com"], ["*", ".b.example"], "https://b.example"),
        ("", [], ["*"], "https://localhost"),
    ],
)
def test_without_an_address_the_configuration_says_where_links_lead(given, origins, hosts, expected):
    assert portal_url(given, origins, hosts, https=True) == expected
