"""When things happen by themselves: the schedules of exports and of the system refresh."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from roles.messages.field import MessageField
from roles.models import Environment


class ScheduleMode(models.TextChoices):
    """When an export runs by itself."""

    REFRESH = "refresh", _("With every system refresh")
    OWN = "own", _("On its own schedule")
    OFF = "off", _("Off")


class Repeat(models.TextChoices):
    """How a schedule recurs."""

    HOURLY = "hourly", _("Hourly")
    DAILY = "daily", _("Daily")
    WEEKLY = "weekly", _("Weekly")
    MONTHLY = "monthly", _("Monthly")
    CRON = "cron", _("Cron expression")


class Recurring(models.Model):
    """A recurrence in a named zone and its next occurrence; what it means is told by `exports.schedules.recurrence`.

    `times` are local, "HH:MM", in order; of an hourly one only the minute counts. `weekdays` are 1 (Monday) to 7.
    `month_day` is 1 to 31, or 0 for the last day; a month without that day has it on its last one.
    """

    repeat = models.CharField(max_length=10, choices=Repeat.choices, default=Repeat.DAILY)
    times = models.JSONField(default=list, blank=True)
    weekdays = models.JSONField(default=list, blank=True)
    month_day = models.PositiveSmallIntegerField(default=1)
    cron = models.CharField(max_length=120, blank=True)
    zone = models.CharField(max_length=64, default="UTC", help_text=_("A name of the IANA time zone database."))
    next_due = models.DateTimeField(null=True, blank=True, help_text=_("Empty while it makes nothing happen."))
    problem = MessageField(older="problem", help_text=_("Why it was switched off by itself, for people."))

    class Meta:
        abstract = True


class Schedule(Recurring):
    """The recurrence of one export of its own; it stays while the export's schedule is off, for when it is on again."""

    export = models.OneToOneField("exports.Export", models.CASCADE, related_name="schedule")

    class Meta:
        indexes = [models.Index("next_due", condition=Q(next_due__isnull=False), name="schedule_due")]

    def __str__(self) -> str:
        return f"{self.export}: {self.get_repeat_display()}"


class RefreshSchedule(Recurring):
    """When an environment's system refresh runs: daily or on chosen weekdays, up to four times a day."""

    environment = models.OneToOneField(Environment, models.CASCADE, related_name="refresh_schedule")
    is_on = models.BooleanField(default=False)
    updated_by = models.ForeignKey("roles.User", models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index("next_due", condition=Q(next_due__isnull=False), name="refresh_due")]

    def __str__(self) -> str:
        return f"{self.environment}: {self.get_repeat_display()}"
