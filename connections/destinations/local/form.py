"""The form of a Local folder connection."""

from contextlib import suppress

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.destinations.base import DeliveryError, SettingsForm
from connections.destinations.files import names, spelling
from roles.validators import one_line


class LocalFolderForm(SettingsForm):
    """The folder below the base."""

    target_settings = ("folder",)

    folder = forms.CharField(
        label=gettext_lazy("Folder"),
        required=False,
        max_length=200,
        validators=[one_line],
        help_text=gettext_lazy(
            "A folder in the directory your Waybill operator allowed, e.g. crm/newsletter. Created if missing. "
            "Leave empty to use that directory itself."
        ),
    )

    def clean_folder(self) -> str:
        """Refuse a folder that would lead out of the base."""
        folder: str = self.cleaned_data["folder"].rstrip("/")
        if self.stored is not None and folder == self.stored.get("folder"):
            return folder
        if self.cleaned_data["folder"].startswith("/"):
            text = _("Enter it without the leading /: folders are inside the base directory.")
            raise forms.ValidationError(text, code="absolute")
        if not _is_plain(folder):
            text = _("Enter folder names separated by /, e.g. crm/newsletter, without “..”, “~” or variables.")
            raise forms.ValidationError(text, code="unsafe")
        return folder


def _is_plain(folder: str) -> bool:
    """Whether `folder` holds nothing but names; what a shell would replace is none."""
    if spelling.HOME.match(folder) or spelling.problem(folder):
        return False
    with suppress(DeliveryError):
        return not folder or bool(names.components(folder))
    return False
