"""What can go: the tables of an environment's warehouse, their fields, and segments of profiles."""

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from roles.kinds import ProfileKind, SemanticType
from roles.models import Environment


class Table(models.Model):
    """A PostgreSQL table (or view) that an environment offers; `name` is also its name in the schema."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="tables")
    name = models.CharField(max_length=63)
    profile_kind = models.CharField(max_length=8, choices=ProfileKind.choices, blank=True)
    row_count = models.BigIntegerField(default=0)
    refreshed_at = models.DateTimeField(null=True, help_text=_("When its data was last read in."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="table_name_is_unique")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_profile_table(self) -> bool:
        """Tell whether segments can be built on it."""
        return bool(self.profile_kind)


class Field(models.Model):
    """One column of a table, in the table's order."""

    table = models.ForeignKey(Table, models.CASCADE, related_name="fields")
    name = models.CharField(max_length=63)
    position = models.PositiveSmallIntegerField()
    pg_type = models.CharField(max_length=40, help_text=_("PostgreSQL's name of its type, such as text or date."))
    is_key = models.BooleanField(default=False)
    semantic_type = models.CharField(max_length=20, choices=SemanticType.choices, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["table", "name"], name="field_name_is_unique")]
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name


class SegmentStatus(models.TextChoices):
    """Where a segment's member list stands."""

    NEW = "new", _("Not refreshed yet")
    REFRESHING = "refreshing", _("Refreshing")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


STATUS_TONES: dict[str, str] = {
    SegmentStatus.NEW: "neutral",
    SegmentStatus.REFRESHING: "running",
    SegmentStatus.READY: "success",
    SegmentStatus.FAILED: "danger",
}


class Match(models.TextChoices):
    """How a segment's conditions are combined."""

    ALL = "all", _("All conditions")
    ANY = "any", _("Any condition")


class Segment(models.Model):
    """A list of profiles of one table: conditions and, after a refresh, its members and their count.

    `conditions` is a list of {"field": name, "operator": one of rules.OPERATORS, "value": text}; an empty list
    means every profile. Members lie in the working table `warehouse.members_table(segment)`.
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="segments")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, validators=[MaxLengthValidator(1000)])
    table = models.ForeignKey(Table, models.PROTECT, related_name="segments")
    match = models.CharField(max_length=3, choices=Match.choices, default=Match.ALL)
    conditions = models.JSONField(default=list, blank=True)
    status = models.CharField(max_length=10, choices=SegmentStatus.choices, default=SegmentStatus.NEW)
    member_count = models.BigIntegerField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    refresh_started_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, help_text=_("Why the last refresh failed, for everyone."))
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="segment_name_is_unique")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def tone(self) -> str:
        """The tone in which its status is shown."""
        return STATUS_TONES[self.status]

    @property
    def reason(self) -> str:
        """Why its last refresh failed, "" if it did not."""
        return self.error if self.status == SegmentStatus.FAILED else ""
