"""What an ID token (OpenID Connect Core 1.0, section 3.1.3.7) and signed user information (section 5.3.2) prove."""

from collections.abc import Callable
from typing import Any

import jwt
from django.utils.crypto import constant_time_compare

from roles.sign_in.social_errors import SetupError, TokenError

# Signed with a key that only the provider has; the client's secret (HS256) would let each who knows it sign.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY = 120  # seconds that clocks may differ
_ENCRYPTED_PARTS = 5  # of a token in compact form; a signed one has three


class Keys:
    """The keys that the provider publishes, read again once for a key that is not among them: it may be new."""

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        self._read = read
        self._offered: list[jwt.PyJWK] | None = None

    def for_token(self, token: str) -> list[Any]:
        """Return the keys with which `token` may be signed: the one that it names, else each."""
        name = jwt.get_unverified_header(token).get("kid")
        found = self._named(name) if self._offered is not None else []
        if not found:
            self._load()
            found = self._named(name)
        if not found and name:
            self._load()
            found = self._named(name)
        return [key.key for key in found]

    def _load(self) -> None:
        offered = jwt.PyJWKSet.from_dict(self._read()).keys
        self._offered = [key for key in offered if key.public_key_use in (None, "sig")]

    def _named(self, name: str | None) -> list[jwt.PyJWK]:
        return [key for key in self._offered or [] if not name or key.key_id == name]


def verified(token: Any, *, keys: Keys, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """Return the claims of an ID token that was made by `issuer`, for us, now, and for this log-in. TokenError."""
    if not isinstance(token, str):
        raise TokenError("no ID token")
    needed = {"require": ["exp", "iat", "iss", "aud", "sub"]}
    claims = _opened("ID token", token, keys, audience=client_id, issuer=issuer, options=needed)
    _check_party(claims, client_id)
    if not constant_time_compare(str(claims.get("nonce")), nonce):
        raise TokenError("ID token: wrong nonce")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 191 or "\0" in claims["sub"]:
        raise TokenError("ID token: unusable sub")
    return claims


def signed_information(token: str, *, keys: Keys, issuer: str, client_id: str) -> dict[str, Any]:
    """Return what signed user information says: issuer and audience, which may be left out, are ours. TokenError."""
    claims = _opened("user information", token, keys, options={"verify_aud": False})
    audience = claims.get("aud", client_id)
    if claims.get("iss", issuer) != issuer:
        raise TokenError("user information: wrong iss")
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        raise TokenError("user information: wrong aud")
    return claims


def check_person(claims: dict[str, Any], information: dict[str, Any]) -> None:
    """Refuse user information that is not of the ID token's subject. Raises TokenError."""
    if information.get("sub") != claims["sub"]:
        raise TokenError("user information of another subject")


def _opened(what: str, token: str, keys: Keys, **checks: Any) -> dict[str, Any]:
    """Return the claims of a token that one of `keys` signed and whose times are now."""
    if token.count(".") == _ENCRYPTED_PARTS - 1:
        raise SetupError(f"{what}: encrypted. Have the provider sign it only")
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
        if algorithm not in ALGORITHMS:
            raise TokenError(f"{what}: signed with {str(algorithm)[:20]!r}, not with a key of the provider's own")
        return _signed_by_one(token, keys.for_token(token), **checks)
    except (jwt.PyJWTError, TypeError, ValueError, RecursionError) as error:
        raise TokenError(f"{what}: {type(error).__name__}") from None


def _signed_by_one(token: str, keys: list[Any], **checks: Any) -> dict[str, Any]:
    error: Exception = jwt.InvalidKeyError("no such key")
    for key in keys:
        try:
            return jwt.decode(token, key, algorithms=ALGORITHMS, leeway=LEEWAY, **checks)
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError, TypeError) as refused:
            error = refused
    raise error


def _check_party(claims: dict[str, Any], client_id: str) -> None:
    """Refuse a token made for another client as well, unless it says that it was made for us."""
    audience = claims["aud"]
    is_shared = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", None if is_shared else client_id) != client_id:
        raise TokenError("ID token: wrong azp")
