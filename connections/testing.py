"""Testing a connection for real, and keeping how it went."""

from django.db import transaction
from django.utils import timezone

from connections.checks import run_check
from connections.models import Connection
from roles import audit
from roles.models import User


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
