"""A connection type's help page, made from its declaration alone; it tells nothing about any connection."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from django import forms
from django.utils.translation import gettext_lazy as _

from connections.destinations.base import FileDestination, SettingsForm, TargetField, Text
from connections.models import DestinationClass
from roles.kinds import ProfileKind

KIND_WORDS: dict[ProfileKind, Text] = {
    ProfileKind.CUSTOMER: _("Customer segments"),
    ProfileKind.ACCOUNT: _("Account segments"),
    ProfileKind.CONTACT: _("Contact segments"),
}


@dataclass(frozen=True)
class FileFormat:
    """A format of delivered files: a heading, what to know about it, and its file suffix."""

    title: Text
    text: Text
    suffix: str


class ExportsTeller(Protocol):
    """What the app above tells the help page about exports."""

    def form_of(self, type_: DestinationClass) -> type[SettingsForm]:
        """The form of an export on a connection of the type, as it is at first."""

    def file_kinds(self) -> list[FileFormat]:
        """The formats in which file stores get files, the usual one first."""


_tellers: list[ExportsTeller] = []


def register_exports(teller: ExportsTeller) -> None:
    """Let `teller` tell the help page about exports."""
    _tellers[:] = [teller]


@dataclass(frozen=True)
class HelpField:
    """One field of a form; `choices` are empty for free text, `default` is its initial value."""

    label: Text
    help_text: Text
    is_required: bool
    is_secret: bool
    choices: list[Text]
    default: Text


@dataclass(frozen=True)
class Accepted:
    """What an export may send: (kind in words, accepted?) and target fields; `when` names the deciding choice."""

    when: str
    kinds: list[tuple[Text, bool]]
    fields: tuple[TargetField, ...]


@dataclass(frozen=True)
class TypeHelp:
    """The parts of the help page of the class `type`."""

    type: DestinationClass

    @property
    def why_unavailable(self) -> Text:
        """Why nobody can set up the type here; empty if they can."""
        return self.type.why_unavailable()

    @property
    def is_file_store(self) -> bool:
        """Whether it gets files."""
        return issubclass(self.type, FileDestination)

    @property
    def file_kinds(self) -> list[FileFormat]:
        """The formats in which it gets files."""
        return [kind for teller in _tellers for kind in teller.file_kinds()] if self.is_file_store else []

    @property
    def can_download(self) -> bool:
        """Whether delivered files can be fetched through Waybill."""
        return issubclass(self.type, FileDestination) and self.type.can_download

    @property
    def taken(self) -> list[Accepted]:
        """What it accepts; once for each choice if an export's settings decide."""
        form = self._export_form()
        usual = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
        first = self._taken("", usual)
        for name, field in form.fields.items():
            variants = [
                self._taken(f"{field.label}: {label}", usual | {name: value}) for value, label in _choices(field)
            ]
            if any((one.kinds, one.fields) != (first.kinds, first.fields) for one in variants):
                return variants
        return [first]

    @property
    def connection_asks(self) -> list[tuple[Text, list[HelpField]]]:
        """The fields of a connection under headings."""
        return self._asked(self.type.settings_form())

    @property
    def export_asks(self) -> list[tuple[Text, list[HelpField]]]:
        """The fields of an export under headings."""
        return self._asked(self._export_form())

    def _export_form(self) -> SettingsForm:
        forms_ = [teller.form_of(self.type) for teller in _tellers]
        return next(iter(forms_), self.type.export_form)()

    def _taken(self, when: str, settings: dict[str, Any]) -> Accepted:
        taken = self.type.takes_for(settings)
        kinds = [(words, kind in taken) for kind, words in KIND_WORDS.items()]
        return Accepted(when, kinds, self.type.target_fields_for(settings))

    def _asked(self, form: SettingsForm) -> list[tuple[Text, list[HelpField]]]:
        return [
            (heading, [_asked(bound, bound.name in self.type.secret_fields) for bound in fields])
            for heading, fields in form.sections()
        ]


def _asked(bound: forms.BoundField, is_secret: bool) -> HelpField:
    choices, default = dict(_choices(bound.field)), bound.field.initial
    return HelpField(
        label=bound.label,
        help_text=bound.help_text,
        is_required=bound.field.required,
        is_secret=is_secret,
        choices=list(choices.values()),
        default="" if is_secret or default in (None, "", False) else choices.get(default, str(default)),
    )


def _choices(field: forms.Field) -> Iterator[tuple[Any, Text]]:
    """Yield the (value, label) choices of a field, including those in groups."""
    for value, label in getattr(field, "choices", ()):
        if isinstance(label, list | tuple):
            yield from label
        elif value not in ("", None):
            yield value, label
