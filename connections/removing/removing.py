"""Removing a connection that no export uses; the app above tells what uses it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from connections.models import Connection
from roles.audit import audit
from roles.audit.gone import locked
from roles.models import User

Usage = Mapping[str, Any]  # what the page of the removal shows, with "items" for each thing that uses the connection

_tellers: list[tuple[Callable[[Connection], Usage], Callable[[Connection], object]]] = []


class StillUsedError(Exception):
    """The connection cannot be removed: exports use it."""


def register_usage(teller: Callable[[Connection], Usage], seen: Callable[[Connection], object]) -> None:
    """Let `teller` tell what uses a connection, and `seen` all that this depends on (roles/ui/polls.py)."""
    _tellers.append((teller, seen))


def usage_of(connection: Connection) -> dict[str, Any]:
    """Return what uses the connection, for the page."""
    found: dict[str, Any] = {"items": []}
    for teller, _seen in _tellers:
        found |= teller(connection)
    return found


def seen_of(connection: Connection) -> list[object]:
    """Return what the answer to a poll of the page depends on."""
    return [seen(connection) for _teller, seen in _tellers]


def remove(connection: Connection, *, by: User) -> None:
    """Remove a connection that no export uses. Raises AlreadyGoneError, StillUsedError."""
    try:
        with transaction.atomic():
            locked(Connection.objects.all(), connection)
            audit.record(connection.environment, "remove", connection, by=by, changes={"type": connection.type})
            # Not connection.delete(), which takes its id from it even where the commit then fails.
            Connection.objects.filter(pk=connection.pk).delete()
    except (ProtectedError, IntegrityError) as error:  # the latter from the database, at the commit
        raise StillUsedError from error
