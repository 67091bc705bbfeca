"""Single sign-on when the provider misbehaves: one page that says what to do, nobody let in, nothing half done."""

import time

import jwt
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount, SocialApp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from roles.models import User
from roles.net.limits import Limit
from roles.sign_in import social_requests, social_views
from tests.roles.sign_in.single_sign_on import come_back, is_signed_in, leave, set_up
from tests.servers.oidc_faulty import CLIENT_ID, CLIENT_SECRET, SUB, running_faulty_provider

pytestmark = pytest.mark.django_db
DISCOVERY = "/.well-known/openid-configuration"
FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def provider(monkeypatch):
    with running_faulty_provider() as running:
        set_up(monkeypatch, running.issuer)
        yield running


def sign_in(client, provider):
    return come_back(client, provider.approve(leave(client)))


def assert_nobody_was_let_in(client, page, status, capfd, caplog):
    text = page.content.decode()
    assert page.status_code == status, text
    assert 'href="/login/"' in text
    assert not is_signed_in(client)
    assert not User.objects.exists()
    assert not SocialAccount.objects.exists()
    shown = text + capfd.readouterr().err + caplog.text
    for secret in ("planted", CLIENT_SECRET, "Traceback", "eyJ"):
        assert secret not in shown


def test_everything_in_order_lets_in(provider, client):
    assert sign_in(client, provider).status_code == 302
    assert is_signed_in(client)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "somebody-else"},
        {"aud": [CLIENT_ID, "somebody-else"]},
        {"azp": "somebody-else"},
        {"nonce": "of another log-in"},
        {"nonce": None},
        {"exp": 1_600_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": "s" * 192},
        {"sub": "another"},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_lets_nobody_in(provider, client, claims, capfd, caplog):
    provider.claims = claims
    assert_nobody_was_let_in(client, sign_in(client, provider), 403, capfd, caplog)


@pytest.mark.parametrize(
    "sign",
    [
        {"key": FOREIGN},
        {"headers": {"kid": "unknown"}},
        {"key": None, "algorithm": "none"},
        {"key": CLIENT_SECRET.ljust(32), "algorithm": "HS256"},
        {"key": ec.generate_private_key(ec.SECP256R1()), "algorithm": "ES256"},
    ],
    ids=["another key", "unknown key", "unsigned", "with the secret", "another kind of key"],
)
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(provider, client, sign, capfd, caplog):
    provider.sign = sign
    assert_nobody_was_let_in(client, sign_in(client, provider), 403, capfd, caplog)


def test_a_token_signed_with_the_public_key_as_secret_lets_nobody_in(provider, client, monkeypatch, capfd, caplog):
    pem = provider.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    monkeypatch.setattr(jwt.algorithms.HMACAlgorithm, "prepare_key", lambda _self, key: key)
    provider.sign = {"key": pem, "algorithm": "HS256"}
    assert_nobody_was_let_in(client, sign_in(client, provider), 403, capfd, caplog)


def test_no_token_at_all_lets_nobody_in(provider, client, monkeypatch, capfd, caplog):
    monkeypatch.setattr(provider, "token", lambda nonce: None)
    assert_nobody_was_let_in(client, sign_in(client, provider), 403, capfd, caplog)


@pytest.mark.parametrize("keys", [[], [{"kty": "none"}], [{"kty": "RSA", "kid": "one", "n": "!", "e": "!"}]])
def test_without_usable_keys_nobody_is_let_in(provider, client, keys, capfd, caplog):
    provider.keys = keys
    assert_nobody_was_let_in(client, sign_in(client, provider), 403, capfd, caplog)


def test_user_information_of_somebody_else_lets_nobody_in(provider, client, capfd, caplog):
    provider.information = {"sub": "another", "email": "boss@example.com"}
    assert_nobody_was_let_in(client, sign_in(client, provider), 403, capfd, caplog)


@pytest.mark.parametrize("fault", ["500", "huge", "list", "moved"])
@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys", "/me"])
def test_a_useless_answer_lets_nobody_in(provider, client, path, fault, capfd, caplog):
    address = provider.approve(leave(client))
    provider.faults[path] = fault
    assert_nobody_was_let_in(client, come_back(client, address), 502, capfd, caplog)
    assert "/elsewhere" not in provider.asked


@pytest.mark.parametrize("fault", ["hang", "drip"])
@pytest.mark.parametrize("path", [DISCOVERY, "/token"])
def test_a_provider_that_takes_too_long_is_left(provider, client, path, fault, monkeypatch, capfd, caplog):
    address = provider.approve(leave(client))
    monkeypatch.setattr(social_requests, "SECONDS", 0.5)
    monkeypatch.setattr(social_requests, "SILENCE", 0.5)
    provider.faults[path] = fault
    began = time.monotonic()
    page = come_back(client, address)
    assert time.monotonic() - began < 25
    assert_nobody_was_let_in(client, page, 502, capfd, caplog)


def test_a_provider_that_is_not_there_is_said_before_anybody_leaves(client, monkeypatch, capfd, caplog):
    with running_faulty_provider() as running:
        set_up(monkeypatch, running.issuer)
    page = client.post("/login/sso/")
    assert "Single sign-on is currently unavailable" in page.content.decode()
    assert_nobody_was_let_in(client, page, 502, capfd, caplog)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": 7},
        {"authorization_endpoint": "http://[broken"},
    ],
    ids=str,
)
def test_a_provider_that_describes_itself_wrongly_is_not_used(provider, client, metadata, capfd, caplog):
    provider.metadata = metadata
    assert_nobody_was_let_in(client, client.post("/login/sso/"), 502, capfd, caplog)


