"""Secrets typed into an unsaved form, kept so that nobody must type them twice.

They travel through the page encrypted, for the same person, environment, server and half an hour only.
"""

import json
import time
from dataclasses import dataclass, field

from roles.access.policy import Access
from roles.secrets.store import Server, UnreadableSecretError, decrypt, encrypt

LIFETIME_SECONDS = 1800


@dataclass(frozen=True)
class Typed:
    """Secrets, and the server that was named when they were typed."""

    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    server: Server | None = None


def seal(access: Access, secrets: dict[str, str], server: Server) -> str:
    """Return `secrets`, typed for `server`, encrypted for the page; empty for none."""
    if not secrets:
        return ""
    content = {
        "sealed_for": _owner(access),
        "until": str(time.time() + LIFETIME_SECONDS),
        "typed": json.dumps([secrets, server]),
    }
    return encrypt(content)


def unseal(access: Access, text: str) -> Typed:
    """Return what the same person sealed; nothing for anything else."""
    try:
        content = decrypt(text)
    except (UnreadableSecretError, ValueError):
        return Typed()
    # "typed" is not there in a page from before an upgrade.
    is_ours = content.get("sealed_for") == _owner(access) and "typed" in content
    if not is_ours or float(content["until"]) < time.time():
        return Typed()
    return Typed(*json.loads(content["typed"]))


def _owner(access: Access) -> str:
    return f"{access.user.pk} {access.environment.pk}"
