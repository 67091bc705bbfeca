"""Where data may go: connections, created and shared by administrators."""

from datetime import timedelta
from typing import cast

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from connections.destinations.base import CheckStep, Destination, Text
from connections.destinations.registry import destination, destinations
from connections.secrets import binding
from roles.access.policy import Access
from roles.fields import Name
from roles.messages.field import WithMessages
from roles.models import Environment, User
from roles.permissions import Permission
from roles.searching import fold
from roles.secrets import references
from roles.secrets.store import OtherServerError, UnreadableSecretError, encrypt, unseal

# A name of its own: inside Connection, `type` is a field.
DestinationClass = type[Destination]

# A token or certificate with fewer days left asks for attention.
WARN_DAYS = 14


class Sharing(models.TextChoices):
    """Who besides administrators may use a connection."""

    NOBODY = "nobody", _("Administrators only")
    ALL = "all", _("All contributors")
    NAMED = "named", _("Named contributors")


def open_to(user: User, at: str = "") -> Q:
    """Return the condition for connections that the contributor `user` may use; `at` is the path to them."""
    named = Connection.shared_with.through.objects.filter(user=user).values("connection_id")
    everybody = Q(**{f"{at}sharing": Sharing.ALL})
    return everybody | Q(**{f"{at}sharing": Sharing.NAMED, f"{at}pk__in": named})


def ids_naming(access: Access) -> frozenset[int]:
    """Return the ids of the connections that name the user; one query for a request."""
    key = "connections.naming"
    if key not in access.looked_up:
        named = Connection.shared_with.through.objects.filter(
            user=access.user, connection__environment=access.environment
        )
        access.looked_up[key] = frozenset(named.values_list("connection_id", flat=True))
    return cast(frozenset[int], access.looked_up[key])


# A connection is silent when an answer has been waited for this long. Until then a second run waits, too.
ANSWERS_WITHIN = timedelta(seconds=1.5)


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Connections, in the words of the access rules."""

    def silent(self) -> "ConnectionQuerySet":
        """Connections whose target does not answer: they get one run at a time until it does."""
        return self.filter(unanswered_since__lt=Now() - ANSWERS_WITHIN)

    def usable_by(self, access: Access) -> "ConnectionQuerySet":
        """Connections of the environment that the user may build exports on (docs/rules.md)."""
        mine = self.filter(environment=access.environment)
        if access.has_permission(Permission.MANAGE_CONNECTIONS):
            return mine
        if access.has_permission(Permission.ADD_EXPORTS):
            return mine.filter(open_to(access.user))
        return mine.none()

    def search(self, text: str) -> "ConnectionQuerySet":
        """Connections whose name or type's name contains `text`."""
        if not text:
            return self
        types = [slug for slug, type_ in destinations().items() if fold(text) in fold(str(type_.label))]
        return self.filter(Q(name__holds=text) | Q(type__in=types))


