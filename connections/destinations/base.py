"""What a connection type is: one class that declares what it asks for and takes, and delivers.

Screens, limits, eligibility and help come from the declaration. A new type is one module with one subclass of
FileDestination or AudienceDestination, listed in registry.py or in another package's entry point
`waybill.destinations`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from roles.kinds import ProfileKind, SemanticType
from roles.retry_after import seconds_of

Text = str | Promise


class DeliveryError(Exception):
    """Why a destination could not be reached or did not take the data.

    `message` is for everyone: no host, path, account or answer of the target in it. `detail` is for
    administrators. `permanent` says that trying again without a change cannot help, `retry_after` how long the
    target asks to be left alone before that: seconds, or the text of its header Retry-After.
    """

    def __init__(
        self, message: Text, *, detail: Text = "", permanent: bool = False, retry_after: float | str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.detail, self.permanent = str(message), str(detail), permanent
        self.retry_after = seconds_of(retry_after) if isinstance(retry_after, str) else retry_after


@dataclass(frozen=True)
class CheckStep:
    """One step of a connection test: `state` is "done", "failed", "running" or "not_reached"; `seconds` it took."""

    name: str
    state: str
    message: str = ""
    detail: str = ""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the step as Connection.check_steps keeps it."""
        return asdict(self)


# What a step found, for everyone and for administrators; a step that fails raises DeliveryError.
Finding = tuple[Text, Text]


def run_steps(names: Sequence[Text], steps: Sequence[Callable[[], Finding]]) -> Iterator[CheckStep]:
    """Do `steps` one by one, yielding each as it ends; stops after one that raised DeliveryError."""
    for name, step in zip(names, steps, strict=True):
        start = time.monotonic()
        try:
            state, (message, detail) = "done", step()
        except DeliveryError as error:
            state, message, detail = "failed", error.message, error.detail
        yield CheckStep(str(name), state, str(message), str(detail), round(time.monotonic() - start, 3))
        if state == "failed":
            return


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


@dataclass(frozen=True)
class HelpSection:
    """A section of a type's help page; `paragraphs` are plain text."""

    title: Text
    paragraphs: tuple[Text, ...]


class Part(Protocol):
    """A file being written under a hidden name."""

    def write(self, data: bytes) -> None:
        """Append `data` (any size)."""

    def publish(self) -> None:
        """Give the complete file its own name, at once; replaces only what the same run published, or `over` allows."""

    def discard(self) -> None:
        """Remove the hidden file; never raises."""


class DeliveredFile(Protocol):
    """A file at the target, open for reading; its bytes are read once. Reading may raise DeliveryError."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def chunks(self) -> Iterator[bytes]:
        """Its bytes in pieces that fit memory; DeliveryError when fewer than `size` come."""


@dataclass(frozen=True)
class Question:
    """Something found out while checking a form that a person has to confirm with the box `field`."""

    title: Text
    text: Text
    facts: tuple[tuple[Text, str], ...]
    field: str


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
        """What has to be confirmed before the form can be saved."""
        return None

    def shown_facts(self) -> list[tuple[Text, str]]:
        """Return what is stored and worth showing though no field shows it."""
        return []

    def sections(self) -> list[tuple[Text, list[forms.BoundField]]]:
        """Return the visible fields under their headings; those of a question are asked apart."""
        asked = self.question.field if self.question else ""
        grouped = {name for _heading, names in self.groups for name in names}
        first = [bound for bound in self.visible_fields() if bound.name not in grouped | {asked}]
        rest = [(heading, [self[name] for name in names if name in self.fields]) for heading, names in self.groups]
        return [(heading, fields) for heading, fields in [("", first), *rest] if fields]

    def keeps_secrets(self) -> bool:
        """Tell whether there are stored secrets and they may go to the server that is now named."""
        names = tuple(self.stored or ()) if self.server_settings is None else self.server_settings
        return bool(self.kept_secrets) and not self.has_moved(names)

    def has_moved(self, names: tuple[str, ...]) -> bool:
        """Tell whether one of the settings `names` differs from what is stored; False when new."""
        return self.stored is not None and any(
            self.cleaned_data[name] != self.stored.get(name) for name in names if name in self.cleaned_data
        )


@dataclass
class Destination:
    """A set-up of one type: `settings` and `secrets` as the connection's form cleaned them."""

    settings: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)

    do_not_call_in_templates: ClassVar[bool] = True  # templates show the class; they would make an object of it

    slug: ClassVar[str]
    label: ClassVar[Text]
    summary: ClassVar[Text]  # one sentence for the Discover tile and the pane
    monogram: ClassVar[str]  # two letters on the type's tile
    tone: ClassVar[str] = "slate"  # the tile's colour: a class in app.css
    takes: ClassVar[frozenset[ProfileKind]] = frozenset(ProfileKind)
    takes_tables: ClassVar[bool] = False  # whole tables with their metadata: data-out exports
    removes_members: ClassVar[bool] = False  # who left a segment is taken from the target, too
    limits: ClassVar[Limits] = Limits()
    # What one connection stands: runs at once (an administrator may set another number), starts in a minute, and
    # seconds that one run may take, where that is less than the operator allows.
    at_once: ClassVar[int] = 2
    starts_per_minute: ClassVar[int | None] = None
    deadline: ClassVar[float | None] = None
    target_fields: ClassVar[tuple[TargetField, ...]] = ()
    # What the connection asks an administrator for. Secret fields are named in `secret_fields`.
    settings_form: ClassVar[type[SettingsForm]] = SettingsForm
    secret_fields: ClassVar[tuple[str, ...]] = ()
    # What an export on it asks a contributor for (stored in Export.settings).
    export_form: ClassVar[type[SettingsForm]] = SettingsForm

    # What `check` tries, in order, in words for people.
    check_steps: ClassVar[tuple[Text, ...]] = ()
    # What the declaration cannot say by itself, for the type's help page.
    help_sections: ClassVar[tuple[HelpSection, ...]] = ()

    @classmethod
    def takes_for(cls, settings: dict[str, Any]) -> frozenset[ProfileKind]:
        """The kinds of profiles that an export with these `settings` may send."""
        return cls.takes

    @classmethod
    def target_fields_for(cls, settings: dict[str, Any]) -> tuple[TargetField, ...]:
        """The target's fields that an export with these `settings` may fill."""
        return cls.target_fields

    def check(self) -> Iterator[CheckStep]:
        """Try the connection for real, yielding each step as it ends; stops after a failed one."""
        raise NotImplementedError

    def expires_at(self) -> datetime | None:
        """Say when the token or certificate ends that the target was reached with; None: not known, or never.

        Asked after `check`, in the same thread, so it may return what the check found out.
        """
        return None

    @classmethod
    def is_available(cls) -> bool:
        """Tell whether the operator's settings allow this type at all."""
        return not cls.why_unavailable()

    @classmethod
    def why_unavailable(cls) -> Text:
        """Say why nobody can set up this type here; empty when they can."""
        return ""


