"""What an operator writes about single sign-on, and what is said of what cannot be used."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import single_sign_on
from config.single_sign_on import group_roles, providers
from roles.roles import Role
from tests.config.test_settings import manage

ISSUER = "https://login.example.com/realms/contoso"
COMPLETE = {
    "WAYBILL_OIDC_ISSUER": ISSUER,
    "WAYBILL_OIDC_CLIENT_ID": "waybill",
    "WAYBILL_OIDC_CLIENT_SECRET": "planted-secret",
}


@pytest.fixture
def write(monkeypatch):
    """Write variables, complete but for what is given."""

    def write(**variables):
        for name, value in (COMPLETE | variables).items():
            monkeypatch.setenv(name, value)

    return write


def app(https=True):
    return providers(https=https, link_email=False)["openid_connect"]["APPS"][0]


def test_nothing_written_is_no_single_sign_on():
    assert providers(https=True, link_email=False) == {}
    assert group_roles("WAYBILL_OIDC_ROLES") == []


def test_three_variables_are_enough(write):
    write()
    assert (app()["client_id"], app()["secret"], app()["name"]) == ("waybill", "planted-secret", "single sign-on")
    assert app()["settings"] == {
        "server_url": ISSUER,
        "token_auth_method": None,
        "scope": ["openid", "profile", "email"],
        "groups_claim": "groups",
        "link_email": False,
    }


def test_the_address_of_the_description_is_as_good_as_the_issuers(write):
    write(WAYBILL_OIDC_ISSUER=f"{ISSUER}/.well-known/openid-configuration")
    assert app()["settings"]["server_url"] == ISSUER


def test_a_trial_may_reach_its_provider_in_clear(write):
    write(WAYBILL_OIDC_ISSUER="http://keycloak:8080/realms/trial")
    assert app(https=False)["settings"]["server_url"] == "http://keycloak:8080/realms/trial"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAYBILL_OIDC_ISSUER", "login.example.com"),
        ("WAYBILL_OIDC_ISSUER", "https://"),
        ("WAYBILL_OIDC_ISSUER", "https://[broken"),
        ("WAYBILL_OIDC_ISSUER", "https://login.example.com:99999"),
        ("WAYBILL_OIDC_ISSUER", "https://user:planted@login.example.com"),
        ("WAYBILL_OIDC_ISSUER", f"{ISSUER}?planted"),
        ("WAYBILL_OIDC_ISSUER", f"{ISSUER}/{'a' * 200}"),
        ("WAYBILL_OIDC_ISSUER", "http://login.example.com"),
        ("WAYBILL_OIDC_ISSUER", ""),
        ("WAYBILL_OIDC_CLIENT_ID", " "),
        ("WAYBILL_OIDC_CLIENT_SECRET", ""),
        ("WAYBILL_OIDC_CLIENT_AUTH", "jwt"),
        ("WAYBILL_OIDC_SCOPES", "profile email"),
    ],
)
def test_what_cannot_be_used_is_named_without_secrets(write, name, value):
    write(**{name: value})
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        app()
    assert "planted" not in str(refused.value)


def test_roles_are_the_words_of_the_portal():
    assert set(single_sign_on.ROLES) == set(Role.values)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("admins=*:administrator", [("admins", "*", "administrator")]),
        (" a b = contoso:viewer , c=fabrikam:contributor,", [("a b", "contoso", "viewer"),
                                                             ("c", "fabrikam", "contributor")]),
        ("cn=a,ou=b=contoso:viewer;", [("cn=a,ou=b", "contoso", "viewer")]),
        ("/teams/a:b=contoso:viewer", [("/teams/a:b", "contoso", "viewer")]),
    ],
)  # fmt: skip
def test_groups_and_their_roles_are_read(monkeypatch, text, found):
    monkeypatch.setenv("WAYBILL_OIDC_ROLES", text)
    assert group_roles("WAYBILL_OIDC_ROLES") == found


@pytest.mark.parametrize("text", ["admins", "admins=contoso", "=contoso:viewer", "a=Con toso:viewer", "a=contoso:boss"])
def test_a_mapping_that_cannot_be_read_is_named(monkeypatch, text):
    monkeypatch.setenv("WAYBILL_OIDC_ROLES", text)
    with pytest.raises(ImproperlyConfigured, match="WAYBILL_OIDC_ROLES"):
        group_roles("WAYBILL_OIDC_ROLES")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAYBILL_OIDC_ROLES", "admins"),
        ("WAYBILL_OIDC_CLIENT_ID", "waybill"),
        ("WAYBILL_OIDC_LINK_EMAIL", "maybe"),
        ("WAYBILL_LOCAL_LOGIN", "0"),
    ],
)
def test_the_portal_does_not_start_with_them(tmp_path, name, value):
    done = manage("check", data_dir=tmp_path, **{name: value})
    assert done.returncode != 0
    assert name in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_the_deployment_check_is_clean_with_single_sign_on(tmp_path):
    others = {"WAYBILL_OIDC_ROLES": "admins=*:administrator", "WAYBILL_LOCAL_LOGIN": "0"}
    done = manage("check", "--deploy", "--fail-level", "INFO", data_dir=tmp_path, **COMPLETE, **others)
    assert done.returncode == 0, done.stderr
