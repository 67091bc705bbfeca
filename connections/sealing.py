"""Secrets that were typed into a form which is not saved yet, so that nobody has to type them twice.

They travel through the page encrypted, for the same person, environment and half an hour only.
"""

import json
import time

from roles.access import Access
from roles.secrets import UnreadableSecretError, decrypt, encrypt

LIFETIME_SECONDS = 1800


def seal(access: Access, secrets: dict[str, str]) -> str:
    """Return `secrets` encrypted for the page; empty for none."""
    if not secrets:
        return ""
    until = str(time.time() + LIFETIME_SECONDS)
    return encrypt({"sealed_for": _owner(access), "until": until, "secrets": json.dumps(secrets)})


def unseal(access: Access, text: str) -> dict[str, str]:
    """Return what `seal` was given by the same person; {} for anything else."""
    try:
        content = decrypt(text)
    except (UnreadableSecretError, ValueError):
        return {}
    if content.get("sealed_for") != _owner(access) or float(content["until"]) < time.time():
        return {}
    return dict(json.loads(content["secrets"]))


def _owner(access: Access) -> str:
    return f"{access.user.pk} {access.environment.pk}"
