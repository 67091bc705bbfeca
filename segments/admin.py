"""Tables and segments for support staff: everything can be read, nothing changed past the audit log."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from roles.admin import ReadOnlyAdmin
from segments.models import Field, Relationship, Segment, Table


class FieldInline(admin.TabularInline):
    """The fields of a table."""

    model = Field
    fields = readonly_fields = ("position", "name", "pg_type", "is_key", "semantic_type")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Fields come from imports alone."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Fields come from imports alone."""
        return False


@admin.register(Table)
class TableAdmin(ReadOnlyAdmin):
    """Read only: rows and fields come from imports."""

    list_display = ("name", "environment", "profile_kind", "row_count", "refreshed_at")
    list_filter = ("environment", "profile_kind")
    list_select_related = ("environment",)
    search_fields = ("name",)
    inlines = (FieldInline,)


@admin.register(Relationship)
class RelationshipAdmin(ReadOnlyAdmin):
    """Read only: people state relationships on a table's page."""

    list_display = ("table", "field_name", "to_table", "to_field_name")
    list_filter = ("table__environment",)
    list_select_related = ("table", "to_table")
    search_fields = ("table__name", "to_table__name")


@admin.register(Segment)
class SegmentAdmin(ReadOnlyAdmin):
    """Read only: a refresh whose worker died heals by itself."""

    list_display = ("name", "environment", "table", "status", "member_count", "refreshed_at")
    list_filter = ("environment", "status")
    list_select_related = ("environment", "table")
    search_fields = ("name",)
