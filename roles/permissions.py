"""What may be done, as words; which role has which is data in roles.py."""

from enum import StrEnum


class Permission(StrEnum):
    """One thing that a person may do in an environment."""

    VIEW = "view"
    EDIT_DATA = "edit_data"  # tables and segments: create, edit, refresh
    ADD_EXPORTS = "add_exports"  # on connections that they may use
    EDIT_EXPORTS = "edit_exports"  # those whose connection they may use
    MANAGE_CONNECTIONS = "manage_connections"
    MANAGE_PEOPLE = "manage_people"  # users, their roles, invitations, groups
    READ_AUDIT = "read_audit"
