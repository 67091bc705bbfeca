"""One execution of an environment's system refresh, and its parts: tables, segments, exports."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from exports.models.leased import Leased, LeasedQuerySet
from roles.messages.field import MessageField
from roles.models import Environment


class RefreshState(models.TextChoices):
    """The state of a system refresh."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Refreshing")
    SUCCEEDED = "succeeded", _("Successful")
    WARNED = "warned", _("Completed with failures")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    CANCELED = "canceled", _("Canceled")


REFRESHES_UNDER_WAY = (RefreshState.QUEUED, RefreshState.RUNNING)


class RefreshTrigger(models.TextChoices):
    """What started a system refresh."""

    PERSON = "person", _("Refresh all")
    SCHEDULE = "schedule", _("Schedule")


class SystemRefresh(models.Model):
    """Re-reads tables, recomputes segments, then runs every export that follows it; this row is the truth about it."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="refreshes")
    state = models.CharField(max_length=10, choices=RefreshState.choices, default=RefreshState.QUEUED)
    trigger = models.CharField(max_length=10, choices=RefreshTrigger.choices)
    triggered_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")
    due = models.DateTimeField(null=True, help_text=_("The time for which it was scheduled."))
    is_late = models.BooleanField(default=False)
    queued_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    canceled_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")
    reason = MessageField(older="reason", longest=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "due"], name="one_refresh_per_occurrence"),
            models.UniqueConstraint(
                fields=["environment"], condition=Q(state__in=REFRESHES_UNDER_WAY), name="one_refresh_at_a_time"
            ),
            models.CheckConstraint(condition=Q(state__in=RefreshState.values), name="refresh_state_is_known"),
        ]
        indexes = [models.Index("environment", F("id").desc(), name="refresh_history")]

    def __str__(self) -> str:
        return f"{self.environment} {str(self.uuid)[:13]}"


class PartKind(models.TextChoices):
    """What a part of a system refresh is about."""

    TABLE = "table", _("Table")
    SEGMENT = "segment", _("Segment")
    EXPORT = "export", _("Export")


class PartState(models.TextChoices):
    """The state of a part."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Refreshing")
    DONE = "done", _("Successful")
    WARNED = "warned", _("Completed with warnings")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    CANCELED = "canceled", _("Canceled")


class RefreshPart(Leased):
    """One table, segment or export of a system refresh; `needs` are the positions of the parts it depends on."""

    refresh = models.ForeignKey(SystemRefresh, models.CASCADE, related_name="parts")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=7, choices=PartKind.choices)
    object_id = models.BigIntegerField()
    name = models.CharField(max_length=200)
    needs = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=8, choices=PartState.choices, default=PartState.WAITING)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    rows = models.BigIntegerField(null=True)
    message = MessageField(older="message", help_text=_("What happened and what to do, for everyone."))
    run = models.ForeignKey("exports.Run", models.SET_NULL, null=True, related_name="+")
    claims = models.PositiveSmallIntegerField(default=0)

    OWNED_IN = PartState.RUNNING
    objects = LeasedQuerySet["RefreshPart"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["refresh", "position"], name="refresh_part_position")]
        indexes = [models.Index("kind", "object_id", F("id").desc(), name="refresh_part_history")]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}"
