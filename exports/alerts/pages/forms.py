"""What the pane of a channel asks for."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from exports.alerts.actions import Draft
from exports.alerts.channels.posting import split
from exports.alerts.channels.signing import signing_key
from exports.alerts.errors import NotDeliveredError
from exports.models import AlertChannel, AlertKind, ChannelKind, Export
from roles.edits.parts import Part, entered, joined, parts_of, secret
from roles.fields import NameField
from roles.models import User
from roles.searching import Folded
from roles.secrets import references

SECRETS = ("url", "signing")
KEPT = gettext_lazy("Stored. Enter a new value to replace it.")
UNREADABLE = gettext_lazy("The stored value cannot be read with this installation's keys. Enter it again.")


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
        raise ValidationError(_("A signing secret starts with whsec_, followed by 24 to 64 bytes in base64.")) from None


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


class PeopleField(forms.ModelMultipleChoiceField):
    """People to choose from; those without an address are marked."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the person's name, and whether mail can go there."""
        return str(obj) if obj.email else _("%(person)s (no e-mail address)") % {"person": obj}


class ChannelForm(forms.Form):
    """A channel of one kind; secrets that are left empty stay as they are."""

    name = NameField(label=gettext_lazy("Name"), max_length=120, widget=forms.TextInput({"class": "input"}))
    url = secret_field(gettext_lazy("Address of the receiver"), check_url)
    signing = secret_field(gettext_lazy("Signing secret"), check_signing)
    people = PeopleField(
        User.objects.none(),
        label=gettext_lazy("People"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one person.")},
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Notify about"),
        choices=AlertKind.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one kind of alert.")},
    )
    tells_recovery = forms.BooleanField(label=gettext_lazy("Also notify when resolved"), required=False, initial=True)
    scope = forms.ChoiceField(
        label=gettext_lazy("Exports"),
        choices=[
            ("all", gettext_lazy("All exports and the system refresh")),
            ("some", gettext_lazy("Selected exports only")),
        ],
        widget=forms.RadioSelect,
    )
    exports = forms.ModelMultipleChoiceField(
        Export.objects.none(),
        label=gettext_lazy("Selected exports"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, channel: AlertChannel, data: Any = None) -> None:
        super().__init__(data, initial=_initial(channel))
        self.channel, environment = channel, channel.environment
        self._choices("exports").queryset = Export.objects.filter(environment=environment).order_by(Folded("name"))
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
        example = _("E.g. https://hooks.example.com/services/1. Not shown again after saving.")
        self.fields["url"].help_text = kept or f"{example} {references.help_text()}"
        if self.channel.kind != ChannelKind.WEBHOOK:
            del self.fields["signing"]
            return
        own = _("Leave empty to generate one. It is shown once.")
        moved = _("If the server changes, a new one is generated and shown once, unless you enter your own.")
        self.fields["signing"].help_text = f"{kept} {moved}" if kept == KEPT else kept or own

    def clean_name(self) -> str:
        """Refuse the name of another channel."""
        name = self.cleaned_data["name"].strip()
        others = AlertChannel.objects.filter(environment=self.channel.environment, name=name)
        if others.exclude(pk=self.channel.pk).exists():
            raise ValidationError(_("Another channel has this name."))
        return name

    def clean_people(self) -> Any:
        """Refuse people of whom none has an address."""
        people = self.cleaned_data["people"]
        if not any(person.email for person in people):
            raise ValidationError(_("None of these people has an e-mail address. An administrator can add it."))
        return people

    def clean(self) -> dict[str, Any]:
        """Ask for exports where only some are selected."""
        cleaned = super().clean() or {}
        if cleaned.get("scope") == "some" and not cleaned.get("exports") and "exports" not in self.errors:
            self.add_error("exports", _("Choose at least one export, or select all exports above."))
        return cleaned

    def parts(self, post: QueryDict | None = None) -> dict[str, Part]:
        """Return the form part by part: as the channel is, or as `post` holds it."""
        names = [name for name in ("name", "people", "kinds", "tells_recovery") if name in self.fields]
        parts = parts_of(self, post, names=names)
        which = parts_of(self, post, names=("scope", "exports"), audited={"scope": "is_for_all"})
        is_for_all = which["scope"].value == "all"
        parts["scope"] = (
            which["scope"] if is_for_all else joined(which["scope"].label, which, said=which["exports"].said)
        )
        inputs = [name for name in SECRETS if name in self.fields]
        label = _("Address or signing secret")
        if post is None:
            parts |= {"secrets": secret(label, self.channel.encrypted_secrets, inputs)} if inputs else {}
        elif any(post.get(name) for name in inputs):
            parts["secrets"] = entered(label, inputs)
        return parts

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
