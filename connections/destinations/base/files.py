"""File stores: their options for each export, and the contract by which files are delivered."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import ClassVar, Protocol

from connections.destinations.base.destination import Destination, Unit
from connections.destinations.base.forms import SettingsForm


class Part(Protocol):
    """A file being written under a hidden name."""

    def write(self, data: bytes) -> None:
        """Append `data` (any size)."""

    def complete(self) -> None:
        """Return when the target has every byte, still under the hidden name. `publish` does it where nobody did."""

    def publish(self) -> None:
        """Give the complete file its own name atomically.

        It replaces only what the same run published, or what `replaceable` names.
        """

    def discard(self) -> None:
        """Remove the hidden file. Never raises."""


class DeliveredFile(Protocol):
    """A file at the target, open for reading once. Reading may raise DeliveryError."""

    @property
    def size(self) -> int:
        """Its size in bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Its bytes in pieces that fit into memory; DeliveryError if there are fewer than `size`."""


class FileExportForm(SettingsForm):
    """The options of an export to a file store; the format adds its own."""


class FileDestination(Destination):
    """A store of files. Paths are relative and `/`-separated; a destination never leaves its root."""

    unit = Unit.ROWS
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
        """Open the delivered file `path` for reading; DeliveryError if it is gone or no regular file."""
        raise NotImplementedError


class FileSession(Protocol):
    """One run's work on a file store. Every method may raise DeliveryError."""

    def open_part(self, path: str, *, replaceable: frozenset[str] = frozenset()) -> Part:
        """Start `path` under a hidden name that holds the run key, making its folders.

        `replaceable` holds the SHA-256 checksums (hexadecimal) of files that may be replaced at `path`. Publishing
        refuses to replace a file with another checksum.
        """

    def left_part(
        self, path: str, size: int, checksum: str, *, replaceable: frozenset[str] = frozenset()
    ) -> Part | None:
        """The hidden file of `path` that an attempt with this very run key left, to be published.

        None where it is gone or does not hold `size` bytes with that SHA-256 `checksum`.
        """

    def has(self, path: str, size: int, checksum: str) -> bool:
        """Whether the file `path` holds `size` bytes and, where the target can be read, has that SHA-256 `checksum`."""

    def clear_leftovers(self, folder: str) -> None:
        """Remove the hidden parts directly in `folder` that dead attempts of this run left."""

    def clear_run(self, run_key: str, *folders: str) -> None:
        """Remove all hidden files directly in `folders` that the ended run `run_key` left there."""

    def exists(self, path: str) -> bool:
        """Whether `path` is there, under its own name."""

    def checksum_of(self, path: str) -> str:
        """The SHA-256 checksum (hexadecimal) of the regular file `path`, read through the open session."""

    def release_claims(self, *folders: str) -> None:
        """Give up the names that this run claimed, and those that its dead attempts claimed in `folders`. Never raises.

        Until then a second attempt of the run may replace what the first one published. So call this after the run's
        success is recorded.
        """
