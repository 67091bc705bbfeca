"""When and how data goes: exports and their runs."""

import uuid
from typing import Any, cast

from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from connections.models import Connection, Sharing, open_to
from exports.states import ACTIVE, CLAIMABLE, DELIVERED, NOT_STARTED, STATES, Look, State
from roles.access import Access
from roles.models import Environment, User
from roles.permissions import Permission
from segments.models import Segment, Table


class ExportKind(models.TextChoices):
    """The two kinds of export of the reference documents."""

    SEGMENTS = "segments", _("Segment export")
    DATA_OUT = "data_out", _("Data-out export")


class ScheduleMode(models.TextChoices):
    """When an export runs by itself."""

    REFRESH = "refresh", _("With every system refresh")
    OFF = "off", _("Off")


def shared_with(user: User) -> Q:
    """Match the exports that the contributor `user` may edit; a detached one as it was when it was detached."""
    kept = Export.detached_users.through.objects.filter(user=user).values("export_id")
    detached = Q(detached_sharing=Sharing.ALL) | Q(detached_sharing=Sharing.NAMED, pk__in=kept)
    return open_to(user, "connection__") | (Q(connection=None) & detached)


def kept_for(access: Access) -> frozenset[int]:
    """Return the ids of the detached exports that were kept for the user by name; one query for a request."""
    key = "exports.kept_for"
    if key not in access.looked_up:
        kept = Export.detached_users.through.objects.filter(user=access.user, export__environment=access.environment)
        access.looked_up[key] = frozenset(kept.values_list("export_id", flat=True))
    return cast(frozenset[int], access.looked_up[key])


class ExportQuerySet(models.QuerySet["Export"]):
    """Exports, in the words of the access rules."""

    def editable_by(self, access: Access) -> "ExportQuerySet":
        """Those of the environment that the user may edit, run and remove."""
        mine = self.filter(environment=access.environment)
        if access.has_permission(Permission.MANAGE_CONNECTIONS):
            return mine
        if access.has_permission(Permission.EDIT_EXPORTS):
            return mine.filter(shared_with(access.user))
        return mine.none()


class Export(models.Model):
    """What is sent through which connection, with which fields, and on what schedule.

    `field_selection` maps a profile table's id (text) to its fields in the order of the file:
    [{"field": name in the table, "name": name in the file}].
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="exports")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, validators=[MaxLengthValidator(1000)])
    kind = models.CharField(max_length=10, choices=ExportKind.choices, default=ExportKind.SEGMENTS)
    connection = models.ForeignKey(Connection, models.PROTECT, null=True, blank=True, related_name="exports")
    detached_sharing = models.CharField(
        max_length=10,
        choices=Sharing.choices,
        blank=True,
        help_text=_("Who could use its connection when detached."),
    )
    detached_users = models.ManyToManyField(
        User,
        blank=True,
        related_name="+",
        help_text=_("The named contributors who could edit it when it was detached."),
    )
    # Given once (exports.folders), so that no other export's coming, going or renaming moves this one's files.
    folder = models.CharField(max_length=120, blank=True, default="", editable=False)
    settings = models.JSONField(default=dict, blank=True)
    field_selection = models.JSONField(default=dict, blank=True)
    # Of a segment export: whose chosen fields go out. Of a data-out export: whose member lists go out as tables.
    segments = models.ManyToManyField(Segment, through="ExportSegment", related_name="exports")
    tables = models.ManyToManyField(Table, through="ExportTable", related_name="exports")
    schedule_mode = models.CharField(max_length=10, choices=ScheduleMode.choices, default=ScheduleMode.REFRESH)
    refreshes_segments = models.BooleanField(
        default=True, help_text=_("Refresh the segments that it uses before each run.")
    )
    # The list sorts by the last run; kept here so that it joins one row instead of searching all runs.
    last_run = models.OneToOneField("Run", models.SET_NULL, null=True, related_name="+")
    # The last run's state, kept by triggers (migration 0002), so that filter, sort and counts read no runs.
    last_state = models.CharField(max_length=10, blank=True, default="", editable=False, choices=State.choices)
    delivered_at = models.DateTimeField(null=True, help_text=_("End of the last run that delivered."))
    created_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("environment", Lower("name"), name="export_name_is_unique"),
            models.UniqueConstraint(
                "connection", Lower("folder"), condition=~Q(folder=""), name="export_folder_is_its_own"
            ),
        ]
        indexes = [
            models.Index("environment", Lower("name"), name="export_list"),
            models.Index("environment", "last_state", name="export_states"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of its pane."""
        return reverse("exports:edit", kwargs={"environment": self.environment.slug, "pk": self.pk})

    def is_editable_by(self, access: Access) -> bool:
        """Tell whether the user may edit, run and remove it (product.md section 2)."""
        if self.connection is not None:
            return self.connection.is_usable_by(access)
        if access.has_permission(Permission.MANAGE_CONNECTIONS):
            return True
        if not access.has_permission(Permission.EDIT_EXPORTS):
            return False
        is_mine = self.detached_sharing == Sharing.NAMED and self.pk in kept_for(access)
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


class Trigger(models.TextChoices):
    """What started a run."""

    PERSON = "person", _("Run by hand")
    SAVED = "saved", _("Save and run")
    SHELL = "shell", _("Started from a shell")
    TEST = "test", _("Test of 10")
    REFRESH = "refresh", _("System refresh")
    SCHEDULE = "schedule", _("Own schedule")


