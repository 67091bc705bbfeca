"""The pane's forms. They only show: the check of the spec finds the errors, which are shown beside the fields."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.models import Connection
from exports.models import Export
from exports.shown.types import type_look
from exports.spec.check import MOST_REMOVALS, MOST_TOLERANCE

BRAKES = ("tolerance", "most_removals", "sends_nothing")


class ExportForm(forms.ModelForm):
    """Name, description, connection and brakes of an export. Shown, never validated."""

    class Meta:
        model = Export
        fields = ["connection", "name", "description", "refreshes_segments", *BRAKES]
        labels = {
            "connection": gettext_lazy("Connection"),
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "refreshes_segments": gettext_lazy("Refresh the segments before each run"),
            "tolerance": gettext_lazy("Allowed change (± %)"),
            "most_removals": gettext_lazy("Allowed removals (%)"),
            "sends_nothing": gettext_lazy("Run even if there is nothing to send"),
        }
        help_texts = {
            "name": gettext_lazy("Also used as the folder name at the destination."),
            "refreshes_segments": gettext_lazy(
                "Sends the latest members. If off, members from the last refresh are sent."
            ),
            "tolerance": gettext_lazy(
                "How far the rows of a segment or table may differ from the last ten runs, from the fourth run on. "
                "Leave empty to allow any change."
            ),
            "most_removals": gettext_lazy(
                "The share of the profiles at the destination that one run may remove. Leave empty to allow any number."
            ),
            "sends_nothing": gettext_lazy(
                "If off, a run needs approval when there is nothing to send, or when a segment or table became empty "
                "since the last run."
            ),
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, values: Mapping[str, Any], connections: Iterable[Connection]) -> None:
        super().__init__(initial=dict(values))
        connection = self.fields["connection"]
        connection.required = True
        connection.choices = _grouped_by_type(connections)  # type: ignore[attr-defined]
        for name, most in (("tolerance", MOST_TOLERANCE), ("most_removals", MOST_REMOVALS)):
            self.fields[name].widget.attrs |= {"min": 0, "max": most}


def put_beside(form: forms.BaseForm, errors: Mapping[str, list[str]]) -> None:
    """Put errors beside the fields of a form that is only shown."""
    for name, texts in errors.items():
        form.errors[name] = form.error_class(texts, renderer=form.renderer)


def _grouped_by_type(connections: Iterable[Connection]) -> list[tuple[str, Any]]:
    """The choices of the connection field, under the labels of their types."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for connection in connections:
        groups.setdefault(type_look(connection.type).label, []).append((connection.pk, connection.name))
    return [("", _("Choose a connection")), *sorted(groups.items())]
