"""Name, description and connection of an export."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.models import Connection
from exports.models import Export
from exports.types import type_look
from roles.access import Access
from roles.validators import visible_name


class ExportForm(forms.ModelForm):
    """Name, description and connection of an export."""

    class Meta:
        model = Export
        fields = ["connection", "name", "description", "refreshes_segments"]
        labels = {
            "connection": gettext_lazy("Connection"),
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "refreshes_segments": gettext_lazy("Refresh the segments before each run"),
        }
        help_texts = {
            "name": gettext_lazy("Also the name of its folder at the target."),
            "refreshes_segments": gettext_lazy(
                "So that the latest members go out. Off: the members of the last refresh."
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
        self.fields["name"].validators.append(visible_name)
        self.fields["name"].error_messages["required"] = _("Give the export a name.")

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
