"""Name, description, connection and brakes of an export."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.models import Connection
from exports.models import Export
from exports.shown.types import type_look
from roles.access.policy import Access
from roles.ui.words import number

BRAKES = ("tolerance", "most_removals", "sends_nothing")
MOST_TOLERANCE = 10_000  # percent


class ExportForm(forms.ModelForm):
    """Name, description, connection and brakes of an export."""

    class Meta:
        model = Export
        fields = ["connection", "name", "description", "refreshes_segments", *BRAKES]
        labels = {
            "connection": gettext_lazy("Connection"),
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "refreshes_segments": gettext_lazy("Refresh the segments before each run"),
            "tolerance": gettext_lazy("Tolerance, ± percent"),
            "most_removals": gettext_lazy("Removals, at most percent"),
            "sends_nothing": gettext_lazy("Run also when there is nothing to send"),
        }
        help_texts = {
            "name": gettext_lazy("Also the name of its folder at the target."),
            "refreshes_segments": gettext_lazy(
                "So that the latest members go out. Off: the members of the last refresh."
            ),
            "tolerance": gettext_lazy(
                "How far the rows of a segment or table may be from those of the last ten runs, from the fourth run "
                "on. Empty: any number goes."
            ),
            "most_removals": gettext_lazy(
                "How many of the profiles at the target one run may remove. Empty: any number goes."
            ),
            "sends_nothing": gettext_lazy(
                "Off: a run is held when there is nothing at all to send, and when something became empty since the "
                "last run."
            ),
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access = access
        self.instance.environment = access.environment
        connection = self.fields["connection"]
        self.usable = Connection.objects.usable_by(access).order_by("name")
        connection.queryset = self.usable  # type: ignore[attr-defined]
        connection.required = True
        connection.choices = _grouped_by_type(list(self.usable))  # type: ignore[attr-defined]
        connection.error_messages |= {
            "required": _("Choose the connection that the data goes through."),
            "invalid_choice": _("You cannot use that connection. Choose one of the list."),
        }
        self._bound_percent("tolerance", MOST_TOLERANCE)
        self._bound_percent("most_removals", 100)
        self.fields["name"].error_messages["required"] = _("Give the export a name.")

    def _bound_percent(self, name: str, most: int) -> None:
        """Let a percent be 0 to `most`, or nothing."""
        said = _("Enter a whole number from 0 to %(most)s, or nothing.") % {"most": number(most)}
        field = forms.IntegerField(
            label=self.fields[name].label,
            help_text=self.fields[name].help_text,
            initial=self.fields[name].initial,
            required=False,
            min_value=0,
            max_value=most,
            error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), said),
        )
        self.fields[name] = field

    def clean_name(self) -> str:
        """Refuse a name that another export of the environment has, in whatever case."""
        name = " ".join(self.cleaned_data["name"].split())
        same = Export.objects.filter(environment=self.access.environment, name__iexact=name)
        if same.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Another export has this name. Choose a different one."))
        return name


def _grouped_by_type(connections: list[Connection]) -> list[tuple[str, Any]]:
    """The choices of the connection field, under the labels of their types."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for connection in connections:
        groups.setdefault(type_look(connection.type).label, []).append((connection.pk, connection.name))
    return [("", _("Choose a connection")), *sorted(groups.items())]
