"""Exports, runs and the queue in Django admin, for support staff.

django-q's schedules run any dotted path, so they have no page. Its other tables hold pickles: they are read-only
and their payloads are never loaded.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_q.models import Failure, OrmQ, Success

from exports import support  # noqa: F401 - support adds its parts to the bundle
from exports.models import (
    Alert,
    AlertChannel,
    AlertDelivery,
    AlertsSeen,
    AudienceContainer,
    Export,
    ExportSegment,
    ExportTable,
    RateBudget,
    RefreshPart,
    RefreshSchedule,
    Run,
    RunLine,
    Schedule,
    SystemRefresh,
)
from exports.runs import unstick
from roles.desk.read_only import ReadOnlyAdmin, ReadOnlyInline


class ExportSegmentInline(ReadOnlyInline):
    """The segments of an export."""

    model = ExportSegment
    fields = ("position", "segment")


class ExportTableInline(ReadOnlyInline):
    """The tables of a data-out export."""

    model = ExportTable
    fields = ("position", "table")


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """The settings of exports. People change them in the portal, which checks and audits."""

    list_display = ["name", "environment", "connection", "last_run", "schedule_mode", "updated_at"]
    list_filter = ["environment", "kind", "schedule_mode", "last_state"]
    list_select_related = ["environment", "connection", "last_run__export"]
    search_fields = ["=id", "name", "connection__name", "=runs__uuid"]
    fields = [
        "name", "description", "environment", "kind", "connection", "detached_sharing", "detached_users", "folder",
        "settings", "field_selection", "schedule_mode", "refreshes_segments", "tolerance",
        "most_removals", "sends_nothing", "last_run", "last_state", "delivered_at",
        "created_by", "created_at", "updated_by", "updated_at",
    ]  # fmt: skip
    inlines = [ExportSegmentInline, ExportTableInline]


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Runs. The dispatcher puts back runs whose worker died; support can put back those that are still stuck."""

    list_display = ["short_id", "export", "environment", "state", "trigger", "queued_at", "ended_at", "rows_done"]
    list_filter = ["environment", "state", "trigger"]
    list_select_related = ["export", "environment"]
    search_fields = ["=id", "uuid", "export__name", "worker"]
    fields = [
        "uuid", "environment", "export", "state", "trigger", "triggered_by", "reason", "message", "detail", "queued_at",
        "not_before", "due", "is_late", "refresh", "waits_for", "awaits", "started_at", "ended_at", "data_as_of",
        "held_for", "decided_by", "decided_at", "decision", "is_released", "lease_until", "worker", "claimed_at",
        "claims", "tries", "cancel_requested_at", "canceled_by", "most_rows", "rows_total", "rows_done", "bytes_done",
        "steps", "items", "files", "folder", "folders", "is_publishing", "given", "settling_claims",
        "connection", "target", "has_leftovers",
    ]  # fmt: skip
    actions = ["queue_anew", "end_as_failed"]

    @admin.action(description=gettext_lazy("Queue again if no worker is on it"), permissions=["view"])
    def queue_anew(self, request: Any, queryset: QuerySet[Run]) -> None:
        """Let a worker take stuck runs at once."""
        self._unstick(request, queryset, unstick.queue_anew, _("Run %(run)s queued again."))

    @admin.action(description=gettext_lazy("End as failed if no worker is on it"), permissions=["view"])
    def end_as_failed(self, request: Any, queryset: QuerySet[Run]) -> None:
        """End stuck runs as failed."""
        self._unstick(request, queryset, unstick.end_as_failed, _("Run %(run)s ended as failed."))

    def _unstick(self, request: Any, queryset: QuerySet[Run], act: Callable[..., None], text: str) -> None:
        for run in queryset:
            try:
                act(run, by=request.user)
            except unstick.NotStuckError as error:
                self.message_user(request, str(error), messages.WARNING)
            else:
                self.message_user(request, text % {"run": run.short_id})


@admin.register(RunLine)
class RunLineAdmin(ReadOnlyAdmin):
    """The logs of runs."""

    list_display = ["at", "run", "level", "text"]
    list_select_related = ["run__export"]
    search_fields = ["run__uuid", "text"]
    fields = ["run", "at", "level", "text", "detail"]


RECURRENCE = ("repeat", "times", "weekdays", "month_day", "cron", "zone", "next_due", "problem")


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """The schedules of exports of their own."""

    list_display = ["export", "repeat", "zone", "next_due", "problem"]
    list_select_related = ["export"]
    search_fields = ["=export__id", "export__name", "zone"]
    fields = ["export", *RECURRENCE]


@admin.register(RefreshSchedule)
class RefreshScheduleAdmin(ReadOnlyAdmin):
    """The schedules of system refreshes."""

    list_display = ["environment", "is_on", "repeat", "zone", "next_due", "problem"]
    list_select_related = ["environment"]
    search_fields = ["environment__name", "zone"]
    fields = ["environment", "is_on", *RECURRENCE, "updated_by", "updated_at"]


