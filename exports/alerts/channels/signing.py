"""Signatures after Standard Webhooks (https://www.standardwebhooks.com), version 1, symmetric."""

import base64
import binascii
import hashlib
import hmac
import secrets

from django.views.decorators.debug import sensitive_variables

PREFIX = "whsec_"
FEWEST, MOST = 24, 64  # bytes of a key


def new_secret() -> str:
    """Return a new signing secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


@sensitive_variables()
def signing_key(secret: str) -> bytes:
    """Return the key that `secret` writes down. Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if not secret.startswith(PREFIX) or not FEWEST <= len(key) <= MOST:
        raise ValueError("not a signing secret")
    return key


@sensitive_variables()
def signed_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers by which the receiver knows who sent `body`; `timestamp` in seconds. Raises ValueError."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(signing_key(secret), signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}
