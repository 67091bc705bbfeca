"""The form of a connection: name, sharing and agreement, beside the type's own form."""

from dataclasses import replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.actions import Draft
from connections.destinations.base import SettingsForm
from connections.models import Connection, DestinationClass
from connections.secrets import sealing
from connections.sharing import agreement
from connections.sharing.form import SharingForm
from roles.access.policy import Access
from roles.edits.parts import Part, entered, parts_of, secret
from roles.fields import NameField
from roles.secrets import references
from roles.secrets.store import Server, UnreadableSecretError

PREFIX = "settings"
MOST_AT_ONCE = 100  # exports through one connection, as an administrator may set it
KEEP = "keep"  # of a stored secret, whatever was typed beside it


class ConnectionForm(SharingForm):
    """What every connection has: a name, who may use it, and an agreement."""

    field_order = ("name", "most_at_once", "sharing", "named", "agree")

    name = NameField(
        label=gettext_lazy("Display name"),
        max_length=120,
        error_messages={"required": gettext_lazy("Enter a name that people will recognize.")},
        help_text=gettext_lazy("The name people see when they choose a connection."),
    )
    most_at_once = forms.IntegerField(
        label=gettext_lazy("Concurrent runs"),
        required=False,
        min_value=1,
        max_value=MOST_AT_ONCE,
        help_text=gettext_lazy("Maximum concurrent runs; others wait. Leave empty for the default."),
    )
    agree = forms.BooleanField(
        label=gettext_lazy("I agree that data leaves Waybill through this connection"),
        required=False,
        help_text=gettext_lazy("Your name and the time are kept with the connection, visible to administrators."),
    )

    def clean_name(self) -> str:
        """Refuse a name that another connection of the environment has."""
        name: str = self.cleaned_data["name"]
        others = Connection.objects.filter(environment=self._access.environment, name__iexact=name)
        if self._connection is not None:
            others = others.exclude(pk=self._connection.pk)
        if others.exists():
            self.add_taken_name()
        return name

    def add_taken_name(self) -> None:
        """Say that the name is taken."""
        self.add_error("name", _("Another connection has this name already. Choose a different one."))


