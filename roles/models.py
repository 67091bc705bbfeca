"""Environments, the people in them, and the record of what they did."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from roles import lookalikes, zones
from roles.fields import Address, Line, Name
from roles.kinds import Audience
from roles.roles import Role

_auth = _  # Django's own words, which its translations know
GROUP_LENGTH = 200  # characters of a group's name


class User(AbstractUser):
    """A person who signs in; their user name looks like nobody else's."""

    first_name = Line(_auth("first name"), max_length=150, blank=True)
    last_name = Line(_auth("last name"), max_length=150, blank=True)
    email = Address(_auth("email address"), blank=True)
    language = models.CharField(max_length=20, blank=True, default="", db_default="")  # "": the environment's
    time_zone = models.CharField(max_length=64, blank=True, default="", db_default="")  # the same

    def clean(self) -> None:
        """Refuse a new user name that looks like another's."""
        super().clean()
        if self._state.adding and self.username:  # else its own error is said already
            lookalikes.refuse(self.username, User.objects.values_list("username", flat=True))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new user name is refused here whichever way it comes. Raises ValidationError then."""
        if not self._state.adding:
            return super().save(*args, **kwargs)
        self.username = self.normalize_username(self.username).strip()
        with transaction.atomic():
            lookalikes.one_at_a_time()
            lookalikes.refuse(self.username, User.objects.values_list("username", flat=True))
            return super().save(*args, **kwargs)

    def __str__(self) -> str:
        """The name that other people see."""
        return self.get_full_name() or self.username


class EnvironmentQuerySet(models.QuerySet["Environment"]):
    """Environments, in the words of the access rules."""

    def of(self, user: User) -> "EnvironmentQuerySet":
        """Environments in which `user` has a role."""
        return self.filter(role_assignments__user=user).order_by("name")


class Environment(models.Model):
    """One set of data, users, connections, segments and exports."""

    slug = models.SlugField(
        unique=True,
        max_length=40,
        validators=[RegexValidator(r"^[a-z][a-z0-9-]*\Z", _("Lowercase letters, digits and hyphens only."))],
    )
    name = Name(max_length=80)
    audience = models.CharField(max_length=12, choices=Audience.choices, default=Audience.CONSUMERS)
    warehouse_schema = models.CharField(
        max_length=63, unique=True, help_text=_("The PostgreSQL schema that holds this environment's data.")
    )
    time_zone = models.CharField(
        max_length=64,
        default=zones.of_installation,
        help_text=_("The zone in which times are shown and new schedules start, such as Europe/Paris."),
    )
    language = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text=_("Empty: each browser's language.")
    )
    # Maintenance: nothing starts by itself or by hand until it goes on; what runs already ends.
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    pause_note = Line(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EnvironmentQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with the warehouse schema named after the slug unless it is given."""
        self.warehouse_schema = self.warehouse_schema or "data_" + self.slug.replace("-", "_")
        super().save(*args, **kwargs)


class RoleAssignment(models.Model):
    """The one role that a user has in an environment."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="role_assignments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="role_assignments")
    role = models.CharField(max_length=13, choices=Role.choices)
    group = models.CharField(
        max_length=GROUP_LENGTH,
        blank=True,
        help_text=_("The group that gave the role; empty if it was assigned to the person."),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "user"], name="one_role_per_user_and_environment"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


class GroupRole(models.Model):
    """The role that a group of the single sign-on carries in an environment (roles/people/groups.py)."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="group_roles")
    group = Name(max_length=GROUP_LENGTH)
    role = models.CharField(max_length=13, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "group"], name="one_role_per_group_and_environment"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="group_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.get_role_display()}"


class GroupMembership(models.Model):
    """A group that the single sign-on named at the user's last sign-in with it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="group_memberships")
    group = models.CharField(max_length=GROUP_LENGTH, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "group"], name="one_membership_per_user_and_group")]

    def __str__(self) -> str:
        return f"{self.user}: {self.group}"


class Invitation(models.Model):
    """A link that gives its recipient a role; only its token's SHA-256 (hex) is stored."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="invitations")
    email = Address()
    role = models.CharField(max_length=13, choices=Role.choices)
    token_sha256 = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_is_known"),
        ]

    def __str__(self) -> str:
        return self.email


class AuditEvent(models.Model):
    """Who did what to which object; ids and names of fields, never values of profiles (docs/audit.md).

    The database refuses to change or remove a row (migration 0005), so it names what may go away and refers to it
    without a constraint. `changes` maps what changed to [before, after], or to one value where there is no before.
    """

    environment = models.ForeignKey(
        Environment,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="audit_events",
    )
    environment_slug = models.CharField(max_length=40, blank=True)
    environment_name = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False
    )
    actor_name = models.CharField(max_length=301, blank=True)
    through = models.CharField(max_length=60, blank=True, help_text=_("How the actor came in, if not through a page."))
    origin = models.CharField(
        max_length=160, blank=True, help_text=_("A network address, “command line”, or worker@host.")
    )
    request_id = models.CharField(max_length=32, blank=True)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    object_name = models.CharField(max_length=200)
    run = models.UUIDField(null=True, blank=True, help_text=_("The run concerned."))
    changes = models.JSONField(default=dict, blank=True)

    class Meta:
        # Each filter of the page reads its newest rows from one of these, however many there are.
        indexes = [
            models.Index(fields=["environment", "-at", "-id"], name="audit_newest"),
            models.Index(fields=["environment", "actor", "-at", "-id"], name="audit_by_actor"),
            models.Index(fields=["environment", "action", "-at", "-id"], name="audit_by_action"),
            models.Index(fields=["environment", "object_type", "-at", "-id"], name="audit_by_type"),
            models.Index(fields=["environment", "object_type", "object_id", "-at", "-id"], name="audit_by_object"),
            models.Index(fields=["environment", "object_name", "-at", "-id"], name="audit_by_name"),
            models.Index(fields=["run"], condition=models.Q(run__isnull=False), name="audit_by_run"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_name}"


class Tries(models.Model):
    """How often somebody tried a password or a code, or asked for a link (roles/sign_in/tries.py)."""

    key = models.CharField(max_length=100, primary_key=True)
    number = models.PositiveIntegerField()
    free_at = models.DateTimeField(help_text=_("When the next one is allowed."))
    forgotten_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = verbose_name_plural = _("login attempts")

    def __str__(self) -> str:
        return self.key


class Heartbeat(models.Model):
    """The last sign of life of one process that works in the background (roles/heartbeats.py)."""

    kind = models.CharField(max_length=20)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "host", "pid"], name="one_heartbeat_per_process")]

    def __str__(self) -> str:
        return f"{self.kind} {self.host}:{self.pid}"


class KeyInUse(models.Model):
    """The fingerprint of a key that signs or encrypts what is in this database (roles/secrets/same_keys.py)."""

    kind = models.CharField(max_length=20)
    fingerprint = models.CharField(max_length=64)
    added_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "fingerprint"], name="one_row_per_key")]

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint}"


class StrangeMachine(models.Model):
    """A machine (with its data directory) whose keys are not those in use, and which takes no work."""

    host = models.CharField(max_length=255)
    place = models.TextField()
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "place"], name="one_row_per_strange_machine")]

    def __str__(self) -> str:
        return f"{self.host} {self.place}"