# What may stand between the values of a line: choice in FileExportForm to character. Comma where none is stored.
DELIMITERS: dict[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


class FileExportForm(SettingsForm):
    """What an export to a file store asks for."""

    delimiter = forms.ChoiceField(
        label=_("Delimiter"),
        choices=[
            ("comma", _("Comma ( , )")),
            ("semicolon", _("Semicolon ( ; )")),
            ("tab", _("Tab")),
            ("pipe", _("Pipe ( | )")),
        ],
        initial="comma",
        required=False,
        help_text=_("What stands between the values of a line."),
    )
    compression = forms.ChoiceField(
        label=_("Compression"),
        choices=[("none", _("None: plain CSV files")), ("gzip", _("Gzip: smaller files, ending in .csv.gz"))],
        initial="none",
        widget=forms.RadioSelect,
    )

    def clean_delimiter(self) -> str:
        """Take a comma where nothing was chosen."""
        return self.cleaned_data["delimiter"] or "comma"


class FileDestination(Destination):
    """A store of files. Paths are relative and `/`-separated; a destination never leaves its root."""

    takes_tables = True
    export_form = FileExportForm
    can_download: ClassVar[bool] = False  # tells that `open_file` works

    def session(self, run_key: str) -> "AbstractContextManager[FileSession]":
        """Open what one run needs (a network session, say); a run opens one, since a server may allow no more.

        `run_key` is "RUN-ATTEMPT", both hexadecimal, and marks every hidden name. An attempt that was frozen may
        wake up while the next one writes: so parts are named by the attempt; claims and clearing go by the run.
        """
        raise NotImplementedError

    def open_file(self, path: str) -> AbstractContextManager[DeliveredFile]:
        """Open the delivered file `path` for reading; DeliveryError when it is gone or no regular file."""
        raise NotImplementedError


class FileSession(Protocol):
    """One run's work on a file store. Every method may raise DeliveryError."""

    def open_part(self, path: str, *, over: frozenset[str] = frozenset()) -> Part:
        """Start `path` under a hidden name that holds the run key, making its folders.

        `over` are SHA-256 sums (hexadecimal) of files that may be replaced at `path`: what is there with another
        sum is refused when the part is published.
        """

    def clear_leftovers(self, folder: str) -> None:
        """Remove the hidden parts directly in `folder` that this run's earlier, dead attempts left."""

    def clear_run(self, run_key: str, *folders: str) -> None:
        """Remove all hidden files directly in `folders` that the run `run_key`, which is over, left there."""

    def exists(self, path: str) -> bool:
        """Tell whether `path` is there, under its own name."""

    def sum_of(self, path: str) -> str:
        """The SHA-256 sum (hexadecimal) of the regular file `path`, read over what the session has open."""

    def settle(self, *folders: str) -> None:
        """Forget which names this run claimed, also those that its dead attempts claimed in `folders`. Never raises.

        Until then a second attempt of the run may replace what the first one published: so call it after the
        run's success is recorded.
        """


class AudienceDestination(Destination):
    """A people-targeting system: takes batches of profiles and answers for each row."""
