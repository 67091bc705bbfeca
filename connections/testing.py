"""Testing a connection for real, and keeping how it went."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from connections.checks import run_check
from connections.models import Connection
from roles import audit
from roles.models import User

# What a test writes, each with its value where there was none.
NONE: dict[str, Any] = {
    "checked_at": None,
    "is_check_ok": None,
    "check_steps": [],
    "check_asked_at": None,
    "check_asked_by": None,
    "expires_at": None,
}


def other_fields() -> list[str]:
    """Return the names of a connection's fields that tests do not write."""
    fields = Connection._meta.concrete_fields
    return [field.name for field in fields if not field.primary_key and field.name not in NONE]


def forget(connection: Connection) -> None:
    """Drop the last result, and that of a test which is under way: they are about something else now."""
    Connection.objects.filter(pk=connection.pk).update(**NONE)
    for name, value in NONE.items():
        setattr(connection, name, value)


def test(connection: Connection, *, by: User) -> None:
    """Try the connection for real and keep the result."""
    steps = run_check(connection)
    is_ok = all(step.state == "done" for step in steps)
    connection.checked_at, connection.is_check_ok = timezone.now(), is_ok
    connection.check_steps = [step.as_json() for step in steps]
    with transaction.atomic():
        # Whoever changed the connection meanwhile made this result one of something else.
        Connection.objects.filter(pk=connection.pk, updated_at=connection.updated_at).update(
            checked_at=connection.checked_at, is_check_ok=is_ok, check_steps=connection.check_steps
        )
        audit.record(connection.environment, "test", connection, by=by, changes={"is_check_ok": is_ok})