def test_a_wrong_secret_is_in_the_log_as_such(monkeypatch, client, caplog, capfd):
    with running_faulty_provider() as running:
        set_up(monkeypatch, running.issuer, CLIENT_SECRET="another")
        page = sign_in(client, running)
    assert "401 invalid_client" in caplog.text
    assert_nobody_was_let_in(client, page, 502, capfd, caplog)


def test_an_error_of_the_provider_is_not_repeated_to_the_browser(provider, client, capfd, caplog):
    leave(client)
    page = client.get("/login/sso/callback/?error=server_error&error_description=planted")
    assert_nobody_was_let_in(client, page, 502, capfd, caplog)


def test_an_answer_without_a_code_lets_nobody_in(provider, client, capfd, caplog):
    address = leave(client)
    state = address.split("state=")[1].split("&")[0]
    page = client.get("/login/sso/callback/", {"state": state})
    assert_nobody_was_let_in(client, page, 502, capfd, caplog)


def test_a_secret_is_sent_in_the_form_where_the_operator_says_so(monkeypatch, client):
    with running_faulty_provider() as running:
        set_up(monkeypatch, running.issuer, CLIENT_AUTH="post")
        address = running.approve(leave(client))
        monkeypatch.setattr(running, "exchange", lambda form, authorization: running_forms.append(form) or (400, {}))
        running_forms = []
        come_back(client, address)
    assert running_forms[0]["client_secret"] == CLIENT_SECRET


def test_a_provider_without_user_information_is_enough(provider, client):
    provider.metadata = {"userinfo_endpoint": None}
    provider.claims = {"preferred_username": "grace"}
    sign_in(client, provider)
    assert User.objects.get().username == "grace"


def test_a_second_factor_that_was_set_up_here_is_asked_for_too(provider, client):
    sign_in(client, provider)
    TOTP.activate(User.objects.get(), generate_totp_secret())
    assert Authenticator.objects.exists()
    client.logout()
    answer = sign_in(client, provider)
    assert answer.headers["Location"].startswith("/login/code/")
    assert not is_signed_in(client)


def test_providers_that_lie_in_the_database_do_not_count(client):
    SocialApp.objects.create(provider="openid_connect", provider_id="x", name="Evil", client_id="x", secret="x")
    assert "Evil" not in client.get("/login/").content.decode()
    assert client.post("/login/sso/").status_code == 404


def test_the_subject_is_what_an_account_is_known_by(provider, client):
    sign_in(client, provider)
    assert SocialAccount.objects.get().uid == SUB


def test_the_provider_cannot_be_flooded_through_the_portal(provider, client, monkeypatch):
    monkeypatch.setattr(social_views, "BEGUN", Limit(2))
    assert [client.post("/login/sso/").status_code for _n in range(3)] == [200, 200, 429]
    assert provider.asked == [DISCOVERY] * 2