class Connection(models.Model):
    """One connection; only administrators see `settings`, nobody sees `secrets`."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="connections")
    name = Name(max_length=120)
    type = models.CharField(max_length=40, help_text=_("The slug of its destination."))
    settings = models.JSONField(default=dict, blank=True)
    encrypted_secrets = models.TextField(blank=True, editable=False)
    secrets_at = models.DateTimeField(null=True, editable=False, help_text=_("When its secrets were entered."))
    sharing = models.CharField(max_length=10, choices=Sharing.choices, default=Sharing.NOBODY)
    shared_with = models.ManyToManyField(
        User, blank=True, related_name="+", help_text=_("The named contributors, if sharing is “named”.")
    )
    agreed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    agreed_at = models.DateTimeField(null=True)
    # SHA-256 (hex) of the target that was agreed to: another target asks again.
    agreed_target = models.CharField(max_length=64, blank=True, editable=False)
    # Exports that may run through it at once; empty: as many as its type takes.
    most_at_once = models.PositiveSmallIntegerField(null=True, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    checked_at = models.DateTimeField(null=True)
    # The steps of the last check, each a CheckStep as JSON.
    check_steps = WithMessages(default=list, blank=True)
    is_check_ok = models.BooleanField(null=True)
    # A check that was asked for and has not ended yet.
    check_asked_at = models.DateTimeField(null=True)
    check_asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    # Since when a run has waited for an answer of the target; empty as soon as it answers, whatever it says.
    unanswered_since = models.DateTimeField(null=True, editable=False)
    # When the target's token or certificate ends, where the last check could tell.
    expires_at = models.DateTimeField(null=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "name"], name="connection_name_is_unique"),
            models.CheckConstraint(condition=Q(sharing__in=Sharing.values), name="sharing_is_known"),
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def destination_class(self) -> DestinationClass:
        """The class that declares this connection's type."""
        return destination(self.type)

    @property
    def is_type_known(self) -> bool:
        """Whether the type's package is installed."""
        return self.type in destinations()

    @property
    def type_label(self) -> str:
        """The type's name; its slug when its package is gone."""
        found = destinations().get(self.type)
        return str(found.label) if found else self.type

    @property
    def tile(self) -> tuple[str, str]:
        """The letters and the colour of the type's tile."""
        found = destinations().get(self.type)
        return (found.monogram, found.tone) if found else ("?", "gray")

    @property
    def steps(self) -> list[CheckStep]:
        """The steps of the last check."""
        return [CheckStep.from_json(step) for step in self.check_steps]

    @property
    def failed_step(self) -> Text:
        """The name of the step that failed in the last check; empty if none did."""
        return next((step.name for step in self.steps if step.state == "failed"), "")

    @property
    def is_being_tested(self) -> bool:
        """Whether a test is queued or running."""
        return self.check_asked_at is not None

    @property
    def is_silent(self) -> bool:
        """Whether its target does not answer, as runs found out since the last answer."""
        return self.unanswered_since is not None and timezone.now() - self.unanswered_since > ANSWERS_WITHIN

    @property
    def is_check_running(self) -> bool:
        """Whether a worker is running the test; `check_steps` are then its steps."""
        return self.is_being_tested and any(step["state"] == "running" for step in self.check_steps)

    @property
    def days_left(self) -> int | None:
        """Whole days until the target's token or certificate ends, negative once it has; None: not known, or never."""
        return (self.expires_at - timezone.now()).days if self.expires_at else None

    @property
    def ends_soon(self) -> bool:
        """Whether a new token or certificate is needed soon."""
        return self.days_left is not None and self.days_left < WARN_DAYS

    @property
    def kept_secrets(self) -> frozenset[str]:
        """The names of the stored secrets. Raises UnreadableSecretError."""
        return frozenset(name for name, value in self.secrets.items() if value)

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets in clear, or what says where they are, for the server that they were entered for.

        Raises UnreadableSecretError, and OtherServerError where the settings name another server.
        """
        sealed = unseal(self.encrypted_secrets)
        if self.encrypted_secrets and not binding.is_for(sealed.server, self.type, self.settings):
            raise OtherServerError
        return sealed.values

    @property
    def secret_problem(self) -> UnreadableSecretError | None:
        """Why the secrets must be entered again; None if they can be used."""
        try:
            _values = self.secrets
        except UnreadableSecretError as error:
            return error
        return None

    def set_secrets(self, values: dict[str, str]) -> None:
        """Encrypt `values` for the server that the settings now name; the caller saves."""
        self.encrypted_secrets = encrypt(values, binding.server_of(self.type, self.settings)) if values else ""
        self.secrets_at = timezone.now() if values else None

    def open(self) -> Destination:
        """Return the destination, ready to check or deliver; does not connect. Raises UnreadableSecretError."""
        return self.destination_class(self.settings, references.resolve_all(self.secrets))

    def is_usable_by(self, access: Access) -> bool:
        """Whether the user may build, change and run exports on it."""
        if access.environment.pk != self.environment_id:
            return False
        if access.has_permission(Permission.MANAGE_CONNECTIONS):
            return True
        if not access.has_permission(Permission.EDIT_EXPORTS):
            return False
        return self.sharing == Sharing.ALL or (self.sharing == Sharing.NAMED and self.pk in ids_naming(access))
