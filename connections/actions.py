"""Actions on connections: atomic, and recorded in the audit log, where secrets appear only as "changed"."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from connections.models import Connection, Sharing
from connections.sharing import agreement, sharing
from connections.testing import testing
from roles.audit import audit
from roles.models import Environment, User

OWN = ("name", "most_at_once")  # what every connection has beside its type's settings


class NotAgreedError(Exception):
    """Nobody agreed that data leaves to the connection's target."""


class ChangedMeanwhileError(Exception):
    """Somebody else changed the connection since it was loaded: what was checked is not what is stored."""


@dataclass(frozen=True)
class Draft:
    """The content of a form about a connection; empty `secrets` keep the stored ones."""

    name: str
    settings: dict[str, Any]
    sharing: str
    has_agreed: bool
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    named: tuple[User, ...] = ()  # with Sharing.NAMED
    most_at_once: int | None = None


@transaction.atomic
def create(environment: Environment, type_: str, draft: Draft, *, by: User) -> Connection:
    """Create a connection. Raises IntegrityError for a taken name, NotAgreedError without the agreement."""
    connection = Connection(environment=environment, type=type_, created_by=by, sharing=draft.sharing)
    changes = _apply(connection, draft, by) | {"sharing": ["", draft.sharing]}
    connection.save()
    sharing.set_named(connection, draft.named)
    if draft.sharing == Sharing.NAMED:
        changes["named"] = [[], sharing.audited_values(connection)["named"]]
    audit.record(environment, "create", connection, by=by, changes=changes)
    return connection


@transaction.atomic
def change(connection: Connection, draft: Draft, *, by: User) -> None:
    """Change a connection; sharing is an event of its own.

    Raises IntegrityError when the name is taken, ChangedMeanwhileError, NotAgreedError when data would go where
    nobody agreed to, UnreadableSecretError when the stored secrets would stay and are not for the server.
    """
    loaded = _compared(connection)
    connection.refresh_from_db(from_queryset=Connection.objects.select_for_update())
    if _compared(connection) != loaded:
        raise ChangedMeanwhileError
    changes = _apply(connection, draft, by)
    # What a test wrote since the connection was loaded stays.
    connection.save(update_fields=testing.other_fields())
    if changes.keys() - set(OWN):  # the last test says nothing about these
        testing.drop_result(connection)
    if changes:
        audit.record(connection.environment, "change", connection, by=by, changes=changes)
    sharing.share(connection, draft.sharing, draft.named, by=by)


def _apply(connection: Connection, draft: Draft, by: User) -> dict[str, Any]:
    """Write the draft, except its sharing, into the connection; return the changes as before and after."""
    changes = _difference(connection, draft)
    if not draft.has_agreed and not agreement.is_given(connection, draft.settings):
        raise NotAgreedError
    connection.name, connection.settings, connection.most_at_once = draft.name, draft.settings, draft.most_at_once
    connection.agreed_target = agreement.target_of(connection.type, draft.settings)
    if draft.secrets:
        connection.set_secrets(draft.secrets)
    elif error := connection.secret_problem:
        raise error
    if draft.has_agreed:
        connection.agreed_by, connection.agreed_at = by, timezone.now()
    return changes


def _compared(connection: Connection) -> dict[str, Any]:
    """Return what a form is compared with; `secrets_at` represents the secrets, which rotation rewrites."""
    return {name: getattr(connection, name) for name in ("type", "settings", "secrets_at", "agreed_target", *OWN)}


def _difference(connection: Connection, draft: Draft) -> dict[str, Any]:
    pairs: dict[str, tuple[Any, Any]] = {name: (getattr(connection, name), getattr(draft, name)) for name in OWN}
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
