"""What the pane of a channel asks for."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from exports.alerts.actions import Draft
from exports.alerts.channels.posting import split
from exports.alerts.channels.signing import signing_key
from exports.alerts.errors import NotDeliveredError
from exports.models import AlertChannel, AlertKind, ChannelKind, Export
from roles.fields import NameField
from roles.models import User
from roles.secrets import references

SECRETS = ("url", "signing")
KEPT = gettext_lazy("Stored. What you enter here replaces it.")
UNREADABLE = gettext_lazy("The stored one cannot be read with this installation's keys. Enter it again.")


@sensitive_variables()
def check_url(text: str) -> None:
    """Refuse a text that is no address of a receiver. A test finds out whether it can be reached."""
    try:
        split(references.resolve(text))
    except references.MissingSecretError:
        return  # said by the check of references
    except NotDeliveredError as error:
        raise ValidationError(str(error)) from None


@sensitive_variables()
def check_signing(text: str) -> None:
    """Refuse a text that is no signing secret."""
    try:
        signing_key(references.resolve(text))
    except references.MissingSecretError:
        return
    except ValueError:
        raise ValidationError(_("A signing secret begins with whsec_, and 24 to 64 bytes in base64 follow.")) from None


def secret_field(label: Any, check: Any) -> forms.CharField:
    """Return a field whose value never comes back to the page."""
    attrs = {"autocomplete": "off", "spellcheck": "false", "class": "input"}
    return forms.CharField(
        label=label,
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(attrs=attrs),
        validators=[references.check, check],
    )


class ChannelForm(forms.Form):
    """A channel of one kind; secrets that are left empty stay as they are."""

    name = NameField(label=gettext_lazy("Name"), max_length=120, widget=forms.TextInput({"class": "input"}))
    url = secret_field(gettext_lazy("Address of the receiver"), check_url)
    signing = secret_field(gettext_lazy("Signing secret"), check_signing)
    people = forms.ModelMultipleChoiceField(
        User.objects.none(),
        label=gettext_lazy("People"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one person.")},
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Tell of"),
        choices=AlertKind.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one kind of alert.")},
    )
    tells_recovery = forms.BooleanField(
        label=gettext_lazy("Tell also when it is well again"), required=False, initial=True
    )
    scope = forms.ChoiceField(
        label=gettext_lazy("Exports"),
        choices=[
            ("all", gettext_lazy("All exports, and the system refresh")),
            ("some", gettext_lazy("Only those chosen below")),
        ],
        widget=forms.RadioSelect,
    )
    exports = forms.ModelMultipleChoiceField(
        Export.objects.none(), label=gettext_lazy("Chosen exports"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, channel: AlertChannel, data: Any = None) -> None:
        super().__init__(data, initial=_initial(channel))
        self.channel, environment = channel, channel.environment
        self._choices("exports").queryset = Export.objects.filter(environment=environment).order_by(Lower("name"))
        if channel.kind == ChannelKind.EMAIL:
            members = User.objects.filter(role_assignments__environment=environment, is_active=True)
            self._choices("people").queryset = members.order_by("username")
            for name in SECRETS:
                del self.fields[name]
        else:
            del self.fields["people"]
            self._describe_secrets()

    def _choices(self, name: str) -> Any:
        return self.fields[name]

    def _describe_secrets(self) -> None:
        """Say beside each secret what an empty field means. A channel without an address needs one."""
        kept = KEPT if self.channel.pk else ""
        kept = UNREADABLE if self.channel.is_secret_unreadable else kept
        self.fields["url"].required = self.fields["signing"].required = kept == UNREADABLE
        self.fields["url"].required = kept != KEPT
        example = _("Such as https://hooks.example.com/services/1; it is not shown again.")
        self.fields["url"].help_text = kept or f"{example} {references.help_text()}"
        if self.channel.kind != ChannelKind.WEBHOOK:
            del self.fields["signing"]
            return
        own = _("Leave it empty and Waybill makes one, which is shown once.")
        moved = _("An address on another server gets a new one, which is shown once, unless you enter it.")
        self.fields["signing"].help_text = f"{kept} {moved}" if kept == KEPT else kept or own

    def add_moved_error(self) -> None:
        """Add the error that the address has changed since the page was opened."""
        text = _("Somebody else changed the address meanwhile. Enter address and signing secret together.")
        self.add_error("signing", text)

    def clean_name(self) -> str:
        """Refuse the name of another channel."""
        name = self.cleaned_data["name"].strip()
        others = AlertChannel.objects.filter(environment=self.channel.environment, name=name)
        if others.exclude(pk=self.channel.pk).exists():
            raise ValidationError(_("Another channel has this name."))
        return name

    def clean(self) -> dict[str, Any]:
        """Ask for exports where only some shall be told of."""
        cleaned = super().clean() or {}
        if cleaned.get("scope") == "some" and not cleaned.get("exports") and "exports" not in self.errors:
            self.add_error("exports", _("Choose at least one export, or all of them above."))
        return cleaned

    def draft(self) -> Draft:
        """Return the draft that the valid form holds."""
        cleaned = self.cleaned_data
        return Draft(
            name=cleaned["name"],
            kinds=cleaned["kinds"],
            tells_recovery=cleaned["tells_recovery"],
            is_for_all=cleaned["scope"] == "all",
            exports=list(cleaned["exports"]),
            people=list(cleaned.get("people", [])),
            secrets={name: cleaned[name] for name in SECRETS if cleaned.get(name)},
            receiver=self.data.get("receiver", ""),
        )


def _initial(channel: AlertChannel) -> dict[str, Any]:
    if not channel.pk:
        kinds = [AlertKind.FAILED, AlertKind.HELD, AlertKind.SKIPPED, AlertKind.LATE, AlertKind.NEVER_STARTED]
        return {"kinds": kinds, "scope": "all", "name": channel.name}
    return {
        "name": channel.name,
        "kinds": channel.kinds,
        "tells_recovery": channel.tells_recovery,
        "scope": "all" if channel.is_for_all else "some",
        "exports": list(channel.exports.values_list("pk", flat=True)),
        "people": list(channel.people.values_list("pk", flat=True)),
    }
