"""What can be exported: the tables of an environment's warehouse, their fields, and segments of profiles."""

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from roles.fields import Name, Note
from roles.kinds import ProfileKind, SemanticType
from roles.messages import EMPTY, Message
from roles.messages.field import MessageField
from roles.models import Environment
from segments.types import are_comparable


class Table(models.Model):
    """A PostgreSQL table (or view) that an environment offers; `name` is also its name in the schema."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="tables")
    name = models.CharField(max_length=63)
    profile_kind = models.CharField(max_length=8, choices=ProfileKind.choices, blank=True)
    row_count = models.BigIntegerField(default=0)
    refreshed_at = models.DateTimeField(null=True, help_text=_("When its data was last loaded."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="table_name_is_unique")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_profile_table(self) -> bool:
        """Whether segments can be built on it."""
        return bool(self.profile_kind)


class Field(models.Model):
    """One column of a table, in the table's order."""

    table = models.ForeignKey(Table, models.CASCADE, related_name="fields")
    name = models.CharField(max_length=63)
    position = models.PositiveSmallIntegerField()
    pg_type = models.CharField(max_length=40, help_text=_("PostgreSQL's name of its type, such as text or date."))
    is_settled = models.BooleanField(
        default=True, help_text=_("A file had a value in it, or an import named its type: the type stays.")
    )
    layout = models.CharField(
        max_length=20, blank=True, help_text=_("The format of its times, if PostgreSQL prints them differently.")
    )
    date_format = models.CharField(
        max_length=60, blank=True, help_text=_("The format of its dates in files, if not ISO.")
    )
    is_key = models.BooleanField(default=False)
    semantic_type = models.CharField(max_length=20, choices=SemanticType.choices, blank=True)
    is_shown = models.BooleanField(
        default=False, help_text=_("Whether viewers see its values; set by an administrator.")
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["table", "name"], name="field_name_is_unique")]
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name


class RelationshipQuerySet(models.QuerySet["Relationship"]):
    """Relationships with the current fields of both sides."""

    def described(self) -> "RelationshipQuerySet":
        """Annotate both sides' types (None: no such field any more) and the number of keys of the other table.

        Nothing leads out of an environment.
        """
        own = Field.objects.filter(table=models.OuterRef("table"), name=models.OuterRef("field_name"))
        other = Field.objects.filter(table=models.OuterRef("to_table"), is_key=True)
        keys = other.order_by().values("table").annotate(n=models.Count("pk")).values("n")
        within = self.filter(to_table__environment=models.F("table__environment"))
        return within.select_related("table", "to_table").annotate(
            field_type=models.Subquery(own.values("pg_type")),
            to_type=models.Subquery(other.filter(name=models.OuterRef("to_field_name")).values("pg_type")),
            key_count=Coalesce(models.Subquery(keys), 0),
        )


class Relationship(models.Model):
    """Each row of `table` refers to at most one row of `to_table`: the one whose only key `to_field_name` is equal.

    Fields are kept by name, so that it survives a new import. One whose field is gone, or is no longer comparable
    or the key, is broken: shown as such on the table's page and ignored everywhere else (`problem`).
    """

    table = models.ForeignKey(Table, models.CASCADE, related_name="relationships")
    field_name = models.CharField(max_length=63)
    to_table = models.ForeignKey(Table, models.CASCADE, related_name="referring_relationships")
    to_field_name = models.CharField(max_length=63)
    # What `described` annotates.
    field_type: str | None
    to_type: str | None
    key_count: int

    objects = RelationshipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["table", "field_name", "to_table"], name="relationship_is_unique"),
            models.CheckConstraint(
                condition=~models.Q(table=models.F("to_table"), field_name=models.F("to_field_name")),
                name="relationship_leads_to_another_field",
            ),
        ]
        ordering = ["table", "field_name", "to_table"]

    def __str__(self) -> str:
        return f"{self.table}.{self.field_name} → {self.to_table}.{self.to_field_name}"

    @property
    def problem(self) -> str:
        """Say why it is broken, "" if it is not; for one that `described` gave."""
        if self.field_type is None:
            return gettext("%(table)s no longer has a field “%(field)s”.") % {
                "table": self.table.name,
                "field": self.field_name,
            }
        if self.to_type is None or self.key_count != 1:
            return gettext("“%(field)s” is no longer the only key of %(table)s.") % {
                "table": self.to_table.name,
                "field": self.to_field_name,
            }
        if not are_comparable(self.field_type, self.to_type):
            return gettext("Fields of type %(one)s and %(other)s cannot be compared.") % {
                "one": self.field_type,
                "other": self.to_type,
            }
        return ""


class SegmentStatus(models.TextChoices):
    """The state of a segment's member list."""

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


class SegmentError(models.TextChoices):
    """Why a refresh failed, if there is more than people want to know."""

    STUCK = "stuck", _("It did not finish")


class Match(models.TextChoices):
    """How a segment's conditions are combined."""

    ALL = "all", _("All conditions")
    ANY = "any", _("Any condition")


class Segment(models.Model):
    """A list of profiles of one table: conditions and, after a refresh, its members and their count.

    `conditions` is a list of {"field": name, "operator": one of rules.OPERATORS, "value": text}; an empty list
    means every profile. One on a field of a related table has two names more: {"through": the own field that refers
    to it, "to": that table}. Members lie in the working table `warehouse.members_table(segment)`.

    `projected_fields` names fields of the contact table that refers to an account segment's table: an export may
    then send the contacts of the accounts. What they mean is told by `projection`.
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="segments")
    name = Name(max_length=120)
    description = Note(blank=True, validators=[MaxLengthValidator(1000)])
    table = models.ForeignKey(Table, models.PROTECT, related_name="segments")
    match = models.CharField(max_length=3, choices=Match.choices, default=Match.ALL)
    conditions = models.JSONField(default=list, blank=True)
    projected_fields = models.JSONField(default=list, blank=True)
    status = models.CharField(max_length=10, choices=SegmentStatus.choices, default=SegmentStatus.NEW)
    member_count = models.BigIntegerField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    refresh_started_at = models.DateTimeField(null=True)
    error = MessageField(older="error", help_text=_("Why the last refresh failed, for everyone."))
    error_code = models.CharField(max_length=10, choices=SegmentError.choices, blank=True, db_default="", default="")
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
        """The tone of its status."""
        return STATUS_TONES[self.status]

    @property
    def reason(self) -> Message:
        """Why its last refresh failed, if it did."""
        return self.error if self.status == SegmentStatus.FAILED else EMPTY