class ConnectionPane:
    """Both forms of one connection, as the pane shows and saves them."""

    def __init__(
        self,
        access: Access,
        type_: DestinationClass,
        connection: Connection | None = None,
        data: QueryDict | None = None,
    ) -> None:
        self.type, self.connection, self._access = type_, connection, access
        self.secret_problem: UnreadableSecretError | None = None
        self.forgotten: list[str] = []  # typed before the page came back, for another server
        kept = self._kept_secrets()
        sent = self._with_typed_secrets(data) if data is not None else None
        common = {"name": connection.name, "most_at_once": connection.most_at_once} if connection else {}
        self.form = ConnectionForm(sent, access=access, connection=connection, initial=common)
        stored = connection.settings if connection else None
        self.type_form = self._type_form(sent, stored, kept)
        self.kept = kept
        self._describe_secrets(kept, set(self._typed(sent)))

    @property
    def asks_agreement(self) -> bool:
        """Whether the agreement is needed: for a new connection, and for a new target."""
        if self.connection is None:
            return True
        self.type_form.is_valid()
        settings = self.connection.settings | self._settings()
        return not agreement.is_given(self.connection, settings)

    @property
    def sealed(self) -> str:
        """The secrets typed so far, for the page; those with an error are typed again."""
        typed, form = self._typed(self.type_form.data), self.type_form
        secrets = {name: text for name, text in typed.items() if not form[name].errors}
        return sealing.seal(self._access, secrets, self._server_typed(form.data))

    @property
    def replaced(self) -> list[str]:
        """The names of stored secrets that are being replaced: typed anew, or refused."""
        typed = self._typed(self.type_form.data)
        return [name for name in self.kept if name in typed or self.type_form[name].errors]

    def parts(self, post: QueryDict | None = None) -> dict[str, Part]:
        """Return both forms part by part: as they open, or as `post` holds them. Of secrets no value is kept."""
        parts = parts_of(self.form, post, names=("name", "most_at_once")) | {"sharing": self.form.shared(post)}
        names = [name for name in self.type_form.fields if name not in self.type.secret_fields]
        parts |= {
            f"settings.{name}": replace(part, audited=[f"settings.{name}"])
            for name, part in parts_of(self.type_form, post, names=names).items()
        }
        inputs = [f"{PREFIX}-{name}" for name in self.type.secret_fields]
        label = ", ".join(str(self.type_form[name].label) for name in self.type.secret_fields)
        if post is not None:
            is_typed = bool(self._typed(self.type_form.data) or self.forgotten)
            return parts | ({"secrets": entered(label, [*inputs, "sealed"])} if is_typed else {})
        if self.connection and inputs:
            parts["secrets"] = secret(label, str(self.connection.secrets_at), [*inputs, "sealed"])
            stays = {f"{name}-is": [KEEP] for name in inputs}
            parts["secrets"] = replace(parts["secrets"], inputs={**parts["secrets"].inputs, **stays})
        return parts

    def non_field_errors(self) -> list[str]:
        """The errors of both forms that belong to no field."""
        return [*self.form.non_field_errors(), *self.type_form.non_field_errors()]

    def invalid_fields(self) -> list[forms.BoundField]:
        """The fields of both forms with an error; an open question is no error."""
        question = self.type_form.question
        name, *rest = self.form.visible_fields()
        fields = [name, *self.type_form.visible_fields(), *rest]  # as the page lays them out
        return [bound for bound in fields if bound.errors and not (question and bound.name == question.field)]

    def is_valid(self) -> bool:
        """Check both forms, and the agreement if it is needed."""
        is_valid = self.type_form.is_valid() & self.form.is_valid() & self._has_forgotten_nothing()
        if self.asks_agreement and not self.form.cleaned_data.get("agree"):
            self.add_agreement_error()
            return False
        return is_valid

    def _has_forgotten_nothing(self) -> bool:
        """Say of each secret that was typed for another server that it is needed again."""
        for name in self.forgotten:
            self.type_form.errors.pop(name, None)
            self.type_form.add_error(name, _("The server has changed. Enter this again for the new one."))
        return not self.forgotten

    def add_secret_error(self) -> None:
        """Say that the stored secret was not entered for the server now named."""
        self.type_form.add_error(self.type.secret_fields[0], _("The server has changed. Enter this for the new one."))

    def add_agreement_error(self) -> None:
        """Say that the agreement is missing."""
        self.form.add_error("agree", _("Tick to agree, or ask someone authorized to decide."))

    def draft(self) -> Draft:
        """Return what the valid forms say."""
        cleaned, secret = self.type_form.cleaned_data, self.type.secret_fields
        return Draft(
            name=self.form.cleaned_data["name"],
            sharing=self.form.cleaned_data["sharing"],
            named=tuple(self.form.cleaned_data["named"]),
            has_agreed=self.asks_agreement and self.form.cleaned_data["agree"],
            most_at_once=self.form.cleaned_data["most_at_once"],
            settings=self._settings(),
            secrets={name: cleaned[name] for name in secret if cleaned.get(name)},
        )

    def _kept_secrets(self) -> frozenset[str]:
        try:
            return self.connection.kept_secrets if self.connection else frozenset()
        except UnreadableSecretError as error:
            self.secret_problem = error
            return frozenset()

    def _type_form(self, data: QueryDict | None, stored: dict[str, Any] | None, kept: frozenset[str]) -> SettingsForm:
        form = self.type.settings_form(data, prefix=PREFIX, stored=stored, kept_secrets=kept)
        for name in self.type.secret_fields:
            form.fields[name].validators.append(references.check)
        return form

    def _settings(self) -> dict[str, Any]:
        """The valid settings that were sent; {} before any were."""
        cleaned = getattr(self.type_form, "cleaned_data", {})
        return {name: value for name, value in cleaned.items() if name not in self.type.secret_fields}

    def _typed(self, data: Any) -> dict[str, str]:
        names = self.type.secret_fields if data else ()
        return {name: data[f"{PREFIX}-{name}"] for name in names if data.get(f"{PREFIX}-{name}")}

    def _with_typed_secrets(self, data: QueryDict) -> QueryDict:
        """Put secrets that were typed before the page came back where they were typed, unless typed anew."""
        full = data.copy()
        stays = [name for name in self.type.secret_fields if data.get(f"{PREFIX}-{name}-is") == KEEP]
        for name in stays:
            full.pop(f"{PREFIX}-{name}", None)
        if not self._typed(full):
            self._put_back(full, stays)
        return full

    def _put_back(self, data: QueryDict, stays: list[str]) -> None:
        """Put what was typed before into `data` where it may still go to the server that is named now."""
        kept = sealing.unseal(self._access, data.get("sealed", ""))
        typed = {name: text for name, text in kept.secrets.items() if name not in stays}
        if kept.server != self._server_typed(data):
            self.forgotten = list(typed)
            return
        for name, text in typed.items():
            data[f"{PREFIX}-{name}"] = text

    def _server_typed(self, data: Any) -> Server:
        """The server as it was typed, right or wrong: what is typed for it goes to no other."""
        names = self.type.settings_form.server_settings
        if names is None:
            names = tuple(name for name in self.type.settings_form.base_fields if name not in self.type.secret_fields)
        typed = {name: str(data.get(f"{PREFIX}-{name}", "")).strip().lower() for name in names}
        return {"type": self.type.slug, "settings": typed}

    def _describe_secrets(self, kept: frozenset[str], typed: set[str]) -> None:
        hint = references.help_text()
        for name in self.type.secret_fields:
            if name in typed:
                self.type_form.fields[name].help_text = _("Entered. Leave empty to keep it.")
            elif name in kept:
                self.type_form.fields[name].help_text = _("The new secret replaces the stored one.")
            else:
                words = (str(self.type_form.fields[name].help_text), hint)
                self.type_form.fields[name].help_text = " ".join(filter(None, words))
                hint = ""  # said once: it holds for all of them
