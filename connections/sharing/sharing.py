"""Who may use a connection: administrators only, all contributors, or those named."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from django.utils.translation import gettext as _

from connections.models import Connection, ConnectionQuerySet, Sharing
from roles.audit import audit
from roles.models import Environment, User
from roles.permissions import Permission
from roles.roles import PERMISSIONS
from roles.ui.locales import listing

# The roles that sharing is about: administrators use every connection anyway.
SHARED_ROLES = [
    role
    for role, permissions in PERMISSIONS.items()
    if Permission.ADD_EXPORTS in permissions and Permission.MANAGE_CONNECTIONS not in permissions
]


def contributors(environment: Environment) -> "Any":
    """Return the people of the environment with whom a connection can be shared, by name."""
    found = User.objects.filter(role_assignments__environment=environment, role_assignments__role__in=SHARED_ROLES)
    return found.order_by("first_name", "last_name", "username")


def with_people(connections: ConnectionQuerySet, environment: Environment) -> ConnectionQuerySet:
    """Load, in one query, the contributors whom each connection names, as `people`."""
    return connections.prefetch_related(Prefetch("shared_with", contributors(environment), to_attr="people"))


def words(connection: Connection) -> str:
    """Say who besides administrators uses a connection of `with_people`, in a few words."""
    if connection.sharing != Sharing.NAMED:
        return str(Sharing(connection.sharing).label)
    return several([str(user) for user in getattr(connection, "people")]) or _("None named")  # noqa: B009


def several(names: list[str]) -> str:
    """Return "Ana", "Ana and Ben", "Ana, Ben and Cleo" or "Ana, Ben and 2 more"; "" for none."""
    if len(names) < 2:
        return "".join(names)
    last = _("%(n)d more") % {"n": len(names) - 2} if len(names) > 3 else names[-1]
    first = names[:-1] if len(names) <= 3 else names[:2]
    return listing([*first, last])


def users_of(connection: Connection) -> list[User]:
    """Return the contributors who may use the connection now, by name."""
    people = contributors(connection.environment)
    if connection.sharing == Sharing.NAMED:
        people = people.filter(pk__in=connection.shared_with.values("pk"))
    return [] if connection.sharing == Sharing.NOBODY else list(people)


@transaction.atomic
def share(connection: Connection, sharing: str, named: Iterable[User] = (), *, by: User) -> None:
    """Share the connection as `sharing` says, with the contributors `named` for Sharing.NAMED; audited."""
    connection.refresh_from_db(from_queryset=Connection.objects.select_for_update())
    before = audited_values(connection)
    connection.sharing = sharing
    connection.save(update_fields=["sharing"])  # a test that is under way stays one of this connection
    set_named(connection, named)
    after = audited_values(connection)
    changes = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    if changes:
        audit.record(connection.environment, "share", connection, by=by, changes=changes)


def set_named(connection: Connection, named: Iterable[User]) -> None:
    """Set the named users to those of `named` who are contributors; to nobody unless names decide."""
    is_by_name = connection.sharing == Sharing.NAMED
    ids = [user.pk for user in named] if is_by_name else []
    connection.shared_with.set(contributors(connection.environment).filter(pk__in=ids))


@transaction.atomic
def stop_naming(user: User, environment: Environment) -> None:
    """Remove the user from every connection of the environment that names them, when they lose the role.

    If they get the role again, they are not named again.
    """
    for connection in Connection.objects.filter(environment=environment, shared_with=user):
        before = audited_values(connection)
        connection.shared_with.remove(user)
        changes = {"named": [before["named"], audited_values(connection)["named"]]}
        audit.record(environment, "share", connection, by=None, changes=changes)


def audited_values(connection: Connection) -> dict[str, Any]:
    """Return what the audit log records of the sharing."""
    return {"sharing": connection.sharing, "named": [label(user) for user in connection.shared_with.order_by("pk")]}


def label(user: User) -> str:
    """Return the user's name, distinct from namesakes."""
    return user.username if str(user) == user.username else f"{user} ({user.username})"
