"""Roles as data: the first table of docs/rules.md."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from roles.permissions import Permission


class Role(TextChoices):
    """A person's role in one environment, the highest first."""

    ADMINISTRATOR = "administrator", _("Administrator")
    CONTRIBUTOR = "contributor", _("Contributor")
    VIEWER = "viewer", _("Viewer")


PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.CONTRIBUTOR: frozenset(
        {Permission.VIEW, Permission.EDIT_DATA, Permission.ADD_EXPORTS, Permission.EDIT_EXPORTS}
    ),
    Role.ADMINISTRATOR: frozenset(Permission),
}
# What those who do not manage connections may do only with the connections that are shared with them.
BY_SHARING = frozenset({Permission.ADD_EXPORTS, Permission.EDIT_EXPORTS})
DESCRIPTIONS = {
    Role.ADMINISTRATOR: _("Decides where data can go, and who can do what."),
    Role.CONTRIBUTOR: _("Decides what is sent and when, on connections shared with them."),
    Role.VIEWER: _("Sees what was sent."),
}


def rank(role: str) -> int:
    """Return the rank of a role: 0 for administrators, the highest."""
    return Role.values.index(role)


def is_higher(role: str, other: str) -> bool:
    """Whether `role` ranks above `other`; every role ranks above none ("")."""
    return not other or rank(role) < rank(other)


def roles_with(permission: Permission) -> list[str]:
    """Return the roles that carry `permission`."""
    return [role for role, permissions in PERMISSIONS.items() if permission in permissions]
