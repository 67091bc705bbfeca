"""What every connection type declares."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from connections.destinations.base.errors import CheckStep, Text
from connections.destinations.base.forms import SettingsForm
from roles.kinds import ProfileKind, SemanticType


class Unit(StrEnum):
    """What a destination counts: rows in files, people, or records of another kind."""

    ROWS = "rows"
    PEOPLE = "people"
    RECORDS = "records"


@dataclass(frozen=True)
class Limits:
    """How many profiles a target accepts: at most in one export, at least in one segment."""

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


@dataclass
class Destination:
    """One connection of a type: `settings` and `secrets` as the connection's form cleaned them."""

    settings: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)

    do_not_call_in_templates: ClassVar[bool] = True  # templates show the class; they would make an object of it

    slug: ClassVar[str]
    label: ClassVar[Text]
    summary: ClassVar[Text]  # one sentence for the Discover tile and the pane
    monogram: ClassVar[str]  # two letters on the type's tile
    tone: ClassVar[str] = "slate"  # the tile's colour: a class in app.css
    takes: ClassVar[frozenset[ProfileKind]] = frozenset(ProfileKind)
    unit: ClassVar[Unit] = Unit.RECORDS
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
    def unit_for(cls, settings: dict[str, Any]) -> Unit:
        """What an export with these `settings` counts."""
        return cls.unit

    @classmethod
    def target_fields_for(cls, settings: dict[str, Any]) -> tuple[TargetField, ...]:
        """The target's fields that an export with these `settings` may fill."""
        return cls.target_fields

    def check(self) -> Iterator[CheckStep]:
        """Test the connection for real; yields each step as it ends, and stops after a failed one."""
        raise NotImplementedError

    def expires_at(self) -> datetime | None:
        """Say when the token or certificate ends that the target was reached with; None: not known, or never.

        Asked after `check`, in the same thread, so it may return what the check found out.
        """
        return None

    @classmethod
    def is_available(cls) -> bool:
        """Whether the operator's settings allow this type at all."""
        return not cls.why_unavailable()

    @classmethod
    def why_unavailable(cls) -> Text:
        """Return why nobody can set up this type here; empty if they can."""
        return ""
