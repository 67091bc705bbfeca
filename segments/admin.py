"""Tables and segments for support staff: all pages are read-only."""

from typing import Any

from django.contrib import admin

from roles.desk.bundle import counts_of, part
from roles.desk.read_only import ReadOnlyAdmin, ReadOnlyInline
from segments.models import Field, Relationship, Segment, Table


class FieldInline(ReadOnlyInline):
    """The fields of a table, which only imports change."""

    model = Field
    fields = ("position", "name", "pg_type", "is_key", "semantic_type", "is_shown")


@admin.register(Table)
class TableAdmin(ReadOnlyAdmin):
    """Read-only: rows and fields come from imports."""

    list_display = ("name", "environment", "profile_kind", "row_count", "refreshed_at")
    list_filter = ("environment", "profile_kind")
    list_select_related = ("environment",)
    search_fields = ("=id", "name")
    fields = ("name", "environment", "profile_kind", "row_count", "refreshed_at", "created_at")
    inlines = (FieldInline,)


@admin.register(Field)
class FieldAdmin(ReadOnlyAdmin):
    """The fields of all tables, for searching."""

    list_display = fields = ("name", "table", "pg_type", "is_key", "semantic_type", "is_shown")
    list_filter = ("table__environment", "semantic_type", "is_shown")
    list_select_related = ("table",)
    search_fields = ("=id", "name", "table__name")


@admin.register(Relationship)
class RelationshipAdmin(ReadOnlyAdmin):
    """Read-only: people set relationships on a table's page."""

    list_display = fields = ("table", "field_name", "to_table", "to_field_name")
    list_filter = ("table__environment",)
    list_select_related = ("table", "to_table")
    search_fields = ("=id", "table__name", "to_table__name", "field_name")


@admin.register(Segment)
class SegmentAdmin(ReadOnlyAdmin):
    """Read-only: a refresh whose worker died recovers by itself. Rules hold personal values and are not shown."""

    list_display = ("name", "environment", "table", "status", "member_count", "refreshed_at")
    list_filter = ("environment", "status")
    list_select_related = ("environment", "table")
    search_fields = ("=id", "name")
    fields = (
        "name", "description", "environment", "table", "match", "projected_fields", "status", "member_count",
        "refreshed_at", "refresh_started_at", "created_by", "created_at", "updated_at",
    )  # fmt: skip


@part("tables")
def _tables() -> list[dict[str, Any]]:
    return counts_of(Table, "environment_id", "profile_kind")


@part("segments")
def _segments() -> list[dict[str, Any]]:
    return counts_of(Segment, "environment_id", "status")
