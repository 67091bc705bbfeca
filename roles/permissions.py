"""What may be done, in words; roles.py says which role has which permission."""

from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class Permission(StrEnum):
    """One thing that a person may do in an environment: a value, its name, and a sentence about it."""

    label: "StrPromise"
    description: "StrPromise"

    def __new__(cls, value: str, label: "StrPromise", description: "StrPromise") -> "Permission":
        """Make a member that is its `value`."""
        member = str.__new__(cls, value)
        member._value_, member.label, member.description = value, label, description
        return member

    VIEW = (
        "view",
        _("View data and exports"),
        _("Lists, details, status and history of tables, segments and exports; names and types of connections."),
    )
    EDIT_DATA = (
        "edit_data",
        _("Change tables and segments"),
        _("Link tables; create, edit, refresh and remove segments."),
    )
    ADD_EXPORTS = (
        "add_exports",
        _("Add exports"),
        _("Set up a new export or a duplicate on a connection shared with them."),
    )
    EDIT_EXPORTS = (
        "edit_exports",
        _("Edit and run exports"),
        _("Edit, run, schedule, detach and remove exports, and cancel their runs, whoever created them."),
    )
    SEE_DETAILS = (
        "see_details",
        _("View error details"),
        _("Answers of other systems, with host, path and account."),
    )
    MANAGE_CONNECTIONS = (
        "manage_connections",
        _("Manage connections"),
        _("Add, edit, share, test and remove connections, and use all of them."),
    )
    SHOW_VALUES = (
        "show_values",
        _("Choose columns for viewers"),
        _("Choose the table columns that viewers see unmasked."),
    )
    MANAGE_PEOPLE = (
        "manage_people",
        _("Manage people"),
        _("Add people and groups; create invitations; change and remove roles."),
    )
    READ_AUDIT = (
        "read_audit",
        _("View the audit log"),
        _("Who did what and when, with values before and after."),
    )
    MANAGE_SYSTEM = (
        "manage_system",
        _("Manage the system"),
        _("Set the refresh schedule, refresh all, cancel a refresh, pause the environment."),
    )
