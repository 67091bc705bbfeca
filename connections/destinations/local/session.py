"""One run's work in a folder of this machine: hidden parts, which get their names once complete."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from connections.destinations.files import names
from connections.destinations.local.folders import (
    NEW_FILE,
    SEEN_FILE,
    descend,
    explained,
    is_there,
    name_once,
    open_base,
)
from connections.destinations.local.reading import checksum_of, size_of


class LocalSession:
    """One run's work below one folder, which is held open."""

    def __init__(self, folder: list[str], run_key: str) -> None:
        self.run_key = run_key
        self._claimed: list[list[str]] = []  # folders that hold claims
        base = open_base()
        try:
            self.root = descend(base, folder, make=True)
        finally:
            os.close(base)

    def open_part(self, path: str, *, replaceable: frozenset[str] = frozenset()) -> "LocalPart":
        """Start `path` under its hidden name; `replaceable` are the checksums of files that it may replace."""
        folders, name = names.split(path)
        with explained():
            fd = descend(self.root, folders, make=True)
            try:
                return LocalPart(self, folders, name, fd, replaceable)
            except OSError:
                os.close(fd)
                raise

    def left_part(
        self, path: str, size: int, checksum: str, *, replaceable: frozenset[str] = frozenset()
    ) -> "LocalPart | None":
        """The complete hidden file of `path` that this attempt left before its process died; None without it."""
        folders, name = names.split(path)
        if not self.has("/".join([*folders, names.part_name(name, self.run_key)]), size, checksum):
            return None
        with explained():
            fd = descend(self.root, folders, make=False)
            try:
                return LocalPart(self, folders, name, fd, replaceable, left=checksum)
            except OSError:
                os.close(fd)
                raise

    def has(self, path: str, size: int, checksum: str) -> bool:
        """Whether the regular file `path` holds `size` bytes with that `checksum`."""
        folders, name = names.split(path)
        with explained(), self._existing(folders) as fd:
            if fd is None or not is_there(name, fd):
                return False
            try:
                return checksum_of(name, fd) == checksum and size_of(name, fd) == size
            except names.NoFileError:
                return False

    def clear_leftovers(self, folder: str) -> None:
        """Remove this run's hidden parts in `folder`, which may be missing."""
        with explained(), self._existing(names.components(folder)) as fd:
            for name in os.listdir(fd) if fd is not None else ():
                if names.is_part(name, self.run_key):
                    os.unlink(name, dir_fd=fd)

    def clear_run(self, run_key: str, *folders: str) -> None:
        """Remove what the dead run `run_key` left in `folders`: hidden parts and claims."""
        for folder in folders:
            with explained(), self._existing(names.components(folder)) as fd:
                for name in os.listdir(fd) if fd is not None else ():
                    if names.is_part(name, run_key) or names.is_claim(name, run_key):
                        os.unlink(name, dir_fd=fd)

    def checksum_of(self, path: str) -> str:
        """The SHA-256 checksum (hexadecimal) of the file at `path`; DeliveryError where it is none."""
        folders, name = names.split(path)
        with explained(), self._existing(folders) as fd:
            if fd is None:
                raise names.gone_file(path)
            return checksum_of(name, fd)

    def exists(self, path: str) -> bool:
        """Whether `path` is there; a link counts, wherever it leads."""
        folders, name = names.split(path)
        with explained(), self._existing(folders) as fd:
            return fd is not None and is_there(name, fd)

    def claim(self, folders: list[str], name: str, fd: int, replaceable: frozenset[str], own: str) -> bool:
        """Note that `name` in the folder `fd` is this run's, with the checksum `own`; return whether a file is there.

        Raises DeliveryError where that file is neither this run's nor one of `replaceable`.
        """
        replaces = is_there(name, fd)
        if replaces:
            self._refuse_foreign(name, fd, replaceable)
        claim = names.claim_name(name, self.run_key, own)
        if not is_there(claim, fd):
            os.close(os.open(claim, NEW_FILE, 0o600, dir_fd=fd))
        self._claimed.append(folders)
        return replaces

    def _refuse_foreign(self, name: str, fd: int, replaceable: frozenset[str]) -> None:
        def is_claimed(checksum: str = "") -> bool:
            return is_there(names.claim_name(name, self.run_key, checksum), fd)

        if is_claimed():
            return
        if not replaceable:
            raise names.foreign_file(name)
        names.refuse_changed(name, replaceable, lambda: checksum_of(name, fd), is_claimed)

    def release_claims(self, *folders: str) -> None:
        """Remove the run's claims."""
        where = [names.components(folder) for folder in folders]
        for path in [*self._claimed, *where]:
            with suppress(OSError), self._existing(path) as fd:
                for name in os.listdir(fd) if fd is not None else ():
                    if names.is_claim(name, self.run_key):
                        os.unlink(name, dir_fd=fd)
        self._claimed = []

    def close(self) -> None:
        """Close the folder."""
        os.close(self.root)

    @contextmanager
    def _existing(self, folders: list[str]) -> Iterator[int | None]:
        """Give a folder below the root, None where it is missing."""
        try:
            fd = descend(self.root, folders, make=False)
        except FileNotFoundError:
            yield None
            return
        try:
            yield fd
        finally:
            os.close(fd)


class LocalPart:
    """A file being written under its hidden name in the folder `fd`, which the part closes.

    With `left`, its checksum, the file is there and complete.
    """

    def __init__(
        self, session: LocalSession, folders: list[str], name: str, fd: int, replaceable: frozenset[str], left: str = ""
    ) -> None:
        self._session, self._folders, self._name, self._folder = session, folders, name, fd
        self._replaceable, self._digest, self._left = replaceable, hashlib.sha256(), left
        self._hidden = names.part_name(name, session.run_key)
        self._file = os.open(self._hidden, SEEN_FILE, dir_fd=fd) if left else self._new_file(fd)
        self._is_open, self._is_complete = True, False

    def write(self, data: bytes) -> None:
        """Append `data`."""
        if self._replaceable:
            self._digest.update(data)
        rest = memoryview(data)
        with explained():
            while rest:
                rest = rest[os.write(self._file, rest) :]

    def complete(self) -> None:
        """Sync the file to disk."""
        with explained():
            os.fsync(self._file)
        self._is_complete = True

    def publish(self) -> None:
        """Give the file its name, synced; refuses to replace others' files."""
        if not self._is_complete:
            self.complete()
        with explained():
            own = (self._left or self._digest.hexdigest()) if self._replaceable else ""
            if self._session.claim(self._folders, self._name, self._folder, self._replaceable, own):
                os.replace(self._hidden, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            else:
                name_once(self._hidden, self._name, self._folder)
            os.fsync(self._folder)
        self._close()

    def discard(self) -> None:
        """Remove the hidden file."""
        if self._is_open:
            with suppress(OSError):
                os.unlink(self._hidden, dir_fd=self._folder)
            self._close()

    def _new_file(self, fd: int) -> int:
        with suppress(FileNotFoundError):
            os.unlink(self._hidden, dir_fd=fd)  # an earlier attempt of this run wrote it
        return os.open(self._hidden, NEW_FILE, 0o640, dir_fd=fd)

    def _close(self) -> None:
        self._is_open = False
        os.close(self._file)
        os.close(self._folder)
