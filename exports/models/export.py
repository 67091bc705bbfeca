"""What is sent through which connection: exports."""

from typing import cast

from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from connections.destinations.base import Unit
from connections.models import Connection, Sharing, open_to
from exports.models.schedule import ScheduleMode
from exports.models.states import NOT_STARTED, STATES, Look, State
from exports.models.units import UNITS, Records
from roles.access.policy import Access
from roles.fields import Name, Note
from roles.models import Environment, User
from roles.permissions import Permission
from roles.searching import Folded
from segments.models import Segment, Table


class ExportKind(models.TextChoices):
    """The two kinds of export of the reference documents."""

    SEGMENTS = "segments", _("Segment export")
    DATA_OUT = "data_out", _("Data-out export")


def may_edit(access: Access) -> Q:
    """Match the exports that the user of `access` may edit: `Export.is_editable_by` as a condition of a query."""
    if access.has_permission(Permission.MANAGE_CONNECTIONS):
        return Q()
    if not access.has_permission(Permission.EDIT_EXPORTS):
        return Q(pk__in=[])
    kept = Export.detached_users.through.objects.filter(user=access.user).values("export_id")
    detached = Q(detached_sharing=Sharing.ALL) | Q(detached_sharing=Sharing.NAMED, pk__in=kept)
    return open_to(access.user, "connection__") | (Q(connection=None) & detached)


def detached_for(access: Access) -> frozenset[int]:
    """Return the ids of the detached exports that were kept for the user by name; one query for a request."""
    key = "exports.detached_for"
    if key not in access.looked_up:
        kept = Export.detached_users.through.objects.filter(user=access.user, export__environment=access.environment)
        access.looked_up[key] = frozenset(kept.values_list("export_id", flat=True))
    return cast(frozenset[int], access.looked_up[key])


class Export(models.Model):
    """What is sent through which connection, with which fields, and on what schedule.

    `field_selection` maps a profile table's id (text) to its fields in the order of the file:
    [{"field": name in the table, "name": name in the file}].
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="exports")
    name = Name(max_length=120)
    description = Note(blank=True, validators=[MaxLengthValidator(1000)])
    kind = models.CharField(max_length=10, choices=ExportKind.choices, default=ExportKind.SEGMENTS)
    connection = models.ForeignKey(Connection, models.PROTECT, null=True, blank=True, related_name="exports")
    detached_sharing = models.CharField(
        max_length=10,
        choices=Sharing.choices,
        blank=True,
        help_text=_("Who could use the connection when the export was detached."),
    )
    detached_users = models.ManyToManyField(
        User,
        blank=True,
        related_name="+",
        help_text=_("The named contributors who could edit the export when it was detached."),
    )
    # Given once (exports.spec.folders), so that no other export's coming, going or renaming moves this one's files.
    folder = models.CharField(max_length=120, blank=True, default="", editable=False)
    # Whether its items' folders keep vowel signs; those of exports that ran before that was so stay as they were.
    folders_keep_marks = models.BooleanField(default=True, editable=False)
    settings = models.JSONField(default=dict, blank=True)
    field_selection = models.JSONField(default=dict, blank=True)
    # Of a segment export: whose chosen fields go out. Of a data-out export: whose member lists go out as tables.
    segments = models.ManyToManyField(Segment, through="ExportSegment", related_name="exports")
    tables = models.ManyToManyField(Table, through="ExportTable", related_name="exports")
    schedule_mode = models.CharField(max_length=10, choices=ScheduleMode.choices, default=ScheduleMode.REFRESH)
    refreshes_segments = models.BooleanField(
        default=True, help_text=_("Refresh the export's segments before each run.")
    )
    # The brakes (docs/rules.md): a run that differs by more is held until a person decides.
    tolerance = models.PositiveSmallIntegerField(
        null=True, blank=True, default=50, help_text=_("Percent by which its rows may differ from recent runs.")
    )
    most_removals = models.PositiveSmallIntegerField(
        null=True, blank=True, default=10, help_text=_("Percent of its profiles that one run may remove.")
    )
    sends_nothing = models.BooleanField(default=False, help_text=_("Run even if there is nothing to send."))
    # The list sorts by the last run; kept here so that it joins one row instead of searching all runs.
    last_run = models.OneToOneField("Run", models.SET_NULL, null=True, related_name="+")
    # The last run's state, kept by triggers (migration 0002), so that filter, sort and counts read no runs.
    last_state = models.CharField(max_length=10, blank=True, default="", editable=False, choices=State.choices)
    delivered_at = models.DateTimeField(null=True, help_text=_("End of the last run that delivered."))
    created_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("environment", Lower("name"), name="export_name_is_unique"),
            models.UniqueConstraint(
                "connection", Lower("folder"), condition=~Q(folder=""), name="export_folder_is_its_own"
            ),
        ]
        indexes = [
            models.Index("environment", Folded("name"), name="export_names"),
            models.Index("environment", "last_state", name="export_states"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of its pane."""
        return reverse("exports:edit", kwargs={"environment": self.environment.slug, "pk": self.pk})

    @property
    def unit(self) -> Unit:
        """What its runs count from now on; rows where nobody knows."""
        if self.connection is None or not self.connection.is_type_known:
            return Unit.ROWS
        return self.connection.destination_class.unit_for(self.settings)

    @property
    def words(self) -> Records:
        """The words for what its runs count."""
        return UNITS[self.unit]

    def is_editable_by(self, access: Access) -> bool:
        """Whether the user may edit, run and remove it (docs/rules.md)."""
        if self.connection is not None:
            return self.connection.is_usable_by(access)
        if access.has_permission(Permission.MANAGE_CONNECTIONS):
            return True
        if not access.has_permission(Permission.EDIT_EXPORTS):
            return False
        is_mine = self.detached_sharing == Sharing.NAMED and self.pk in detached_for(access)
        return is_mine or self.detached_sharing == Sharing.ALL

    @property
    def look(self) -> Look:
        """How its status is shown: that of its last run."""
        return STATES[self.last_run.state].look if self.last_run else NOT_STARTED


class ExportSegment(models.Model):
    """One segment of an export, in the order chosen."""

    export = models.ForeignKey(Export, models.CASCADE, related_name="export_segments")
    segment = models.ForeignKey(Segment, models.PROTECT, related_name="export_segments")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "segment"], name="segment_once_per_export")]
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return f"{self.segment} in {self.export}"


class ExportTable(models.Model):
    """One whole table of a data-out export, in the order chosen."""

    export = models.ForeignKey(Export, models.CASCADE, related_name="export_tables")
    table = models.ForeignKey(Table, models.PROTECT, related_name="export_tables")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "table"], name="table_once_per_export")]
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return f"{self.table} in {self.export}"