class RefreshPartInline(ReadOnlyInline):
    """The parts of a system refresh."""

    model = RefreshPart
    fields = ("position", "kind", "name", "state", "started_at", "ended_at", "rows", "message")


@admin.register(SystemRefresh)
class SystemRefreshAdmin(ReadOnlyAdmin):
    """System refreshes with their parts."""

    list_display = ["__str__", "state", "trigger", "queued_at", "ended_at"]
    list_filter = ["environment", "state", "trigger"]
    list_select_related = ["environment"]
    search_fields = ["=id", "uuid", "environment__name"]
    fields = [
        "uuid", "environment", "state", "trigger", "triggered_by", "due", "is_late", "queued_at", "started_at",
        "ended_at", "cancel_requested_at", "canceled_by", "reason",
    ]  # fmt: skip
    inlines = [RefreshPartInline]


@admin.register(RefreshPart)
class RefreshPartAdmin(ReadOnlyAdmin):
    """Tables, segments and exports of system refreshes."""

    list_display = ["name", "kind", "refresh", "state", "ended_at"]
    list_select_related = ["refresh__environment"]
    search_fields = ["name", "=object_id", "refresh__uuid"]
    fields = [
        "refresh", "position", "kind", "object_id", "name", "needs", "state", "started_at", "ended_at", "rows",
        "message", "run", "lease_until", "claims",
    ]  # fmt: skip


@admin.register(AlertChannel)
class AlertChannelAdmin(ReadOnlyAdmin):
    """Where alerts go. The address of a webhook is a secret and is never shown."""

    list_display = ["name", "environment", "kind", "is_on", "last_sent_at"]
    list_select_related = ["environment"]
    search_fields = ["name", "environment__name"]
    fields = [
        "environment", "name", "kind", "people", "kinds", "tells_recovery", "exports", "is_on", "last_error",
        "last_sent_at", "created_by", "created_at", "updated_at",
    ]  # fmt: skip


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """What went wrong, and when it ended."""

    list_display = ["kind", "environment", "export", "opened_at", "closed_at"]
    list_filter = ["environment", "kind"]
    list_select_related = ["environment", "export"]
    search_fields = ["text", "export__name", "environment__name"]
    fields = ["environment", "export", "refresh", "run", "kind", "text", "opened_at", "closed_at", "closing_text"]


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnlyAdmin):
    """Messages of alerts to channels."""

    list_display = ["alert", "channel", "is_recovery", "state", "tries", "sent_at"]
    list_select_related = ["alert__export", "alert__environment", "channel"]
    search_fields = ["uuid", "channel__name"]
    fields = ["uuid", "alert", "channel", "is_recovery", "state", "tries", "not_before", "sent_at", "answers", "error"]


@admin.register(AlertsSeen)
class AlertsSeenAdmin(ReadOnlyAdmin):
    """The time up to which people have read the alerts."""

    list_display = ["user", "environment", "seen_at"]
    list_select_related = ["user", "environment"]
    search_fields = ["user__username", "environment__name"]
    fields = ["user", "environment", "seen_at"]


@admin.register(AudienceContainer)
class AudienceContainerAdmin(ReadOnlyAdmin):
    """Tags, lists and audiences that Waybill fills. The key of their identities is a secret and is never shown."""

    list_display = ["__str__", "environment", "connection", "type", "vendor_id", "counted", "counted_at"]
    list_filter = ["environment", "type"]
    list_select_related = ["environment", "connection"]
    search_fields = ["name", "key", "vendor_id", "account", "environment__name"]
    fields = [
        "environment", "connection", "type", "account", "key", "vendor_id", "name", "made_at", "counted", "counted_at",
    ]  # fmt: skip


@admin.register(RateBudget)
class RateBudgetAdmin(ReadOnlyAdmin):
    """When the next requests to systems that limit them may go."""

    list_display = ["scope", "next_at"]
    search_fields = ["scope"]
    fields = ["scope", "next_at"]


class QueuedTaskAdmin(ReadOnlyAdmin):
    """Tasks that wait: nudges, refreshes, tests of connections."""

    list_display = ["pk", "key", "lock"]
    fields = ["key", "lock"]
    search_fields = ["=id", "key"]


class EndedTaskAdmin(ReadOnlyAdmin):
    """Tasks that ended. Their arguments and results are not shown."""

    list_display = ["name", "func", "started", "stopped"]
    fields = ["name", "func", "group", "started", "stopped", "success", "attempt_count"]
    search_fields = ["=id", "name", "func"]


admin.site.register(OrmQ, QueuedTaskAdmin)
admin.site.register([Success, Failure], EndedTaskAdmin)
