"""Exports, runs and the queue in Django admin, for support staff.

django-q's schedules run any dotted path, so they have no page. Its other tables hold pickles: they are read-only
and their payloads are never loaded.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success

from exports.models import Export, ExportSegment, Run
from roles.admin import ReadOnlyAdmin


class ExportSegmentInline(admin.TabularInline):
    """The segments of an export."""

    model = ExportSegment
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Segments are chosen in the portal."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Segments are chosen in the portal."""
        return False


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """Exports as they are set up; they are changed in the portal, which checks and audits."""

    list_display = ["name", "environment", "connection", "last_run", "schedule_mode", "updated_at"]
    list_filter = ["environment", "schedule_mode"]
    list_select_related = ["environment", "connection", "last_run__export"]
    search_fields = ["name", "connection__name"]
    inlines = [ExportSegmentInline]


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Runs; a stuck one is put back by the dispatcher."""

    list_display = ["short_id", "export", "state", "trigger", "queued_at", "ended_at", "rows_done", "worker"]
    list_filter = ["environment", "state", "trigger"]
    list_select_related = ["export"]
    search_fields = ["uuid", "export__name"]
    exclude = ["token"]


class QueuedTaskAdmin(ReadOnlyAdmin):
    """Tasks that wait: nudges, refreshes, tests of connections."""

    list_display = ["pk", "key", "lock"]
    fields = ["key", "lock"]


class EndedTaskAdmin(ReadOnlyAdmin):
    """Tasks that ended."""

    list_display = ["name", "func", "started", "stopped"]
    fields = ["name", "func", "group", "started", "stopped", "success", "attempt_count"]
    search_fields = ["name", "func"]


for _model in (OrmQ, Schedule, Success, Failure):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
admin.site.register(OrmQ, QueuedTaskAdmin)
admin.site.register([Success, Failure], EndedTaskAdmin)
