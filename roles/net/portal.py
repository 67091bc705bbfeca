"""The portal's public address, for links in mails and messages: from the settings, never from a request."""

from typing import Any

from django.conf import settings
from django.urls import reverse


def link_to(path: str) -> str:
    """Return the full address of `path`."""
    return f"{settings.PORTAL_URL}{path}"


def link(name: str, **kwargs: Any) -> str:
    """Return the full address of the page called `name`."""
    return link_to(reverse(name, kwargs=kwargs))
