"""What administrators do to connections: atomic, and in the audit log. Secrets appear there as "changed"."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from connections.checks import run_check
from connections.models import Connection
from roles import audit
from roles.models import Environment, User


class StillUsedError(Exception):
    """The connection cannot be removed: exports use it."""


@dataclass(frozen=True)
class Draft:
    """What a form says about a connection; empty `secrets` keep those that are stored."""

    name: str
    settings: dict[str, Any]
    sharing: str
    has_agreed: bool
    secrets: dict[str, str] = field(default_factory=dict, repr=False)


@transaction.atomic
def create(environment: Environment, type_: str, draft: Draft, *, by: User) -> Connection:
    """Make a connection. Raises IntegrityError when the name is taken."""
    connection = Connection(environment=environment, type=type_, created_by=by)
    changes = _apply(connection, draft, by)
    connection.save()
    audit.record(environment, "create", connection, by=by, changes=changes)
    return connection


@transaction.atomic
def change(connection: Connection, draft: Draft, *, by: User) -> None:
    """Change a connection; sharing is an event of its own. Raises IntegrityError when the name is taken."""
    changes = _apply(connection, draft, by)
    connection.save()
    shared = changes.pop("sharing", None)
    if changes:
        audit.record(connection.environment, "change", connection, by=by, changes=changes)
    if shared:
        audit.record(connection.environment, "share", connection, by=by, changes={"sharing": shared})


def remove(connection: Connection, *, by: User) -> None:
    """Remove a connection that no export uses. Raises StillUsedError."""
    try:
        with transaction.atomic():
            audit.record(connection.environment, "remove", connection, by=by, changes={"type": connection.type})
            connection.delete()
    except ProtectedError as error:
        raise StillUsedError from error


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


def _apply(connection: Connection, draft: Draft, by: User) -> dict[str, Any]:
    """Write the draft into the connection; return what changed, as before and after."""
    changes = _difference(connection, draft)
    connection.name, connection.settings, connection.sharing = draft.name, draft.settings, draft.sharing
    if draft.secrets:
        connection.set_secrets(draft.secrets)
    if draft.has_agreed:
        connection.agreed_by, connection.agreed_at = by, timezone.now()
    if changes.keys() - {"name", "sharing"}:  # the last test says nothing about these
        connection.checked_at, connection.is_check_ok, connection.check_steps = None, None, []
    return changes


def _difference(connection: Connection, draft: Draft) -> dict[str, Any]:
    pairs: dict[str, tuple[Any, Any]] = {
        "name": (connection.name, draft.name),
        "sharing": (connection.sharing if connection.pk else "", draft.sharing),
    }
    for name in sorted({*connection.settings, *draft.settings}):
        pairs[f"settings.{name}"] = (connection.settings.get(name), draft.settings.get(name))
    changes: dict[str, Any] = {
        name: [before, after] for name, (before, after) in pairs.items() if (before or "") != (after or "")
    }
    if draft.secrets:
        changes["secrets"] = "changed"
    if draft.has_agreed:
        changes["agreement"] = "given"
    return changes
