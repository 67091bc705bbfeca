"""Single sign-on with OpenID Connect, as set by environment variables; docs/single-sign-on.md."""

import os
import re
import unicodedata
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_WELL_KNOWN = "/.well-known/openid-configuration"
ROLES = ("administrator", "contributor", "viewer")  # roles/roles.py, which cannot be imported before the settings
_PLACE = re.compile(r"(\*|[a-z][a-z0-9-]*):([a-z]+)")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ISSUER_LENGTH = 190  # characters; the accounts of an issuer are kept under its name
CLIENT_AUTHENTICATION = {"": None, "basic": "client_secret_basic", "post": "client_secret_post"}


class ConfiguredRole(NamedTuple):
    """A role that a group gives in an environment ("*": in every one)."""

    group: str
    environment: str
    role: str


def group_roles(name: str) -> list[ConfiguredRole]:
    """Return variable `name`, "group=environment:role" separated by commas (semicolons where a name has commas)."""
    text = os.environ.get(name, "")
    entries = [entry.strip() for entry in text.split(";" if ";" in text else ",")]
    return [_group_role(name, entry) for entry in entries if entry]


def _group_role(name: str, entry: str) -> ConfiguredRole:
    group, _equals, place = entry.rpartition("=")
    match = _PLACE.fullmatch(place.strip())
    if not group.strip() or not match:
        raise ImproperlyConfigured(
            f"{name}: {entry!r} cannot be read. Write group=environment:role, for example "
            "waybill-admins=contoso:administrator, or group=*:viewer for every environment."
        )
    if match[2] not in ROLES:
        raise ImproperlyConfigured(f"{name}: there is no role {match[2]!r}. Write one of {', '.join(ROLES)}.")
    return ConfiguredRole(unicodedata.normalize("NFC", group.strip()), match[1], match[2])


def providers(*, https: bool, link_email: bool) -> dict[str, Any]:
    """Return SOCIALACCOUNT_PROVIDERS from environment variables; {} without single sign-on.

    With `https` False (a trial on one machine) the provider may be reached without TLS.
    """
    issuer = _issuer("WAYBILL_OIDC_ISSUER", https)
    if not issuer:
        _refuse_without_address()
        return {}
    app = {
        "provider_id": "sso",
        "name": os.environ.get("WAYBILL_OIDC_NAME", "").strip() or "single sign-on",
        "client_id": _needed("WAYBILL_OIDC_CLIENT_ID", "the name under which the provider knows Waybill"),
        "secret": _needed("WAYBILL_OIDC_CLIENT_SECRET", "the secret that the provider made for Waybill"),
        "settings": {
            "server_url": issuer,
            "token_auth_method": _client_authentication("WAYBILL_OIDC_CLIENT_AUTH"),
            "scope": _scopes("WAYBILL_OIDC_SCOPES"),
            "groups_claim": os.environ.get("WAYBILL_OIDC_GROUPS_CLAIM", "").strip() or "groups",
            "link_email": link_email,
        },
    }
    return {"openid_connect": {"APPS": [app]}}


def _issuer(name: str, https: bool) -> str:
    issuer = os.environ.get(name, "").strip().removesuffix(_WELL_KNOWN)
    if not issuer:
        return ""
    try:
        parts = urlsplit(issuer)
        is_address = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0  # or ValueError
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment or parts.username or len(issuer) > _ISSUER_LENGTH:
        raise ImproperlyConfigured(
            f"{name} is not the address of a provider. Write it as the provider states it, for example "
            "https://login.example.com/realms/contoso."
        )
    if https and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ImproperlyConfigured(f"{name} must start with https://: the client's secret is sent there.")
    return issuer


def _needed(name: str, what: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise ImproperlyConfigured(f"{name} is missing. Write {what}, or remove WAYBILL_OIDC_ISSUER.")
    return value


def _refuse_without_address() -> None:
    """Refuse settings of a provider without an address: somebody expects them to work."""
    for name in ("WAYBILL_OIDC_CLIENT_ID", "WAYBILL_OIDC_CLIENT_SECRET"):
        if os.environ.get(name, "").strip():
            raise ImproperlyConfigured(f"WAYBILL_OIDC_ISSUER is missing, but {name} is set. Write both or none.")


def _client_authentication(name: str) -> str | None:
    value = os.environ.get(name, "").strip().lower()
    if value not in CLIENT_AUTHENTICATION:
        raise ImproperlyConfigured(f"{name}={value!r} is not known. Write basic or post, or leave it out.")
    return CLIENT_AUTHENTICATION[value]


def _scopes(name: str) -> list[str]:
    scopes = os.environ.get(name, "").replace(",", " ").split() or ["openid", "profile", "email"]
    if "openid" not in scopes:
        raise ImproperlyConfigured(f"{name} lacks openid. Write for example openid profile email groups.")
    return scopes
