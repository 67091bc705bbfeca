"""Connections for support staff: everything can be read but secrets, and nothing changed."""

from django.contrib import admin

from connections.models import Connection
from roles.admin import ReadOnlyAdmin


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """Read only: a change would go past the agreement, the host key and the secrets."""

    list_display = ("name", "type", "environment", "sharing", "is_check_ok", "checked_at", "created_at")
    list_filter = ("environment", "type", "sharing", "is_check_ok")
    list_select_related = ("environment",)
    search_fields = ("name", "type")
    exclude = ("encrypted_secrets",)
