"""Removing a connection: only one that no export uses."""

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from connections.models import Connection
from roles import audit
from roles.models import User


class StillUsedError(Exception):
    """The connection cannot be removed: exports use it."""


def remove(connection: Connection, *, by: User) -> None:
    """Remove a connection that no export uses. Raises StillUsedError, also for an export attached in this moment."""
    try:
        with transaction.atomic():
            audit.record(connection.environment, "remove", connection, by=by, changes={"type": connection.type})
            connection.delete()
    except (ProtectedError, IntegrityError) as error:  # the latter from the database, at the commit
        raise StillUsedError from error
