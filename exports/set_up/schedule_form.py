"""Schedule export: when one or several exports run by themselves."""

from django import forms
from django.utils.translation import gettext_lazy as _

from exports.models import ScheduleMode


class ScheduleForm(forms.Form):
    """Whether the chosen exports run by themselves; the same for all of them."""

    schedule_mode = forms.ChoiceField(
        label=_("Schedule run"),
        choices=[
            (ScheduleMode.REFRESH, _("On: with every system refresh")),
            (ScheduleMode.OFF, _("Off: only when somebody runs it")),
        ],
        widget=forms.RadioSelect,
        help_text=_(
            "The system refresh itself is off, so exports run when somebody runs them. Run all takes those whose "
            "schedule is on; Run takes any."
        ),
        error_messages={"required": _("Choose On or Off."), "invalid_choice": _("Choose On or Off.")},
    )