class RunQuerySet(models.QuerySet["Run"]):
    """Runs, in the words of the queue. All times are the database's."""

    def active(self) -> "RunQuerySet":
        """Those that have not ended."""
        return self.filter(state__in=ACTIVE)

    def claimable(self) -> "RunQuerySet":
        """Those that a worker may take now, the longest waiting first."""
        return self.filter(state__in=CLAIMABLE, not_before__lte=Now()).order_by("not_before", "pk")

    def held_by(self, token: uuid.UUID) -> "RunQuerySet":
        """The run that the holder of `token` still owns; empty once somebody else took it over."""
        return self.filter(token=token, state=State.RUNNING)

    def lost(self) -> "RunQuerySet":
        """Those whose worker has shown no sign of life for the length of a lease."""
        return self.filter(state=State.RUNNING, lease_until__lt=Now())


class Run(models.Model):
    """One execution of an export. This row is the truth; a queued task only says "look here".

    `steps` is a list of {"key", "label", "state": waiting|running|done|failed|skipped, "note", "seconds"},
    `items` of {"kind": segment|table|members, "id", "name", "rows", "expected" (None: not known)}, with "left_out" for
    a segment too small for the target. `files` of {"role": data|model|manifest, "path", "rows", "bytes", "sha256"}.
    A failed check names in "not_eligible" the ids of segments that the connection type does not take. A run with
    `most_rows` is a test: it sends that many records of each item, into a folder of its own, and is never its
    export's last run.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="runs")
    export = models.ForeignKey(Export, models.CASCADE, related_name="runs")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    triggered_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")
    queued_at = models.DateTimeField(db_default=Now())
    not_before = models.DateTimeField(db_default=Now(), help_text=_("When a worker may take it (again)."))
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    data_as_of = models.DateTimeField(null=True, help_text=_("The time of the snapshot that was read."))

    # Ownership: `token` changes with every claim, so that a worker that lost its lease changes nothing.
    token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True)
    claims = models.PositiveSmallIntegerField(default=0, help_text=_("Workers that took it, lost ones included."))
    tries = models.PositiveSmallIntegerField(default=0, help_text=_("Failures that may pass, so far."))
    cancel_requested_at = models.DateTimeField(null=True)
    canceled_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")

    most_rows = models.PositiveIntegerField(null=True, help_text=_("Of a test: records of each item, at most."))
    rows_total = models.BigIntegerField(null=True)
    rows_done = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    steps = models.JSONField(default=list, blank=True)
    items = models.JSONField(default=list, blank=True)
    files = models.JSONField(default=list, blank=True)
    folder = models.CharField(max_length=40, blank=True, help_text=_("The YYYY/MM/DD/HHMM part of its files."))
    folders = models.JSONField(default=list, blank=True)
    is_publishing = models.BooleanField(default=False, help_text=_("Files get their names: no way back."))
    # Where its files go, as the connection was when it sent: leftovers are looked for there.
    connection = models.ForeignKey(Connection, models.SET_NULL, null=True, related_name="+")
    target = models.JSONField(default=dict, blank=True)
    has_leftovers = models.BooleanField(default=False, help_text=_("Hidden files may be left below its folders."))
    reason = models.CharField(max_length=200, blank=True, help_text=_("A few words behind the status."))
    message = models.TextField(blank=True, help_text=_("What happened and what to do, for everyone."))
    detail = models.TextField(blank=True, help_text=_("Technical detail, for administrators."))

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["export"], condition=Q(state__in=ACTIVE), name="one_active_run_per_export"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="run_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state=State.RUNNING) | Q(token__isnull=False, lease_until__isnull=False),
                name="a_running_run_is_owned",
            ),
        ]
        indexes = [
            models.Index("not_before", "id", condition=Q(state__in=CLAIMABLE), name="run_claimable"),
            models.Index("lease_until", condition=Q(state=State.RUNNING), name="run_leased"),
            models.Index("export", F("id").desc(), name="run_history"),
            models.Index("export", condition=Q(has_leftovers=True), name="run_leftovers"),
        ]

    def __str__(self) -> str:
        return f"{self.export} {self.short_id}"

    @property
    def short_id(self) -> str:
        """The first letters of its id, enough for people to tell runs apart."""
        return str(self.uuid)[:13]

    @property
    def look(self) -> Look:
        """How its state is shown."""
        return STATES[self.state].look

    @property
    def is_active(self) -> bool:
        """Tell whether it has not ended."""
        return self.state in ACTIVE

    @property
    def is_moving(self) -> bool:
        """Tell whether it changes by itself within seconds, so that pages look again."""
        return self.state in (State.QUEUED, State.RUNNING)

    @property
    def percent(self) -> int | None:
        """How much of it is sent, 0 to 100; None while the total is not known."""
        if not self.rows_total:
            return None
        return min(100, int(100 * self.rows_done / self.rows_total))

    @property
    def rows_sent(self) -> int | None:
        """Rows that went out, or go out now; None where nothing was delivered."""
        return self.rows_done if self.state in (*DELIVERED, State.RUNNING) else None

    @property
    def seconds(self) -> float | None:
        """How long it has been or was running."""
        if self.started_at is None:
            return None
        return ((self.ended_at or timezone.now()) - self.started_at).total_seconds()

    def as_result(self) -> dict[str, Any]:
        """Return what `run_export --wait` prints."""
        return {
            "run": str(self.uuid),
            "status": self.state,
            "rows": self.rows_done,
            "bytes": self.bytes_done,
            "seconds": round(self.seconds or 0.0, 3),
            "files": self.files,
        }
