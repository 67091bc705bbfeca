"""What a connection type is: one class that declares what it asks for and takes, and delivers.

Screens, limits, eligibility and help come from the declaration. A new type is one module with one subclass of
FileDestination or AudienceDestination, listed in registry.py or in another package's entry point
`waybill.destinations`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from django import forms
from django.utils.functional import Promise

from roles.kinds import ProfileKind, SemanticType

Text = str | Promise


class DeliveryError(Exception):
    """Why a destination could not be reached or did not take the data.

    `message` is for everyone: no host, path, account or answer of the target in it. `detail` is for
    administrators. `permanent` says that trying again without a change cannot help. `step` names the check step.
    """

    def __init__(self, message: Text, *, detail: Text = "", permanent: bool = False, step: str = "") -> None:
        super().__init__(message)
        self.message, self.detail, self.permanent, self.step = str(message), str(detail), permanent, step


@dataclass(frozen=True)
class CheckStep:
    """One step of a connection test: `state` is "done", "failed" or "not_reached"; `seconds` it took."""

    name: str
    state: str
    message: str = ""
    detail: str = ""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the step as Connection.check_steps keeps it."""
        return {"name": self.name, "state": self.state, "message": self.message, "detail": self.detail, "seconds": self.seconds}


@dataclass(frozen=True)
class Limits:
    """How many profiles a target takes: at most in one export, at least in one segment."""

    most_profiles: int | None = None
    least_profiles_per_segment: int | None = None


@dataclass(frozen=True)
class TargetField:
    """A field of the target that Waybill can fill."""

    name: str
    label: Text
    semantic_type: SemanticType = SemanticType.NONE
    is_required: bool = False


class Part(Protocol):
    """A file being written under a hidden name."""

    def write(self, data: bytes) -> None:
        """Append `data` (any size)."""

    def publish(self) -> None:
        """Give the complete file its own name, at once; replaces only what the same run published."""

    def discard(self) -> None:
        """Remove the hidden file; never raises."""


class SettingsForm(forms.Form):
    """Base of the forms a type declares: plain Django fields, cleaned data must be JSON."""


@dataclass
class Destination:
    """A set-up of one type: `settings` and `secrets` as the connection's form cleaned them."""

    settings: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)

    slug: ClassVar[str]
    label: ClassVar[Text]
    summary: ClassVar[Text]  # one sentence for the Discover tile and the pane
    monogram: ClassVar[str]  # two letters on the type's tile
    tone: ClassVar[str] = "slate"  # the tile's colour: a class in app.css
    takes: ClassVar[frozenset[ProfileKind]] = frozenset(ProfileKind)
    limits: ClassVar[Limits] = Limits()
    target_fields: ClassVar[tuple[TargetField, ...]] = ()
    # What the connection asks an administrator for. Secret fields are named in `secret_fields`.
    settings_form: ClassVar[type[forms.Form]] = SettingsForm
    secret_fields: ClassVar[tuple[str, ...]] = ()
    # What an export on it asks a contributor for (stored in Export.settings).
    export_form: ClassVar[type[forms.Form]] = SettingsForm

    def check(self) -> Iterator[CheckStep]:
        """Try the connection for real, yielding each step as it ends; stops after a failed one."""
        raise NotImplementedError

    @classmethod
    def is_available(cls) -> bool:
        """Tell whether the operator's settings allow this type at all."""
        return True


class FileDestination(Destination):
    """A store of files. Paths are relative, `/`-separated, made by the run; a destination never leaves its root."""

    def session(self, run_key: str) -> "AbstractContextManager[FileSession]":
        """Open what one run needs (a network session, say). `run_key` marks every hidden name of this run."""
        raise NotImplementedError


class FileSession(Protocol):
    """One run's work on a file store. Every method may raise DeliveryError."""

    def open_part(self, path: str) -> Part:
        """Start `path` under a hidden name that holds the run key, making its folders."""

    def clear_leftovers(self, folder: str) -> None:
        """Remove the hidden parts below `folder` that this run's earlier, dead attempts left."""

    def exists(self, path: str) -> bool:
        """Tell whether `path` is there, under its own name."""


class AudienceDestination(Destination):
    """A people-targeting system: takes batches of profiles and answers for each row."""
