"""When one or several exports run by themselves, as a person fills it in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy

from exports.models import Export, Repeat, ScheduleMode
from exports.schedules import recurrence
from exports.schedules.planning import stored_rule
from exports.schedules.recurrence import LAST_DAY, Recurrence
from roles import zones
from roles.edits.parts import Part, joined, parts_of
from roles.ui import locales

ON, OFF = "on", ScheduleMode.OFF.value
REFRESH = ScheduleMode.REFRESH.value
KEEP, NEW = "keep", "new"
REPEATS = [
    (REFRESH, gettext_lazy("With every system refresh")),
    (Repeat.HOURLY.value, gettext_lazy("Hourly")),
    (Repeat.DAILY.value, gettext_lazy("Daily")),
    (Repeat.WEEKLY.value, gettext_lazy("Weekly, on chosen days")),
    (Repeat.MONTHLY.value, gettext_lazy("Monthly")),
    (Repeat.CRON.value, gettext_lazy("Cron expression")),
]
MONTH_DAYS = [*((day, str(day)) for day in range(1, 32)), (LAST_DAY, gettext_lazy("Last day of the month"))]
FIRST_TIME, FIRST_DAYS = "06:00", [1, 2, 3, 4, 5]  # what a new recurrence opens with
# The fields that count for each recurrence, beside the zone.
OWN_FIELDS: dict[str, set[str]] = {
    Repeat.HOURLY: {"minute"},
    Repeat.DAILY: {"time"},
    Repeat.WEEKLY: {"weekdays", "time"},
    Repeat.MONTHLY: {"month_day", "time"},
    Repeat.CRON: {"cron"},
}
# What to say of a field that counts and is empty.
MISSING = {
    "minute": gettext_lazy("Type a minute from 0 to 59."),
    "weekdays": gettext_lazy("Choose at least one day of the week."),
    "month_day": gettext_lazy("Choose a day of the list."),
    "time": gettext_lazy("Type a time like 09:30."),
    "cron": gettext_lazy("Type a cron expression, or choose another recurrence."),
    "zone": gettext_lazy("Choose a time zone."),
}


def weekday_choices() -> list[tuple[int, str]]:
    """Return the days of the week in the order and by the names of the reader."""
    return [(day, locales.weekday(day, "wide")) for day in locales.weekdays()]


class ScheduleForm(forms.Form):
    """Whether exports run by themselves, and when. After it was judged `mode` and `rule` say what to keep."""

    schedule_mode = forms.ChoiceField(
        label=gettext_lazy("Schedule run"),
        choices=[(ON, gettext_lazy("On")), (OFF, gettext_lazy("Off (run manually)"))],
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose On or Off."),
            "invalid_choice": gettext_lazy("Choose On or Off."),
        },
    )
    repeat = forms.ChoiceField(
        label=gettext_lazy("Recurrence"),
        choices=REPEATS,
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose how often it runs.")},
    )
    minute = forms.IntegerField(
        label=gettext_lazy("Minute of the hour"),
        required=False,
        min_value=0,
        max_value=59,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), gettext_lazy("Type a minute from 0 to 59.")
        ),
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Days"),
        choices=weekday_choices,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": gettext_lazy("Choose days from the list.")},
    )
    month_day = forms.TypedChoiceField(
        label=gettext_lazy("Day of the month"),
        choices=MONTH_DAYS,
        coerce=int,
        required=False,
        empty_value=None,
        help_text=gettext_lazy("In a month without that day it runs on the last one."),
        error_messages={"invalid_choice": gettext_lazy("Choose a day of the list.")},
    )
    time = forms.TimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": gettext_lazy("Type a time like 09:30.")},
    )
    cron = forms.CharField(
        label=gettext_lazy("Cron expression"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"class": "code", "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Minute, hour, day of the month, month, day of the week: “30 7 * * 1-5” is 07:30 from Monday to Friday."
        ),
    )
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Enter a city or region, e.g. Paris."),
    )

    mode: str = ""
    rule: Recurrence | None = None

    def clean(self) -> dict[str, Any]:
        """Check what counts for the recurrence chosen, and nothing that is hidden by it."""
        cleaned: dict[str, Any] = super().clean() or {}
        repeat = cleaned.get("repeat") or REFRESH
        self._forget_errors_beside(self._counting(cleaned.get("schedule_mode"), repeat))
        if cleaned.get("schedule_mode") == ON:
            self.mode = REFRESH if repeat == REFRESH else ScheduleMode.OWN
        else:
            self.mode = OFF
        if self.mode == ScheduleMode.OWN and not self.errors:
            self._judge(repeat, cleaned)
        return cleaned

    def _counting(self, switch: str | None, repeat: str) -> set[str]:
        """The fields that matter now."""
        if switch != ON or repeat == REFRESH:
            return {"schedule_mode"} | ({"repeat"} if switch == ON else set())
        return {"schedule_mode", "repeat", "zone"} | OWN_FIELDS[repeat]

    def _forget_errors_beside(self, names: set[str]) -> None:
        for name in set(self.errors) - names:
            del self.errors[name]

    def _judge(self, repeat: str, cleaned: dict[str, Any]) -> None:
        """Make the rule, or say at each field what is missing or wrong."""
        for name in MISSING.keys() & self._counting(ON, repeat):
            if cleaned.get(name) in (None, "", []):
                self.add_error(name, forms.ValidationError(MISSING[name], code="required"))
        if self.errors:
            return
        self.rule = _rule(repeat, cleaned)
        problem = recurrence.problem(self.rule)
        if problem:
            is_unknown = self.rule.zone not in zones.known()
            self.add_error("zone" if is_unknown else "cron", forms.ValidationError(str(problem), code="invalid"))


class BulkScheduleForm(ScheduleForm):
    """The same for several exports, which may keep what each has and only be switched on or off.

    `unscheduled` are the names of those that are off and have no schedule to keep: On asks which one they get.
    """

    scope = forms.ChoiceField(
        label=gettext_lazy("Keep or replace schedules"),
        choices=[
            (KEEP, gettext_lazy("Keep individual schedules: only switch them on or off")),
            (NEW, gettext_lazy("Define new schedule for all selected exports")),
        ],
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose whether they keep their schedules."),
            "invalid_choice": gettext_lazy("Choose whether they keep their schedules."),
        },
    )
    field_order = ["scope"]

    def __init__(self, *args: Any, unscheduled: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unscheduled = list(unscheduled)
        if self.unscheduled:
            repeat: Any = self.fields["repeat"]
            repeat.choices = [("", gettext_lazy("Choose a schedule")), *REPEATS]

    def clean(self) -> dict[str, Any]:
        """Take no recurrence for granted where one is asked for."""
        cleaned = super().clean()
        is_asked = cleaned.get("scope") == NEW or self._is_asked()
        if self.unscheduled and is_asked and cleaned.get("schedule_mode") == ON and cleaned.get("repeat") == "":
            self.add_error("repeat", forms.ValidationError(gettext_lazy("Choose how often it runs."), code="required"))
        return cleaned

    def _is_asked(self) -> bool:
        """Whether exports that keep their schedules are asked for one, since some have none."""
        return bool(self.unscheduled) and self.cleaned_data.get("scope") == KEEP

    def _counting(self, switch: str | None, repeat: str) -> set[str]:
        is_kept = self.cleaned_data.get("scope") == KEEP and not self._is_asked()
        return {"scope"} | ({"schedule_mode"} if is_kept else super()._counting(switch, repeat))

    def _judge(self, repeat: str, cleaned: dict[str, Any]) -> None:
        if cleaned.get("scope") == NEW or self._is_asked():
            super()._judge(repeat, cleaned)


def initial_values(export: Export, zone: str) -> dict[str, Any]:
    """Return the values with which the form opens for `export`; `zone` is that of a recurrence not made yet."""
    rule = stored_rule(export)
    is_off = export.schedule_mode == ScheduleMode.OFF
    return field_values(rule, zone) | {"schedule_mode": OFF if is_off else ON}


def field_values(rule: Recurrence | None, zone: str) -> dict[str, Any]:
    """Return a recurrence as values of the form's fields; None is one with every system refresh."""
    time = rule.times[0] if rule and rule.times else FIRST_TIME
    return {
        "repeat": rule.repeat if rule else REFRESH,
        "minute": int(time[3:]) if rule and rule.repeat == Repeat.HOURLY and time[3:].isdecimal() else 0,
        "weekdays": list(rule.weekdays) if rule and rule.weekdays else FIRST_DAYS,
        "month_day": rule.month_day if rule else 1,
        "time": FIRST_TIME if rule and rule.repeat == Repeat.HOURLY else time,
        "cron": rule.cron if rule else "",
        "zone": rule.zone if rule else zone,
    }


