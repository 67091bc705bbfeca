"""Single sign-on with providers as they are: where they put the claims, how they hand them out, and what is logged."""

import logging

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from roles.models import GroupMembership, GroupRole, RoleAssignment, User
from roles.roles import Role
from roles.sign_in.social_claims import claim_at, merged, names_seen
from tests.factories import make_environment, make_user
from tests.roles.sign_in.single_sign_on import come_back, is_signed_in, leave, set_up
from tests.servers.oidc_faulty import CLIENT_ID, CLIENT_SECRET, SUB, jwk, running_faulty_provider

pytestmark = pytest.mark.django_db
FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EVE = {"preferred_username": "eve", "email": "eve@example.com"}
NESTED = EVE | {"realm_access": {"roles": ["ops"]}}
LASTING, PASSING = "Trying again won&#x27;t help.", "Try again in a few minutes"


@pytest.fixture
def environment():
    return make_environment("contoso")


@pytest.fixture
def provider(monkeypatch, settings):
    settings.GROUP_ROLES = [("ops", "*", "administrator")]
    with running_faulty_provider() as running:
        set_up(monkeypatch, running.issuer, GROUPS_CLAIM="realm_access.roles")
        running.information = {"sub": SUB} | NESTED
        yield running


def sign_in(client, provider):
    return come_back(client, provider.approve(leave(client)))


def role_of(username="eve"):
    return RoleAssignment.objects.filter(user__username=username).values_list("role", flat=True).first()


# Where the groups are


@pytest.mark.parametrize(
    ("claims", "name", "found"),
    [
        ({"groups": ["a"]}, "groups", ["a"]),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ["a"]),
        ({"realm_access.roles": ["b"], "realm_access": {"roles": ["a"]}}, "realm_access.roles", ["b"]),
        ({"resource_access": {"waybill.app": {"roles": "a"}}}, "resource_access.waybill.app.roles", "a"),
        ({"resource_access": {"waybill.app": {"roles": "a"}}}, r"resource_access.waybill\.app.roles", "a"),
        ({"https://contoso.example/claims": {"roles": ["a"]}}, "https://contoso.example/claims.roles", ["a"]),
        ({"a": {"b": {"x": 1}}, "a.b": {"c": 2}}, "a.b.c", 2),
        ({"a.b": {"x": 1}, "a": {"b": {"c": 2}}}, "a.b.c", 2),
        ({"groups": [{"name": "a"}, {"id": 1}, "c", {"name": ["b"]}]}, "groups.name", ["a", "b"]),
        ({"realm_access": ["a"]}, "realm_access.roles", None),
        ({"realm_access": None}, "realm_access.roles", None),
        ({"a": {"": "x"}}, "a.", "x"),
        ({}, "....", None),
    ],
    ids=str,
)
def test_a_claim_is_found_by_its_name_or_else_its_path(claims, name, found):
    assert claim_at(claims, name) == found


def test_groups_in_a_nested_claim_carry_their_roles(provider, client, environment):
    assert sign_in(client, provider).status_code == 302
    assert role_of() == Role.ADMINISTRATOR
    assert client.get("/e/contoso/exports/").status_code == 200


@pytest.mark.parametrize("value", ["ops", "ops,dev", "dev, ops", "ops  ops", " ops ", ["dev", "ops"]])
def test_groups_may_be_a_text_or_a_list(provider, client, environment, value):
    provider.information["realm_access"] = {"roles": value}
    sign_in(client, provider)
    assert role_of() == Role.ADMINISTRATOR


def test_a_group_whose_name_ends_like_that_of_another_does_not_carry_its_role(provider, client, environment):
    provider.information["realm_access"] = {"roles": "domain ops"}
    sign_in(client, provider)
    assert role_of() is None


# What is logged


def test_who_has_no_role_is_logged_with_the_names_of_the_claims(provider, client, environment, caplog):
    provider.information = {"sub": SUB, "preferred_username": "eve", "resource_access": {"app": {"roles": ["planted"]}}}
    sign_in(client, provider)
    line = next(record.getMessage() for record in caplog.records if "no role" in record.getMessage())
    assert "there is no claim 'realm_access.roles'" in line
    assert "preferred_username, resource_access.app.roles, sub" in line
    for value in ("planted", "eve", SUB):
        assert value not in line


@pytest.mark.parametrize(
    ("roles", "why"),
    [
        (["planted", "other"], "none of the 2 groups in 'realm_access.roles' carries one"),
        ([], "'realm_access.roles' names no group"),
        ({"planted": 1}, "'realm_access.roles' names no group"),
    ],
)
def test_groups_without_a_role_are_logged_by_their_number(provider, client, environment, caplog, roles, why):
    provider.information["realm_access"] = {"roles": roles}
    sign_in(client, provider)
    assert why in caplog.text


