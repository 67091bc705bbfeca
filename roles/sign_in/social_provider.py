"""The OpenID Connect provider: where it is, how a sign-in begins there, and what its answer proves.

django-allauth keeps the states, the accounts and the log-in itself. The exchange is ours, because its own checks
neither the signature of a token that it fetched, nor the nonce, nor that the user information is the same person's.
"""

import logging
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.http import HttpRequest
from django.utils.crypto import get_random_string
from requests.auth import HTTPBasicAuth

from roles.net import portal
from roles.people import groups
from roles.sign_in import social_tokens
from roles.sign_in.social_claims import claim_at, merged, names_seen, say_who
from roles.sign_in.social_errors import SetupError
from roles.sign_in.social_requests import Answer, ask, body_of, fetch, object_in

ID = "openid_connect"
WELL_KNOWN = "/.well-known/openid-configuration"
logger = logging.getLogger(__name__)
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Provider(OpenIDConnectProvider):
    """The one provider of this installation."""

    @property
    def issuer(self) -> str:
        """Its address, as the operator wrote it."""
        return str(self.app.settings["server_url"]).removesuffix(WELL_KNOWN)

    @property
    def sub_id(self) -> str:
        """Accounts are kept under the issuer's name: another issuer's same subject is another person."""
        return self.issuer.rstrip("/")

    @property
    def groups_claim(self) -> str:
        """The claim that names the person's groups, or the path to it."""
        return str(self.app.settings.get("groups_claim", "groups"))

    @property
    def callback_address(self) -> str:
        """Where the provider sends people back to."""
        return portal.link("openid_connect_callback")

    def begin(self, request: HttpRequest) -> str:
        """Return the address at which the person proves to the provider who they are. Raises ProviderError."""
        endpoint = self.discover()["authorization_endpoint"]
        nonce, challenge = get_random_string(32), generate_code_challenge()
        state = self.stash_redirect_state(
            request,
            AuthProcess.LOGIN,
            get_next_redirect_url(request),
            pkce_code_verifier=challenge.pop("code_verifier"),
            nonce=nonce,
        )
        asked = {
            "response_type": "code",
            "client_id": self.app.client_id,
            "redirect_uri": self.callback_address,
            "scope": " ".join(self.get_scope()),
            "state": state,
            "nonce": nonce,
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked | challenge)}"

    def finish(self, request: HttpRequest, state: dict[str, Any], code: str) -> tuple[SocialLogin, dict[str, Any]]:
        """Return who the provider says it is, and all it says of them. Raises ProviderError and TokenError."""
        found = self.discover()
        answer = self._exchange(found, self.callback_address, code, state["pkce_code_verifier"])
        keys = social_tokens.Keys(lambda: fetch("GET", found["jwks_uri"]))
        ours = {"keys": keys, "issuer": found["issuer"], "client_id": self.app.client_id}
        claims = social_tokens.verified(answer.get("id_token"), nonce=state["nonce"], **ours)
        if (endpoint := found.get("userinfo_endpoint")) and (token := answer.get("access_token")):
            reply = _ask_of_the_person(endpoint, token)
            if reply.is_refusal:
                self._need_no_more_than(claims, reply)
            else:
                information = _information(reply, ours)
                social_tokens.check_person(claims, information)
                claims = merged(claims, information)
        # Not sociallogin_from_response: its accounts keep all claims, and odd ones end it.
        account = SocialAccount(provider=self.sub_id, uid=claims["sub"])
        login = SocialLogin(provider=self, account=account)
        login.state = state
        return login, claims

    def discover(self) -> dict[str, Any]:
        """Return what the provider publishes of itself, checked."""
        found = fetch("GET", self.issuer.rstrip("/") + WELL_KNOWN)
        if str(found.get("issuer")).rstrip("/") != self.issuer.rstrip("/"):
            raise SetupError("its name is not WAYBILL_OIDC_ISSUER")
        scheme = urlsplit(self.issuer).scheme
        for name in (*_NEEDED, "userinfo_endpoint"):
            if (name in _NEEDED or found.get(name)) and not _is_safe(found.get(name), scheme):
                raise SetupError(f"{name} is missing or less safe than the issuer")
        return found

    def _exchange(self, found: dict[str, Any], callback: str, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback,
            "code_verifier": verifier,
        }
        client, secret, basic = self.app.client_id, self.app.secret, None
        if self._sends_basic(found):
            basic = HTTPBasicAuth(quote(client, safe=""), quote(secret, safe=""))  # RFC 6749 section 2.3.1
        else:
            form |= {"client_id": client, "client_secret": secret}
        return fetch("POST", found["token_endpoint"], data=form, auth=basic, headers={"Accept": "application/json"})

    def _sends_basic(self, found: dict[str, Any]) -> bool:
        """Tell how the client's secret is sent: what the operator says, else what the provider offers first."""
        if chosen := self.app.settings.get("token_auth_method"):
            return bool(chosen == "client_secret_basic")
        offered = found.get("token_endpoint_auth_methods_supported")
        return not isinstance(offered, list) or "client_secret_basic" in offered or "client_secret_post" not in offered

    def _need_no_more_than(self, claims: dict[str, Any], reply: Answer) -> None:
        """Go on with the ID token where that says who it is, and the groups if they matter. Raises SetupError."""
        seen = f"{reply.what}: {reply.status}. The ID token has: {names_seen(claims)}"
        has_groups = claim_at(claims, self.groups_claim) is not None or not groups.carry_roles()
        if not say_who(claims) or not has_groups:
            raise SetupError(f"the user information is refused, and the ID token has too little. {seen}")
        logger.warning("Single sign-on goes on without the user information. %s.", seen)


def _ask_of_the_person(endpoint: str, token: Any) -> Answer:
    accepted = "application/json, application/jwt"
    return ask("GET", endpoint, headers={"Authorization": f"Bearer {token}", "Accept": accepted})


def _information(reply: Answer, ours: dict[str, Any]) -> dict[str, Any]:
    """Return the user information, which is a JSON object or a signed token whatever its content type says."""
    body = body_of(reply).strip()
    if body.count(b".") >= 2 and not body.startswith((b"{", b"[")):
        return social_tokens.signed_information(body.decode("ascii", "replace"), **ours)
    return object_in(reply, body)


def provider_of(request: HttpRequest) -> Provider | None:
    """Return the provider; None where single sign-on is not set up."""
    adapter = get_adapter(request)
    return cast(Provider, adapter.get_provider(request, ID)) if adapter.list_apps(request) else None


def _is_safe(address: Any, scheme: str) -> bool:
    """Whether `address` can be asked, in a way that is as safe as `scheme`."""
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        return bool(parts.hostname) and parts.scheme in {"https", scheme}
    except ValueError:
        return False
