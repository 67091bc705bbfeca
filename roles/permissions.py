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
        _("See what goes out"),
        _("Lists, details, status and history of tables, segments and exports, and connections by name and type."),
    )
    EDIT_DATA = (
        "edit_data",
        _("Change tables and segments"),
        _("Relate tables; create, edit, refresh and remove segments."),
    )
    ADD_EXPORTS = (
        "add_exports",
        _("Add exports"),
        _("Set up a new export, or a duplicate of one, on a connection that they may use."),
    )
    EDIT_EXPORTS = (
        "edit_exports",
        _("Change and run exports"),
        _("Edit, run, schedule, detach and remove exports and cancel their runs, whoever made them."),
    )
    SEE_DETAILS = (
        "see_details",
        _("See the details of errors"),
        _("What the other system answered, with its host, path and account."),
    )
    MANAGE_CONNECTIONS = (
        "manage_connections",
        _("Manage connections"),
        _("Add, change, share, test and remove connections, and use every one of them."),
    )
    SHOW_VALUES = (
        "show_values",
        _("Show columns to viewers"),
        _("Choose the columns of tables whose values viewers see; all others are masked for them."),
    )
    MANAGE_PEOPLE = (
        "manage_people",
        _("Manage people"),
        _("Add people and groups, invite, change and remove roles."),
    )
    READ_AUDIT = (
        "read_audit",
        _("Read the audit log"),
        _("Who did what and when, with the values before and after."),
    )
    MANAGE_SYSTEM = (
        "manage_system",
        _("Manage the system"),
        _("System: set when it is refreshed, refresh all, cancel that, and pause the environment."),
    )
