"""What each role may do, computed from roles/roles.py."""

from typing import NamedTuple

from django.utils.translation import gettext as _

from roles.permissions import Permission
from roles.roles import BY_SHARING, DESCRIPTIONS, PERMISSIONS, Role


class Cell(NamedTuple):
    """What one role may of one permission."""

    role: str
    may: bool
    limit: str  # "" where it holds everywhere


class PermissionRow(NamedTuple):
    """One permission, and what each role may of it."""

    permission: Permission
    cells: list[Cell]


class Matrix(NamedTuple):
    """The whole of it: roles with their purpose, and a row for each permission."""

    roles: list[tuple[str, str]]
    rows: list[PermissionRow]


def matrix() -> Matrix:
    """Return what each role may do."""
    roles = [(str(role.label), str(DESCRIPTIONS[role])) for role in Role]
    return Matrix(roles, [PermissionRow(one, [_cell(role, one) for role in Role]) for one in Permission])


def _cell(role: Role, permission: Permission) -> Cell:
    may = permission in PERMISSIONS[role]
    is_limited = may and permission in BY_SHARING and Permission.MANAGE_CONNECTIONS not in PERMISSIONS[role]
    return Cell(str(role.label), may, _("on shared connections") if is_limited else "")
