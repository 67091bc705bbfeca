"""When the system refresh runs by itself, as an administrator fills it in; and the environment's own zone."""

from dataclasses import replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from exports.models import RefreshSchedule, Repeat
from exports.schedules import recurrence
from exports.schedules.form import weekday_choices
from exports.schedules.recurrence import MOST_TIMES, Recurrence
from roles import language, zones
from roles.edits.parts import Part, joined, parts_of

OFF = "off"
TIMES = [f"time_{number}" for number in range(1, MOST_TIMES + 1)]
FIRST_TIME, FIRST_DAYS = "05:00", [1, 2, 3, 4, 5]


def zone_field(**values: Any) -> forms.CharField:
    """Return a field for the name of a time zone."""
    widget = forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(
        max_length=64,
        widget=widget,
        error_messages={"required": _("Choose a time zone.")},
        **values,
    )


class RefreshScheduleForm(forms.Form):
    """Off, or daily or weekly at up to four times a day. After it was judged `rule` is what to keep, None for off."""

    repeat = forms.ChoiceField(
        label=_("System refresh"),
        choices=[(OFF, _("Off")), (Repeat.DAILY.value, _("Daily")), (Repeat.WEEKLY.value, _("Weekly, on chosen days"))],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how often it runs."), "invalid_choice": _("Choose how often it runs.")},
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=_("Days"),
        choices=weekday_choices,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("Choose days from the list.")},
    )
    zone = zone_field(label=_("Time zone"), required=False, help_text=_("Enter a city or region, e.g. Paris."))

    rule: Recurrence | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, name in enumerate(TIMES, 1):
            self.fields[name] = forms.TimeField(
                label=_("Time %(number)d") % {"number": number},
                required=False,
                widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
                error_messages={"invalid": _("Enter a time, e.g. 05:00.")},
            )

    def parts(self, post: QueryDict | None = None) -> dict[str, Part]:
        """Return the schedule as one part, as the form opens or as `post` holds it: only what counts is compared."""
        every = parts_of(self, post)
        counts = {"repeat"} | ({"zone", *TIMES} if every["repeat"].value != OFF else set())
        counts |= {"weekdays"} if every["repeat"].value == Repeat.WEEKLY else set()
        shown = {name: part for name, part in every.items() if name in counts and (part.said or name == "repeat")}
        inputs = {name: values for part in every.values() for name, values in part.inputs.items()}
        label = str(self["repeat"].label)
        return {"schedule": replace(joined(label, shown, audited=["recurrence"]), inputs=inputs)}

    @property
    def times(self) -> list[forms.BoundField]:
        """The fields of the times of a day."""
        return [self[name] for name in TIMES]

    def clean(self) -> dict[str, Any]:
        """Check what counts for the choice made, and nothing that is hidden by it."""
        cleaned: dict[str, Any] = super().clean() or {}
        repeat = cleaned.get("repeat")
        if repeat == OFF:
            self.errors.clear()
        elif repeat and not self.errors:
            self._judge(repeat, cleaned)
        return cleaned

    def _judge(self, repeat: str, cleaned: dict[str, Any]) -> None:
        times = sorted({f"{cleaned[name]:%H:%M}" for name in TIMES if cleaned.get(name) is not None})
        days = sorted(cleaned.get("weekdays") or []) if repeat == Repeat.WEEKLY else []
        if not times:
            self.add_error(TIMES[0], _("Enter at least one time."))
        if repeat == Repeat.WEEKLY and not days:
            self.add_error("weekdays", _("Choose at least one day of the week."))
        zone = zones.named(cleaned.get("zone") or "")
        if zone not in zones.known():
            self.add_error("zone", _("Choose a time zone from the list."))
        if not self.errors:
            self.rule = Recurrence(repeat, tuple(times), tuple(days), zone=zone)


class ZoneForm(forms.Form):
    """The zone of the environment, and its language where there is a choice."""

    time_zone = zone_field(
        label=_("Time zone of the environment"),
        help_text=_(
            "Times are shown in it to people who have not chosen one. Default for new schedules. "
            "Existing schedules don’t change."
        ),
    )
    language = language.LanguageField(
        label=_("Language of the environment"),
        empty=_("Each browser's language"),
        help_text=_("For webhooks, and for everyone who has not chosen a language under Your account."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not language.is_a_choice():
            del self.fields["language"]

    def parts(self, post: QueryDict | None = None) -> dict[str, Part]:
        """Return the form part by part, as it opens or as `post` holds it."""
        return parts_of(self, post, audited={"time_zone": "zone"})

    def clean_time_zone(self) -> str:
        """Return the zone's own name."""
        zone = zones.named(self.cleaned_data["time_zone"])
        if zone not in zones.known():
            raise forms.ValidationError(_("Choose a time zone from the list."))
        return zone


def initial_values(schedule: RefreshSchedule | None, zone: str) -> dict[str, Any]:
    """Return the values with which the form opens; `zone` is that of a schedule not made yet."""
    rule = recurrence.of(schedule) if schedule else None
    times = rule.times if rule and rule.times else (FIRST_TIME,)
    return {
        "repeat": rule.repeat if schedule and schedule.is_on and rule else OFF,
        "weekdays": list(rule.weekdays) if rule and rule.weekdays else FIRST_DAYS,
        "zone": rule.zone if rule else zone,
        **dict(zip(TIMES, times, strict=False)),
    }
