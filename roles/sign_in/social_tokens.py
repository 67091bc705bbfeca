"""What an ID token proves (OpenID Connect Core 1.0, section 3.1.3.7)."""

from typing import Any

import jwt
from django.utils.crypto import constant_time_compare

from roles.sign_in.social_errors import TokenError

# Signed with a key that only the provider has; the client's secret (HS256) would let each who knows it sign.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY = 60  # seconds that clocks may differ


def verified(token: Any, *, keys: dict[str, Any], issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """Return the claims of an ID token that was made by `issuer`, for us, now, and for this log-in. TokenError."""
    if not isinstance(token, str):
        raise TokenError("no ID token")
    try:
        claims = jwt.decode(
            token, _key(token, keys), algorithms=ALGORITHMS, audience=client_id, issuer=issuer, leeway=_LEEWAY,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )  # fmt: skip
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise TokenError(f"ID token: {type(error).__name__}") from None
    _check_party(claims, client_id)
    if not constant_time_compare(str(claims.get("nonce")), nonce):
        raise TokenError("ID token: wrong nonce")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 191 or "\0" in claims["sub"]:
        raise TokenError("ID token: unusable sub")
    return claims


def same_person(claims: dict[str, Any], information: dict[str, Any]) -> dict[str, Any]:
    """Return the token's claims and the user information, which must be of the same subject."""
    if information.get("sub") != claims["sub"]:
        raise TokenError("user information of another subject")
    return claims | information


def _check_party(claims: dict[str, Any], client_id: str) -> None:
    """Refuse a token made for another client as well, unless it says that it was made for us."""
    audience = claims["aud"]
    is_shared = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", None if is_shared else client_id) != client_id:
        raise TokenError("ID token: wrong azp")


def _key(token: str, keys: dict[str, Any]) -> Any:
    """Return the provider's key that the token names; its only one where the token names none."""
    header = jwt.get_unverified_header(token)
    offered = [key for key in jwt.PyJWKSet.from_dict(keys).keys if key.public_key_use in (None, "sig")]
    named = [key for key in offered if key.key_id == header.get("kid")] if header.get("kid") else offered
    if len(named) != 1:
        raise jwt.InvalidKeyError
    return named[0].key
