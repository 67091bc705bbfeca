"""Mail settings from one address, such as smtp://user:password@mail.example.com:587?tls=1."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

PORTS = {"smtp": 25, "smtps": 465}
SECONDS = 15  # that a mail server may take to answer
ADVICE = (
    "WAYBILL_EMAIL_URL cannot be read. Write smtp://user:password@host:587?tls=1 or smtps://user:password@host, "
    "with %40 for @, %23 for # and %2F for / in the password."
)


def mail_settings(url: str) -> dict[str, Any]:
    """Return Django's EMAIL settings for `url`; {} for an empty one. Raises ImproperlyConfigured, without its text."""
    if not url:
        return {}
    try:
        parts = urlsplit(url)
        host, port, starts_tls = parts.hostname, parts.port, parse_qs(parts.query).get("tls", ["0"])[0] == "1"
    except ValueError:  # its text may quote parts of the password
        raise ImproperlyConfigured(ADVICE) from None
    if parts.scheme not in PORTS or not host or parts.fragment or parts.path.strip("/"):
        raise ImproperlyConfigured(ADVICE)
    return {
        "EMAIL_HOST": host,
        "EMAIL_PORT": port or PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": starts_tls and parts.scheme == "smtp",
        "EMAIL_TIMEOUT": SECONDS,
    }
