"""Django admin for support staff: read everything, change little, never a secret."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from roles.models import AuditEvent, Environment, RoleAssignment, User

admin.site.site_header = admin.site.site_title = "Waybill support"


class ReadOnlyAdmin(admin.ModelAdmin):
    """Look, don't touch."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is added here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is removed here."""
        return False


class RoleAssignmentInline(admin.TabularInline):
    """The people of an environment."""

    model = RoleAssignment
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(User)
class WaybillUserAdmin(UserAdmin):
    """People who sign in."""


@admin.register(Environment)
class EnvironmentAdmin(admin.ModelAdmin):
    """Environments and who is in them."""

    list_display = ["name", "slug", "audience", "warehouse_schema", "created_at"]
    search_fields = ["name", "slug"]
    readonly_fields = ["warehouse_schema", "created_at"]
    inlines = [RoleAssignmentInline]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An environment holds customers' data; it is not removed by a click."""
        return False


@admin.register(RoleAssignment)
class RoleAssignmentAdmin(admin.ModelAdmin):
    """Who has which role where."""

    list_display = ["user", "environment", "role"]
    list_filter = ["environment", "role"]
    list_select_related = ["user", "environment"]
    autocomplete_fields = ["user", "environment"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """What was done, by whom."""

    list_display = ["at", "environment", "actor_name", "action", "object_type", "object_name"]
    list_filter = ["environment", "action", "object_type"]
    list_select_related = ["environment"]
    search_fields = ["object_name", "actor_name"]