def test_who_has_a_role_is_not_logged(provider, client, environment, caplog):
    sign_in(client, provider)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_refusal_here_is_logged_with_the_names_of_the_claims(provider, client, caplog):
    make_user("other", email="eve@example.com")
    assert sign_in(client, provider).status_code == 403
    assert "the address belongs to another account; claims: aud, email, exp" in caplog.text
    assert "eve@" not in caplog.text


def test_names_are_logged_in_one_line_of_a_bounded_length():
    text = names_seen({f"name\n{number}" + "x" * 500: 1 for number in range(500)})
    assert "\n" not in text
    assert text.endswith(" and 440 more")
    assert len(text) < 6000


# The user information


@pytest.mark.parametrize("claims", [{}, {"iss": None, "aud": None}, {"aud": ["other", CLIENT_ID]}], ids=str)
@pytest.mark.parametrize("content_type", ["application/jwt", "application/jwt; charset=utf-8", "text/plain"])
def test_signed_user_information_counts(provider, client, environment, claims, content_type):
    provider.signed, provider.information_type = claims, content_type
    assert sign_in(client, provider).status_code == 302
    assert role_of() == Role.ADMINISTRATOR


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": []},
        {"sub": "another"},
        {"sub": None},
        {"exp": 1_600_000_000},
        {"nbf": 4_000_000_000},
    ],
    ids=str,
)
def test_signed_user_information_for_somebody_else_lets_nobody_in(provider, client, claims):
    provider.signed = claims
    assert sign_in(client, provider).status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "sign",
    [
        {"key": None, "algorithm": "none"},
        {"key": FOREIGN},
        {"headers": {"kid": "unknown"}},
        {"key": CLIENT_SECRET.ljust(32), "algorithm": "HS256"},
    ],
    ids=["unsigned", "another key", "unknown key", "with the secret"],
)
def test_user_information_that_the_provider_did_not_sign_lets_nobody_in(provider, client, sign):
    provider.signed, provider.sign_information = {}, sign
    assert sign_in(client, provider).status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize("body", ["text: e30.a.b.c.d", "text: <html>", "text: "])
def test_user_information_that_cannot_be_read_is_said_to_need_a_change(provider, client, body, caplog):
    provider.faults["/me"] = body
    page = sign_in(client, provider)
    assert page.status_code == 502
    assert LASTING in page.content.decode()
    assert "encrypted" in caplog.text or "no JSON" in caplog.text


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "405", "410", "501"])
def test_the_id_token_is_enough_where_the_user_information_is_refused(provider, client, environment, status, caplog):
    provider.faults["/me"], provider.claims = status, NESTED
    assert sign_in(client, provider).status_code == 302
    assert role_of() == Role.ADMINISTRATOR
    assert f"without the user information. GET on 127.0.0.1: {status}" in caplog.text
    assert "realm_access.roles" in caplog.text


@pytest.mark.parametrize("claims", [{}, EVE, {"realm_access": {"roles": ["ops"]}}], ids=str)
def test_a_token_that_says_too_little_without_the_user_information_lets_nobody_in(provider, client, claims, caplog):
    provider.faults["/me"], provider.claims = "401", claims
    page = sign_in(client, provider)
    assert page.status_code == 502
    assert LASTING in page.content.decode()
    assert "the ID token has too little. GET on 127.0.0.1: 401. The ID token has: aud, " in caplog.text
    assert not User.objects.exists()


def test_groups_are_not_missed_where_they_carry_nothing(provider, client, settings):
    settings.GROUP_ROLES = []
    provider.faults["/me"], provider.claims = "403", EVE
    assert sign_in(client, provider).status_code == 302
    assert User.objects.get().email == "eve@example.com"


def test_groups_that_carry_a_role_on_the_page_are_missed(provider, client, environment, settings):
    settings.GROUP_ROLES = []
    GroupRole.objects.create(environment=environment, group="dev", role=Role.VIEWER)
    provider.faults["/me"], provider.claims = "403", EVE
    assert sign_in(client, provider).status_code == 502


def test_user_information_is_not_asked_for_without_an_access_token(provider, client, environment, monkeypatch):
    provider.claims = NESTED
    monkeypatch.setattr("tests.servers.oidc_faulty.ACCESS_TOKEN", None)
    assert sign_in(client, provider).status_code == 302
    assert "/me" not in provider.asked


