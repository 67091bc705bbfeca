"""The portal's public address, for links in what Waybill sends."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def portal_url(given: str, origins: Sequence[str], hosts: Sequence[str], *, https: bool) -> str:
    """Return `given`, else the first origin, else the first host, without a slash at its end.

    Raises ImproperlyConfigured for an address that no browser could open.
    """
    scheme = "https" if https else "http"
    own = [host.removeprefix(".") for host in hosts if host != "*"]
    named = (origin for origin in origins if "*" not in origin)
    found = given or next(named, "") or f"{scheme}://{own[0] if own else 'localhost'}"
    try:
        parts = urlsplit(found)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ImproperlyConfigured(
            "WAYBILL_URL cannot be used. Write the portal's address, such as https://waybill.example.com."
        )
    return found.rstrip("/")
