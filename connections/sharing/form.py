"""The form for who may use a connection: three choices, and the contributors to name."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from connections.models import Connection, Sharing
from connections.sharing import sharing
from roles.access.policy import Access
from roles.edits.parts import Part, joined, parts_of
from roles.models import User


@dataclass(frozen=True)
class Choice:
    """One of the three, with its effect."""

    value: str
    label: str
    effect: str
    is_chosen: bool


@dataclass(frozen=True)
class Person:
    """A contributor to tick; `note` tells namesakes apart."""

    pk: int
    name: str
    note: str
    is_named: bool


class SharingForm(forms.Form):
    """Who besides administrators may use the connection."""

    sharing = forms.ChoiceField(
        label=gettext_lazy("Choose who can use this connection"),
        choices=Sharing.choices,
        initial=Sharing.NOBODY,
        widget=forms.RadioSelect,
    )
    named = forms.ModelMultipleChoiceField(
        User.objects.none(),
        label=gettext_lazy("Named contributors"),
        required=False,
        error_messages=dict.fromkeys(
            ("invalid_choice", "invalid_pk_value", "list"),
            gettext_lazy("A contributor you ticked is no longer a contributor. Choose again."),
        ),
    )

    def __init__(self, *args: Any, access: Access, connection: Connection | None, **kwargs: Any) -> None:
        stored = {"sharing": connection.sharing, "named": _named(connection)} if connection else {}
        kwargs["initial"] = stored | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        self._access, self._connection = access, connection
        self.contributors: list[User] = list(sharing.contributors(access.environment))
        self.fields["named"].queryset = sharing.contributors(access.environment)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Require a ticked person if names decide; ignore the ticks otherwise."""
        if self.cleaned_data.get("sharing") != Sharing.NAMED:
            self.errors.pop("named", None)
            self.cleaned_data["named"] = ()
        elif not self.errors.get("named") and not self.cleaned_data["named"]:
            self.add_error("named", self._why_nobody())
        return self.cleaned_data

    def shared(self, post: QueryDict | None = None) -> Part:
        """Return who may use it as one part: as it is, or as `post` holds it. Names count where they decide."""
        parts = parts_of(self, post, names=("sharing", "named"))
        is_named = parts["sharing"].value == Sharing.NAMED
        counts = parts if is_named else {"sharing": parts["sharing"]}
        said = [*parts["sharing"].said, *(parts["named"].said if is_named else ())]
        return joined(str(self["sharing"].label), counts, said=said, audited=("sharing", "named"))

    @property
    def choices(self) -> list[Choice]:
        """The three choices with their effects."""
        chosen, effects = self["sharing"].value(), self._effects()
        return [Choice(value, str(label), effects[value], value == chosen) for value, label in Sharing.choices]

    @property
    def people(self) -> list[Person]:
        """The environment's contributors, those named first."""
        named = {str(value) for value in self["named"].value() or ()}
        people = [Person(user.pk, str(user), _note(user), str(user.pk) in named) for user in self.contributors]
        return sorted(people, key=lambda person: not person.is_named)

    def _why_nobody(self) -> str:
        if self.contributors:
            return _("Tick at least one contributor, or choose “Administrators only”.")
        return _("This environment has no contributors yet. Choose another option, or add a person under Permissions.")

    def _effects(self) -> dict[str, str]:
        people = len(self.contributors)
        everybody = ngettext(
            "%(count)d contributor can add, edit and run exports on it.",
            "%(count)d contributors can add, edit and run exports on it.",
            people,
        )
        return {
            Sharing.NOBODY: self._loss(_("Contributors see only its name and type.")),
            Sharing.ALL: everybody % {"count": people},
            Sharing.NAMED: self._named_loss(_("Only the contributors ticked below.")),
        }

    def _exports(self) -> int:
        """How many exports contributors could lose: those on it, while any contributor may use it."""
        if self._connection is None or self._connection.sharing == Sharing.NOBODY:
            return 0
        exports: Any = getattr(self._connection, "exports")  # noqa: B009 - another app's relation
        count: int = exports.count()
        return count

    def _loss(self, otherwise: str) -> str:
        count = self._exports()
        words = ngettext(
            "%(count)d export becomes view only for contributors at once; its scheduled runs continue.",
            "%(count)d exports become view only for contributors at once; their scheduled runs continue.",
            count,
        )
        return words % {"count": count} if count else otherwise

    def _named_loss(self, otherwise: str) -> str:
        count = self._exports()
        words = ngettext(
            "For contributors not ticked, %(count)d export becomes view only at once; its scheduled runs continue.",
            "For contributors not ticked, %(count)d exports become view only at once; their scheduled runs continue.",
            count,
        )
        return words % {"count": count} if count else otherwise


def _named(connection: Connection) -> list[int]:
    return list(connection.shared_with.values_list("pk", flat=True))


def _note(user: User) -> str:
    return user.email or ("" if str(user) == user.username else user.username)
