"""The forms that a connection type declares."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from connections.destinations.base.errors import Text


@dataclass(frozen=True)
class Question:
    """Something found while checking a form that a person must confirm with the box `field`.

    The ticked box sends `answer`, which names what was shown. `error` says that the box was left unticked.
    """

    title: Text
    text: Text
    facts: tuple[tuple[Text, Text], ...]
    field: str
    answer: Text = "on"
    error: Text = ""


class SettingsForm(forms.Form):
    """Base of the forms a type declares: plain Django fields, cleaned data must be JSON.

    `stored` is what the connection holds already; `kept_secrets` names the secrets it holds.
    """

    # The settings that say where data goes: changing one asks for the administrator's agreement again. None: any.
    target_settings: ClassVar[tuple[str, ...] | None] = None
    # Those that say which server gets the secrets: changing one asks for the secrets again. None: any.
    server_settings: ClassVar[tuple[str, ...] | None] = None

    def __init__(
        self,
        *args: Any,
        stored: dict[str, Any] | None = None,
        kept_secrets: frozenset[str] = frozenset(),
        **kwargs: Any,
    ) -> None:
        kwargs["initial"] = stored
        super().__init__(*args, **kwargs)
        self.stored, self.kept_secrets = stored, kept_secrets
        # What administrators may unfold below the field that an error is at: the field's name and the text.
        self.detail_at, self.detail = "", ""

    # Fields under a heading, folded away or not: (heading, names). The others come first.
    groups: ClassVar[tuple[tuple[Text, tuple[str, ...]], ...]] = ()

    @property
    def question(self) -> "Question | None":
        """What a person must confirm before the form can be saved."""
        return None

    def shown_facts(self) -> list[tuple[Text, Text]]:
        """Stored facts worth showing that no field shows."""
        return []

    def sections(self) -> list[tuple[Text, list[forms.BoundField]]]:
        """The visible fields under their headings, without those of a question."""
        asked = self.question.field if self.question else ""
        grouped = {name for _heading, names in self.groups for name in names}
        first = [bound for bound in self.visible_fields() if bound.name not in grouped | {asked}]
        rest = [(heading, [self[name] for name in names if name in self.fields]) for heading, names in self.groups]
        return [(heading, fields) for heading, fields in [("", first), *rest] if fields]

    def keeps_secrets(self) -> bool:
        """Whether there are stored secrets that may go to the server now named."""
        names = tuple(self.stored or ()) if self.server_settings is None else self.server_settings
        return bool(self.kept_secrets) and not self.has_moved(names)

    def has_moved(self, names: tuple[str, ...]) -> bool:
        """Whether one of the settings `names` differs from what is stored; False when new."""
        return self.stored is not None and any(
            self.cleaned_data[name] != self.stored.get(name) for name in names if name in self.cleaned_data
        )
