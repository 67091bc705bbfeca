"""One execution of an export: the row that is the truth about it, and what is told of it."""

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from connections.destinations.base import Unit
from connections.models import Connection
from exports.models.export import Export
from exports.models.leased import Leased, LeasedQuerySet
from exports.models.states import ACTIVE, CLAIMABLE, DELIVERED, STATES, Look, State
from exports.models.units import UNITS, Records
from roles.messages import Message
from roles.messages.field import MessageField, WithMessages, out_of_json
from roles.models import Environment


class Trigger(models.TextChoices):
    """What started a run."""

    PERSON = "person", _("Run manually")
    SAVED = "saved", _("Save and run")
    SHELL = "shell", _("Started on the command line")
    TEST = "test", _("Test of 10")
    REFRESH = "refresh", _("System refresh")
    SCHEDULE = "schedule", _("Own schedule")


class ReasonCode(models.TextChoices):
    """What the reason of a run is, where code asks."""

    PAUSED = "paused", _("The environment is paused")
    NO_ROOM = "no room", _("Its connection has no free capacity")
    SILENT = "silent", _("Its connection does not answer")
    TARGET = "target", _("The destination refused or was unreachable")


# When a run happened, to people: the occurrence that it is, or else when it was asked for.
MOMENT = Coalesce("due", "queued_at")


def percent_of(done: int, total: int | None) -> int | None:
    """Return how much is sent, 0 to 100; None while the total is not known."""
    return min(100, int(100 * done / total)) if total else None


def sent_of(state: str, done: int) -> int | None:
    """Return what went out, or goes out now; None where nothing was delivered."""
    return done if state in (*DELIVERED, State.RUNNING) else None


class RunQuerySet(LeasedQuerySet["Run"]):
    """Runs, in the words of the queue. All times are the database's."""

    def active(self) -> "RunQuerySet":
        """Those that have not ended."""
        return self.filter(state__in=ACTIVE)

    def claimable(self) -> "RunQuerySet":
        """Those that a worker may take now, the longest waiting first."""
        due = self.filter(state__in=CLAIMABLE, not_before__lte=Now(), waits_for="", environment__paused_at=None)
        return due.order_by("not_before", "pk")


