"""Connections for support staff: everything but secrets can be read, nothing changed."""

from typing import Any

from django.contrib import admin

from connections.models import Connection
from roles.desk.bundle import counts_of, part
from roles.desk.read_only import ReadOnlyAdmin


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """Read-only: a change here would bypass the agreement, the host key and the secrets."""

    list_display = ("name", "type", "environment", "sharing", "is_check_ok", "checked_at", "created_at")
    list_filter = ("environment", "type", "sharing", "is_check_ok")
    list_select_related = ("environment",)
    search_fields = ("=id", "name", "type")
    fields = (
        "environment", "name", "type", "settings", "sharing", "shared_with", "most_at_once", "agreed_by", "agreed_at",
        "created_by", "created_at", "updated_at", "checked_at", "is_check_ok", "check_steps",
        "check_asked_at", "check_asked_by", "expires_at",
    )  # fmt: skip


@part("connections")
def _counts() -> list[dict[str, Any]]:
    return counts_of(Connection, "environment_id", "type", "sharing", "is_check_ok")