def part_of(form: ScheduleForm, post: QueryDict | None = None) -> Part:
    """Return the schedule that `form` opens with, or that `post` holds, as one part: only what counts is compared."""
    every = parts_of(form, post, names=ScheduleForm.base_fields)
    switch, repeat = every["schedule_mode"].value, every["repeat"].value or REFRESH
    counts = {"schedule_mode"} | ({"repeat"} if switch == ON else set())
    if switch == ON and repeat != REFRESH:
        counts |= {"zone"} | OWN_FIELDS.get(repeat, set())
    shown = {name: part for name, part in every.items() if name in counts}
    inputs = {name: values for part in every.values() for name, values in part.inputs.items()}
    return replace(joined(gettext("Schedule"), shown, audited=["schedule"]), inputs=inputs)


def typed_values(form: type[ScheduleForm], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a browser sent as values to show again, not judged."""
    read = {name: field.widget.value_from_datadict for name, field in form.base_fields.items()}
    return {name: value_from(data, {}, name) for name, value_from in read.items()}


def _rule(repeat: str, cleaned: Mapping[str, Any]) -> Recurrence:
    """The recurrence that was filled in, with nothing of what its kind does not use."""
    zone = zones.named(cleaned["zone"])
    if repeat == Repeat.CRON:
        return Recurrence(repeat, cron=" ".join(cleaned["cron"].split()), zone=zone)
    if repeat == Repeat.HOURLY:
        return Recurrence(repeat, (f"00:{cleaned['minute']:02}",), zone=zone)
    days = tuple(sorted(cleaned["weekdays"])) if repeat == Repeat.WEEKLY else ()
    month_day = cleaned["month_day"] if repeat == Repeat.MONTHLY else 1
    return Recurrence(repeat, (f"{cleaned['time']:%H:%M}",), days, month_day, zone=zone)