class Run(Leased):
    """One execution of an export. This row is the truth; a queued task only says "look here".

    `steps` is a list of {"key", "label", "state": waiting|running|done|failed|skipped, "note", "seconds"},
    `items` of {"kind": segment|table|members, "id", "name", "rows", "expected" (None: not known)}, with "left_out" for
    a segment too small for the target and "rejected" where the target refused some. Rows are what `unit` says: rows
    in files, people or records. `files` of {"role": data|model|manifest, "path", "rows", "bytes", "sha256"}.
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
    # Of a scheduled one: the occurrence that it is, which makes one run and no more.
    due = models.DateTimeField(null=True, help_text=_("The time for which it was scheduled."))
    is_late = models.BooleanField(default=False, help_text=_("Its time passed while Waybill was not running."))
    refresh = models.ForeignKey("exports.SystemRefresh", models.SET_NULL, null=True, related_name="runs")
    waits_for = MessageField(older="waits_for", longest=200, help_text=_("Until this is empty no worker takes it."))
    # What that names, and what it waited for before: a list of [kind, id], "segment" or "part" of a system refresh.
    awaits = models.JSONField(default=list, blank=True)
    data_as_of = models.DateTimeField(null=True, help_text=_("The time of the snapshot that was read."))

    worker = models.CharField(max_length=120, blank=True)
    claimed_at = models.DateTimeField(null=True, help_text=_("When a worker last took it."))
    claims = models.PositiveSmallIntegerField(default=0, help_text=_("Workers that took it, lost ones included."))
    tries = models.PositiveSmallIntegerField(default=0, help_text=_("Failures that may pass, so far."))
    cancel_requested_at = models.DateTimeField(null=True)
    canceled_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")

    most_rows = models.PositiveIntegerField(null=True, help_text=_("Of a test: records of each item, at most."))
    # Null before a worker took it, and of all runs before there was more than one unit: rows.
    unit = models.CharField(max_length=7, null=True)  # noqa: DJ001
    rows_total = models.BigIntegerField(null=True)
    rows_done = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    steps = WithMessages(default=list, blank=True)
    items = models.JSONField(default=list, blank=True)
    files = models.JSONField(default=list, blank=True)
    folder = models.CharField(max_length=40, blank=True, help_text=_("The YYYY/MM/DD/HHMM part of its files."))
    folders = models.JSONField(default=list, blank=True)
    is_publishing = models.BooleanField(default=False, help_text=_("Files are getting their names; cannot be undone."))
    # What it gave names at the target: {"attempt": what marks its hidden files, "paths": each recorded just before it
    # got its name}. Null before it began.
    given = models.JSONField(null=True, blank=True)
    settling_claims = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text=_("Workers that took it to look at what arrived.")
    )
    # Where its files go, as the connection was when it sent: leftovers are looked for there.
    connection = models.ForeignKey(Connection, models.SET_NULL, null=True, related_name="+")
    target = models.JSONField(default=dict, blank=True)
    has_leftovers = models.BooleanField(default=False, help_text=_("Hidden files may remain in its folders."))
    # Of one that the brakes hold: a list of {"brake", "text"}, and what a person decided.
    held_for = WithMessages(default=list, blank=True)
    decided_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=500, blank=True, help_text=_("Why a person released or discarded it."))
    is_released = models.BooleanField(default=False, help_text=_("A person released it past the safety checks."))
    reason = MessageField(older="reason", longest=200, help_text=_("A few words behind the status."))
    reason_code = models.CharField(max_length=10, choices=ReasonCode.choices, blank=True, default="", db_default="")
    message = MessageField(older="message", help_text=_("What happened and what to do, for everyone."))
    detail = MessageField(older="detail", help_text=_("Technical detail, for administrators."))

    OWNED_IN = State.RUNNING
    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["export"], condition=Q(state__in=ACTIVE), name="one_active_run_per_export"),
            models.UniqueConstraint(fields=["export", "due"], name="one_run_per_occurrence"),
            models.UniqueConstraint(fields=["export", "refresh"], name="one_run_per_system_refresh"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="run_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state=State.RUNNING) | Q(token__isnull=False, lease_until__isnull=False),
                name="a_running_run_is_owned",
            ),
        ]
        indexes = [
            models.Index("not_before", "id", condition=Q(state__in=CLAIMABLE), name="run_claimable"),
            models.Index("lease_until", condition=Q(state=State.RUNNING), name="run_leased"),
            models.Index(fields=["claimed_at"], condition=Q(claimed_at__isnull=False), name="run_claimed_at"),
            models.Index("export", F("id").desc(), name="run_history"),
            models.Index("export", condition=Q(has_leftovers=True), name="run_leftovers"),
            models.Index("environment", F("id").desc(), name="run_history_of_all"),
            models.Index("export", MOMENT.desc(), F("id").desc(), name="run_moments"),
            models.Index("environment", MOMENT.desc(), F("id").desc(), name="run_moments_of_all"),
            models.Index("environment", "state", MOMENT.desc(), F("id").desc(), name="run_moments_by_state"),
            models.Index("environment", "trigger", MOMENT.desc(), F("id").desc(), name="run_moments_by_trigger"),
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
    def words(self) -> Records:
        """The words for what it counts."""
        return UNITS[Unit(self.unit or Unit.ROWS)]

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ACTIVE

    @property
    def is_moving(self) -> bool:
        """Whether it changes by itself within seconds, so that pages look again."""
        return self.state in (State.QUEUED, State.RUNNING)

    @property
    def percent(self) -> int | None:
        """How much of it is sent, 0 to 100; None while the total is not known."""
        return percent_of(self.rows_done, self.rows_total)

    @property
    def rows_sent(self) -> int | None:
        """Rows that went out, or go out now; None where nothing was delivered."""
        return sent_of(self.state, self.rows_done)

    @property
    def seconds(self) -> float | None:
        """How long it has been or was running."""
        if self.started_at is None:
            return None
        return ((self.ended_at or timezone.now()) - self.started_at).total_seconds()

    @property
    def held_texts(self) -> list[Message]:
        """What is unusual about one that the brakes hold, or held."""
        return [out_of_json(one["text"]) for one in self.held_for]

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


class Level(models.TextChoices):
    """How much a line of a run's log matters."""

    INFO = "info", _("Information")
    WARNING = "warning", _("Warning")
    ERROR = "error", _("Error")


class RunLine(models.Model):
    """One line of a run's log: `text` for everyone, no host, path or value in it; `detail` for administrators."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="lines")
    at = models.DateTimeField(db_default=Now())
    level = models.CharField(max_length=7, choices=Level.choices, default=Level.INFO)
    text = MessageField(older="text", longest=500)
    detail = MessageField(older="detail")

    class Meta:
        indexes = [models.Index("run", "id", name="run_lines")]

    def __str__(self) -> str:
        return str(self.text)