def test_token_and_user_information_are_put_together(provider, client, environment):
    provider.claims = {"email": "old@example.com", "realm_access": {"roles": ["ops"]}, "preferred_username": "other"}
    provider.information = {"sub": SUB, "realm_access": {"verify_caller": True}, "email": None} | {
        "preferred_username": "eve"
    }
    sign_in(client, provider)
    assert User.objects.get().email == "old@example.com"
    assert role_of("eve") == Role.ADMINISTRATOR


def test_the_user_information_wins():
    assert merged({"a": 1, "b": [1], "c": {"d": 1, "e": 2}}, {"a": 2, "b": [], "c": {"d": 3}, "f": None}) == {
        "a": 2, "b": [], "c": {"d": 3, "e": 2},
    }  # fmt: skip


# Keys and clocks


def test_a_key_that_is_new_is_asked_for_once_more(provider, client):
    provider.stale_keys = 1
    assert sign_in(client, provider).status_code == 302
    assert provider.asked.count("/keys") == 2


def test_a_key_that_stays_unknown_is_asked_for_twice_and_no_more(provider, client):
    provider.sign = {"headers": {"kid": "unknown"}}
    assert sign_in(client, provider).status_code == 403
    assert provider.asked.count("/keys") == 2


def test_keys_are_read_once_for_token_and_user_information(provider, client):
    provider.signed = {}
    assert sign_in(client, provider).status_code == 302
    assert provider.asked.count("/keys") == 1


def test_a_token_that_names_no_key_is_tried_with_each(provider, client):
    provider.keys = [jwk(FOREIGN, "before"), jwk(provider.key, "one")]
    provider.sign = {"headers": {}}
    assert sign_in(client, provider).status_code == 302


@pytest.mark.parametrize("seconds", [-200, -60, 0, 60, 100])
def test_the_providers_clock_may_be_a_minute_off(provider, client, seconds):
    provider.clock = seconds
    assert sign_in(client, provider).status_code == 302
    assert is_signed_in(client)


@pytest.mark.parametrize("seconds", [-600, 600])
def test_and_not_ten(provider, client, seconds):
    provider.clock = seconds
    assert sign_in(client, provider).status_code == 403


# What helps


@pytest.mark.parametrize(
    ("path", "fault", "text"),
    [
        ("/token", "503", PASSING),
        ("/me", "429", PASSING),
        ("/keys", "500", PASSING),
        ("/token", "moved", LASTING),
        ("/keys", "404", LASTING),
        ("/.well-known/openid-configuration", "404", LASTING),
        ("/.well-known/openid-configuration", "list", LASTING),
        ("/token", "text: <html>", LASTING),
    ],
)
def test_the_page_says_whether_trying_again_helps(provider, client, path, fault, text):
    address = provider.approve(leave(client))
    provider.faults[path] = fault
    page = come_back(client, address).content.decode()
    assert text in page
    assert ({PASSING, LASTING} - {text}).pop() not in page


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        ("server_error", 502, PASSING),
        ("temporarily_unavailable", 502, PASSING),
        ("invalid_scope", 502, LASTING),
        ("unauthorized_client", 502, LASTING),
        ("access_denied", 403, "denied access"),
        ("login_required", 403, "denied access"),
    ],
)
def test_an_error_of_the_provider_says_what_helps(provider, client, error, status, text):
    page = client.get("/login/sso/callback/", {"error": error})
    assert page.status_code == status
    assert text in page.content.decode()


def test_a_wrong_secret_will_not_mend_itself(client, monkeypatch):
    with running_faulty_provider() as running:
        set_up(monkeypatch, running.issuer, CLIENT_SECRET="another")
        assert LASTING in sign_in(client, running).content.decode()


def test_a_code_that_is_over_is_said_to_need_another_log_in(provider, client):
    address = provider.approve(leave(client))
    provider.codes.clear()
    page = come_back(client, address).content.decode()
    assert "The provider rejected this login. Log in again" in page


def test_a_token_made_of_something_else_is_no_fault_of_ours(provider, client, monkeypatch, caplog):
    deep = jwt.utils.base64url_encode(b"[" * 100_000).decode()
    head = jwt.encode({}, provider.key, algorithm="RS256", headers={"kid": "one"}).split(".")[0]
    for token in ("", "a.b", "a.b.c", "é.é.é", f"{head}.{deep}.e30", 7, ["a"]):
        monkeypatch.setattr(provider, "token", lambda nonce, token=token: token)
        assert sign_in(client, provider).status_code == 403
    assert not GroupMembership.objects.exists()
