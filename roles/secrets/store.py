"""Secrets at rest: encrypted texts, keys newest first (MultiFernet), and who keeps such texts.

A secret that is sent to a server is sealed together with that server, so that no other one can get it.

Keys come from the settings, or from the key file, which is read at each use: every process knows a new key at once.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.views.decorators.debug import sensitive_variables

from roles.messages import Message, SaidError
from roles.messages import said as _
from roles.models import Environment
from roles.secrets import key_file

# What tells a server from others, as JSON.
Server = dict[str, Any]

TOKEN_START = "gAAAA"  # noqa: S105 - how every Fernet token begins


class UnreadableSecretError(SaidError):
    """A secret cannot be read; the text says what to do, for everybody who may see the connection's settings."""

    is_permanent = True  # trying again cannot help until somebody acts

    title = _("Secret cannot be read")  # the same in a few words
    text = _("The stored secret cannot be read with this installation's keys. Enter it again.")

    def __init__(self, message: Message | None = None) -> None:
        super().__init__(message or self.text)


class OtherServerError(UnreadableSecretError):
    """A secret was entered for another server than the one that would receive it."""

    title = _("Secret is for another server")
    text = _("The stored secret was entered for another server and is not sent to this one. Enter it again.")


@dataclass(frozen=True)
class Sealed:
    """The content of an encrypted text, and the server that it was entered for, None if not recorded."""

    values: dict[str, str] = field(repr=False)
    server: Server | None


@sensitive_variables()
def encrypt(values: dict[str, str], server: Server | None = None) -> str:
    """Return `values` as one encrypted text, bound to `server`, which alone may receive them."""
    content = values if server is None else {"values": values, "server": server}
    return ring().encrypt(json.dumps(content).encode()).decode()


@sensitive_variables()
def decrypt(text: str) -> dict[str, str]:
    """Return the values that `encrypt` got without a server; {} for an empty text. Raises UnreadableSecretError."""
    sealed = unseal(text)
    if sealed.server is not None:
        raise OtherServerError
    return sealed.values


@sensitive_variables()
def unseal(text: str) -> Sealed:
    """Return what `encrypt` got; the caller compares the server. Raises UnreadableSecretError."""
    if not text:
        return Sealed({}, None)
    try:
        content = json.loads(ring().decrypt(text.encode()))
    except (InvalidToken, ValueError):
        raise UnreadableSecretError from None  # the cause may quote the secret
    server = content.get("server") if isinstance(content, dict) else None
    if isinstance(server, dict):
        content = content.get("values")
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise UnreadableSecretError
    return Sealed(content, server if isinstance(server, dict) else None)


def is_readable(text: str) -> bool:
    """Whether the keys decrypt `text`."""
    try:
        unseal(text)
    except UnreadableSecretError:
        return False
    return True


def ring() -> MultiFernet:
    """Return the current keys as one MultiFernet."""
    return MultiFernet([Fernet(key) for key in keys()])


_last_read: dict[Path, list[str]] = {}


def keys() -> list[str]:
    """Return the valid keys, newest first. If the file is missing or has none, the last known keys stay in use."""
    path = keys_path()
    found = _words(path) if path else settings.SECRETS_KEYS
    good = [key for key in found if key_file.is_key(key)]
    if path and good:
        _last_read[path] = good
    return good or (_last_read.get(path, []) if path else [])


def keys_path() -> Path | None:
    """Return the file of the keys; None where the environment supplies them."""
    return None if settings.SECRETS_KEYS else settings.SECRETS_KEYS_FILE


def _words(path: Path) -> list[str]:
    try:
        return key_file.read(path)
    except OSError:
        return []


@dataclass(frozen=True)
class SecretField:
    """A model field that holds encrypted texts: one text, or several inside JSON.

    `about` returns the environment (if any) and the object under which the audit log names a row; `server_of` the
    server that its values are for, to which rotation binds those of an earlier Waybill.
    """

    model: str  # "app.Model"
    field: str
    about: Callable[[Any], tuple[Environment | None, models.Model]]
    related: tuple[str, ...] = ()  # what `about` and `server_of` follow
    server_of: Callable[[Any], Server] | None = None


SECRET_FIELDS: list[SecretField] = []


def register_secret_field(secret_field: SecretField) -> None:
    """Include the rows of `secret_field` in rotation; it replaces one for the same field."""
    same = (secret_field.model, secret_field.field)
    SECRET_FIELDS[:] = [*(other for other in SECRET_FIELDS if (other.model, other.field) != same), secret_field]
