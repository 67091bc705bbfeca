"""A small OpenID Connect provider on loopback that asks for all it may (secret, PKCE, nonce), and can misbehave."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "waybill", "planted secret/of the:client"
SUB, ACCESS_TOKEN = "subject-1", "planted-access-token"


@dataclass
class FaultyProvider:
    """A running provider; what it says and how it answers can be changed while it runs."""

    issuer: str
    key: rsa.RSAPrivateKey
    claims: dict[str, Any] = field(default_factory=dict)  # of the ID token, besides and instead of the right ones
    information: dict[str, Any] = field(default_factory=lambda: {"sub": SUB, "preferred_username": "ada"})
    metadata: dict[str, Any] = field(default_factory=dict)
    sign: dict[str, Any] = field(default_factory=dict)  # what jwt.encode gets instead
    keys: list[dict[str, Any]] | None = None
    stale_keys: int = 0  # how many times more it answers with keys that are over
    clock: int = 0  # seconds that its clock is ahead
    signed: dict[str, Any] | None = None  # the user information is a JWT, with these claims instead of the right ones
    sign_information: dict[str, Any] = field(default_factory=dict)  # what jwt.encode gets for it instead
    information_type: str = "application/jwt"
    # path: a status, "hang", "drip", "huge", "list", "moved", or "text: ..." to answer with
    faults: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # paths, in order
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)

    def approve(self, address: str) -> str:
        """Check what the portal asks for, as the authorization endpoint does; return where the browser goes then."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert address.startswith(f"{self.issuer}/authorize?")
        expected = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
        assert asked.items() >= expected.items()
        assert "openid" in asked["scope"].split()
        assert min(len(asked["nonce"]), len(asked["state"])) >= 16
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, nonce: str) -> str:
        """Return an ID token, right but for `claims` and `sign`."""
        now = int(time.time()) + self.clock
        claims = {"sub": SUB, "nonce": nonce, "iat": now, "nbf": now, "exp": now + 100}
        return self._signed(claims | self.claims, self.sign)

    def _signed(self, claims: dict[str, Any], sign: dict[str, Any]) -> str:
        claims = {"iss": self.issuer, "aud": CLIENT_ID} | claims
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, **({"key": self.key, "algorithm": "RS256", "headers": {"kid": "one"}} | sign))

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """Answer for the token endpoint."""
        asked = self.codes.pop(form.get("code", ""), None)
        basic = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        if [unquote(part) for part in basic] != [CLIENT_ID, CLIENT_SECRET]:
            return 401, {"error": "invalid_client", "error_description": f"not {basic}"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not asked or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": ACCESS_TOKEN, "token_type": "Bearer",
                     "id_token": self.token(asked["nonce"])}  # fmt: skip

    def answer(self, path: str) -> Any:
        """Answer for what is asked by GET."""
        here = self.issuer
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": here,
                "authorization_endpoint": f"{here}/authorize",
                "token_endpoint": f"{here}/token",
                "jwks_uri": f"{here}/keys",
                "userinfo_endpoint": f"{here}/me",
            } | self.metadata
        if path == "/me":
            signed = self.signed is not None
            return self._signed(self.information | self.signed, self.sign_information) if signed else self.information
        own = jwk(self.key, "one")
        if path == "/keys" and self.stale_keys:
            self.stale_keys -= 1
            return {"keys": [own | {"kid": "before"}]}
        return {"/keys": {"keys": [own] if self.keys is None else self.keys}}[path]


@cache
def own_key() -> rsa.RSAPrivateKey:
    """Return the key with which the provider signs; making one takes its time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: rsa.RSAPrivateKey, name: str) -> dict[str, Any]:
    """Return what a provider publishes of `key`."""
    return jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "use": "sig"}


class Handler(BaseHTTPRequestHandler):
    """Hands requests to the provider."""

    provider: FaultyProvider

    def do_GET(self) -> None:
        is_known = self.headers.get("Authorization") == f"Bearer {ACCESS_TOKEN}"
        refused = self.path == "/me" and not is_known
        self._answer(lambda: (401, {}) if refused else (200, self.provider.answer(self.path)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer(lambda: self.provider.exchange(form, self.headers.get("Authorization", "")))

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _answer(self, right: Any) -> None:
        self.provider.asked.append(self.path)
        fault = self.provider.faults.get(self.path)
        with suppress(ConnectionError):
            if fault == "hang":
                self.provider.released.wait(60)
            elif fault == "drip":
                self._drip()
            elif fault == "moved":
                self._send(302, b"", {"Location": f"{self.provider.issuer}/elsewhere"})
            elif fault and fault.isdigit():
                self._send(int(fault), b"planted trace")
            elif fault:
                wrong = {"huge": b'{"a": "' + b"a" * 2_000_000 + b'"}', "list": b"[]"}
                self._send(200, wrong.get(fault) or fault.removeprefix("text: ").encode())
            else:
                self._send_value(*right())

    def _send_value(self, status: int, value: Any) -> None:
        if isinstance(value, str):
            self._send(status, value.encode(), {"Content-Type": self.provider.information_type})
        else:
            self._send(status, json.dumps(value).encode())

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))}
                            | (headers or {})).items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.provider.released.wait(0.05):
            self.wfile.write(b" ")


@contextmanager
def running_faulty_provider() -> Iterator[FaultyProvider]:
    """Run it."""
    handler = type("Bound", (Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        provider = handler.provider = FaultyProvider(f"http://127.0.0.1:{server.server_address[1]}", own_key())
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield provider
        finally:
            provider.released.set()
            server.shutdown()
            serving.join()
