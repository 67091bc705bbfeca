"""The schedule of a spec, which the form of schedules judges, without HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from exports.models import Repeat, ScheduleMode
from exports.schedules.form import OFF, ON, REFRESH, ScheduleForm
from exports.schedules.recurrence import MOST_TIMES, Recurrence
from exports.spec.problems import Code, Path, Problem, problems_of_error, problems_of_form
from exports.spec.spec import ScheduleSpec

PATH: Path = ("schedule",)
# The form's name of what the spec calls otherwise.
FORM_NAMES = {"mode": "schedule_mode", "times": "time"}
SPEC_NAMES = {theirs: ours for ours, theirs in FORM_NAMES.items()}
TIMED = (Repeat.DAILY, Repeat.WEEKLY, Repeat.MONTHLY)


def checked_schedule(spec: ScheduleSpec) -> tuple[ScheduleSpec, list[Problem]]:
    """Return the schedule as it is kept, and what is wrong with it."""
    if spec.mode == ScheduleMode.OWN and spec.repeat not in Repeat.values:
        code = Code.INVALID_CHOICE if spec.repeat else Code.REQUIRED
        text = ScheduleForm.base_fields["repeat"].error_messages["invalid_choice"]
        return spec, [Problem((*PATH, "repeat"), code, str(text))]
    form = ScheduleForm(_typed(spec))
    found = [replace(one, path=_path_of(one.path)) for one in problems_of_form(form, PATH)]
    if found or form.rule is None:
        return (ScheduleSpec() if form.mode == ScheduleMode.REFRESH and not found else spec), found
    times, found = _times(spec)
    return schedule_of(form.mode, replace(form.rule, times=times or form.rule.times)), found


def schedule_of(mode: str, rule: Recurrence | None) -> ScheduleSpec:
    """Return a mode and a recurrence as a spec."""
    if rule is None:
        return ScheduleSpec(mode)
    is_hourly = rule.repeat == Repeat.HOURLY
    return ScheduleSpec(
        mode,
        rule.repeat,
        minute=_number(rule.times[0][3:] if rule.times else "") if is_hourly else None,
        times=() if is_hourly else rule.times,
        weekdays=rule.weekdays,
        month_day=rule.month_day if rule.repeat == Repeat.MONTHLY else None,
        cron=rule.cron,
        zone=rule.zone,
    )


def recurrence_of(spec: ScheduleSpec) -> Recurrence | None:
    """Return the recurrence that a checked spec says; None where it says none."""
    if not spec.repeat:
        return None
    times = (f"00:{_number(spec.minute):02}",) if spec.repeat == Repeat.HOURLY else spec.times
    days = tuple(int(day) for day in spec.weekdays if day is not None)
    month_day = int(spec.month_day) if spec.month_day is not None else 1
    return Recurrence(spec.repeat, times, days, month_day, spec.cron, spec.zone)


def _number(value: int | str | None) -> int:
    """A minute of a row that no form would save is the first one."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else 0


def _typed(spec: ScheduleSpec) -> dict[str, Any]:
    """The spec as the form's fields are typed."""
    switch = {ScheduleMode.OFF.value: OFF, ScheduleMode.REFRESH.value: ON, ScheduleMode.OWN.value: ON}
    return {
        "schedule_mode": switch.get(spec.mode, f"no {spec.mode}" if spec.mode else ""),
        "repeat": REFRESH if spec.mode == ScheduleMode.REFRESH else spec.repeat,
        "minute": _text(spec.minute),
        "weekdays": [_text(day) for day in spec.weekdays],
        "month_day": _text(spec.month_day),
        "time": spec.times[0] if spec.times else "",
        "cron": spec.cron,
        "zone": spec.zone,
    }


def _text(value: int | str | None) -> str:
    return "" if value is None else str(value)


def _path_of(path: Path) -> Path:
    *above, name = path
    return (*above, SPEC_NAMES.get(str(name), name))


def _times(spec: ScheduleSpec) -> tuple[tuple[str, ...], list[Problem]]:
    """The times of a day, of which the form knows one; none where the recurrence needs none."""
    if spec.repeat not in TIMED:
        return (), []
    if len(spec.times) > MOST_TIMES:
        text = _("Choose at most %(most)d times a day.") % {"most": MOST_TIMES}
        return (), [Problem((*PATH, "times"), Code.TOO_MANY, text)]
    found = [problem for index, text in enumerate(spec.times) for problem in _problems_of_time(text, index)]
    field = ScheduleForm.base_fields["time"]
    times = () if found else tuple(sorted({f"{field.clean(text):%H:%M}" for text in spec.times}))
    return times, found


def _problems_of_time(text: str, index: int) -> Iterator[Problem]:
    try:
        if ScheduleForm.base_fields["time"].clean(text) is None:
            raise ValidationError(ScheduleForm.base_fields["time"].error_messages["invalid"])
    except ValidationError as error:
        yield from problems_of_error(error, (*PATH, "times", index))
