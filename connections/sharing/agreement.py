"""The administrator's agreement that data leaves: valid only for the target it was given for."""

import json
from hashlib import sha256
from typing import Any

from connections.destinations.registry import destinations
from connections.models import Connection
from connections.secrets import binding
from roles.secrets.store import encrypt


def target_of(type_: str, settings: dict[str, Any]) -> str:
    """Return the SHA-256 (hex) of the settings that say where data goes: those the type names, else all."""
    found = destinations().get(type_)
    names = found.settings_form.target_settings if found else None
    target = {name: settings.get(name) or "" for name in sorted(settings if names is None else names)}
    return sha256(json.dumps([type_, target], sort_keys=True).encode()).hexdigest()


def agreed_target(connection: Connection) -> str:
    """Return the target that was agreed to, "" where nobody agreed yet.

    An agreement from before targets were noted is one to the target that was stored then.
    """
    if connection.agreed_at is None:
        return ""
    return connection.agreed_target or target_of(connection.type, connection.settings)


def is_given(connection: Connection, settings: dict[str, Any] | None = None) -> bool:
    """Whether somebody agreed to the target of `settings`, or of the stored settings."""
    target = target_of(connection.type, connection.settings if settings is None else settings)
    return agreed_target(connection) == target


def carry_over(connection: Connection, settings: dict[str, Any]) -> None:
    """Give the connection new `settings` that lead to the same target, as when a server moved; the caller saves.

    Its secrets go along where they were for that server.
    """
    was_given, sealed = is_given(connection), _own_secrets(connection)
    connection.settings = settings
    if sealed:
        connection.encrypted_secrets = encrypt(sealed, binding.server_of(connection.type, settings))
    if was_given:
        connection.agreed_target = target_of(connection.type, settings)


def _own_secrets(connection: Connection) -> dict[str, str]:
    """Return the secrets that may go to the connection's server as it is; {} for others."""
    return {} if connection.secret_problem else connection.secrets
