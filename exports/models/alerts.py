"""Alerts: whom Waybill tells when something goes wrong and when it ends."""

import uuid

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from exports.models.export import Export
from exports.models.leased import Leased, LeasedQuerySet
from exports.models.refresh import SystemRefresh
from exports.models.run import Run
from roles.fields import Name
from roles.messages.field import MessageField
from roles.models import Environment, User
from roles.secrets import references
from roles.secrets.store import decrypt, encrypt, is_readable


class AlertKind(models.TextChoices):
    """What an alert is about."""

    FAILED = "failed", _("Failed (permanent)")
    HELD = "held", _("Held")
    SKIPPED = "skipped", _("Skipped")
    LATE = "late", _("Late")
    NEVER_STARTED = "unstarted", _("Never started")


class ChannelKind(models.TextChoices):
    """How an alert goes out."""

    EMAIL = "email", _("E-mail")
    WEBHOOK = "webhook", _("Webhook")
    SLACK = "slack", _("Slack-style webhook")
    TEAMS = "teams", _("Teams-style webhook")


class AlertChannel(models.Model):
    """Where alerts of an environment, or of some of its exports, go. Address and signing secret are secrets."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="alert_channels")
    name = Name(max_length=120)
    kind = models.CharField(max_length=10, choices=ChannelKind.choices)
    people = models.ManyToManyField(User, blank=True, related_name="+")
    encrypted_secrets = models.TextField(blank=True, editable=False)
    kinds = models.JSONField(default=list, help_text=_("The kinds of alert that it takes."))
    tells_recovery = models.BooleanField(default=True)
    # Said apart from the list: one whose chosen exports were all removed is told of nothing, not of everything.
    is_for_all = models.BooleanField(default=True, help_text=_("It is told of every export and the system refresh."))
    exports = models.ManyToManyField(Export, blank=True, related_name="alert_channels")
    is_on = models.BooleanField(default=True)
    last_error = MessageField(older="last_error", help_text=_("Why the last delivery failed, for everyone."))
    last_sent_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="alert_channel_name_is_unique")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def secrets(self) -> dict[str, str]:
        """The address and signing secret in clear. Raises UnreadableSecretError, also for a reference to nowhere."""
        return references.resolve_all(decrypt(self.encrypted_secrets))

    @property
    def is_secret_unreadable(self) -> bool:
        """Whether its secrets have to be entered again."""
        return not is_readable(self.encrypted_secrets)

    @property
    def stored_secrets(self) -> dict[str, str]:
        """What was entered, references as such; {} where it cannot be read."""
        return {} if self.is_secret_unreadable else decrypt(self.encrypted_secrets)

    def replace_secrets(self, values: dict[str, str]) -> None:
        """Put `values` in the place of those of the same names; unreadable ones are dropped. Not saved."""
        self.encrypted_secrets = encrypt(self.stored_secrets | values)


class Alert(models.Model):
    """Something that began to be wrong with an export (or the system refresh) and, once closed, is well again."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="alerts")
    export = models.ForeignKey(Export, models.CASCADE, null=True, related_name="alerts")
    refresh = models.ForeignKey(SystemRefresh, models.SET_NULL, null=True, related_name="+")
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=AlertKind.choices)
    text = MessageField(older="text")
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    closing_text = MessageField(older="closing_text")
    changed_at = models.DateTimeField(db_default=Now(), help_text=_("When it opened or closed last."))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "kind"],
                condition=Q(closed_at=None, export=None),
                name="one_open_alert_per_environment_and_kind",
            ),
            models.UniqueConstraint(
                fields=["export", "kind"], condition=Q(closed_at=None), name="one_open_alert_per_export_and_kind"
            ),
        ]
        indexes = [
            models.Index("environment", F("id").desc(), name="alert_history"),
            models.Index("environment", F("changed_at").desc(), name="alert_changes"),
            models.Index("environment", condition=Q(closed_at=None), name="alert_open"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.export or self.environment}"


class DeliveryState(models.TextChoices):
    """The state of a message to a channel."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    PARTLY = "partly", _("Sent to some")
    FAILED = "failed", _("Not sent")


class AlertDelivery(Leased):
    """One message of an alert to one channel: that it opened, or closed. Without an alert it is a test."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    alert = models.ForeignKey(Alert, models.CASCADE, null=True, related_name="deliveries")
    channel = models.ForeignKey(AlertChannel, models.CASCADE, related_name="deliveries")
    is_recovery = models.BooleanField(default=False)
    state = models.CharField(max_length=7, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    tries = models.PositiveSmallIntegerField(default=0, help_text=_("Workers that took it, lost ones included."))
    not_before = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    error = MessageField(older="error")
    # Of a mail: by the id of each person what the mail server answered, NO_ADDRESS where it could not be asked.
    answers = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))

    TAKEN, NO_ADDRESS = 250, 0
    OWNED_IN = DeliveryState.WAITING  # with a token: one worker is on it
    objects = LeasedQuerySet["AlertDelivery"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alert", "channel", "is_recovery"], name="told_once_per_change"),
        ]
        indexes = [
            models.Index("not_before", condition=Q(state=DeliveryState.WAITING), name="alert_delivery_waiting"),
        ]

    @property
    def has_reached_some(self) -> bool:
        """Whether somebody has the mail."""
        return self.TAKEN in self.answers.values()

    def __str__(self) -> str:
        told = self.alert or _("Test")
        return f"{told} → {self.channel}"


class AlertsSeen(models.Model):
    """Until when a person has read the alerts of an environment; what changed later is unread."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "environment"], name="alerts_seen_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.seen_at}"
