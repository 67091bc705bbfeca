"""The server that a connection's secrets were entered for: no other server gets them."""

from collections.abc import Mapping
from typing import Any

from connections.destinations.registry import destinations
from roles.secrets.store import Server


def server_of(type_: str, settings: Mapping[str, Any]) -> Server:
    """Return the `settings` that identify the server: those the type names, else all."""
    return {"type": type_, "settings": _telling(type_, settings)}


def is_for(server: Server | None, type_: str, settings: Mapping[str, Any]) -> bool:
    """Whether secrets entered for `server` may go where `settings` lead."""
    if server is None or server.get("type") != type_:
        return False
    return _telling(type_, server.get("settings", {})) == _telling(type_, settings)


def _telling(type_: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    found = destinations().get(type_)
    names = found.settings_form.server_settings if found else None
    return {name: settings[name] for name in sorted(settings if names is None else names) if settings.get(name)}
