"""One run's work on an SFTP server: folders, hidden parts, which get their names once complete."""

import posixpath
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress

from paramiko.sftp import (
    SFTP_FLAG_CREATE,
    SFTP_FLAG_EXCL,
    SFTP_FLAG_WRITE,
    SFTP_PERMISSION_DENIED,
)

from connections.destinations.base import DeliveryError
from connections.destinations.files import names
from connections.destinations.sftp.errors import explained
from connections.destinations.sftp.folders import SftpFolders
from connections.destinations.sftp.part import SftpPart
from connections.destinations.sftp.protocol import ServerAnswerError, SftpProtocol
from connections.destinations.sftp.reading import SftpFile


class SftpSession(SftpFolders):
    """One run's work below one folder of the server, "" for the folder that a log-in starts in."""

    def __init__(self, client: SftpProtocol, folder: str, run_key: str) -> None:
        super().__init__(client)
        self.run_key = run_key
        self._root = folder
        self._claims: set[str] = set()  # their full paths

    def explained(self) -> AbstractContextManager[None]:
        """Turn errors into DeliveryError, knowing whether the connection stands."""
        channel = self.client.get_channel()
        return explained(channel.get_transport() if channel else None)

    def path(self, *parts: str) -> str:
        """Return the server's path of the relative path `parts`."""
        return posixpath.join(self._root, *parts)

    def open_part(self, path: str, *, replaceable: frozenset[str] = frozenset()) -> SftpPart:
        """Start `path` under its hidden name and create its folders; `replaceable` holds checksums."""
        folders, name = names.split(path)
        with self.explained():
            folder = self.path(*folders)
            self.make_folder(folder.rstrip("/"))
            return SftpPart(self, folder, name, replaceable)

    def left_part(
        self, path: str, size: int, checksum: str, *, replaceable: frozenset[str] = frozenset()
    ) -> SftpPart | None:
        """The complete hidden file of `path` that this attempt left before its process died; None without it."""
        folders, name = names.split(path)
        if not self.has(posixpath.join(*folders, names.part_name(name, self.run_key)), size, checksum):
            return None
        return SftpPart(self, self.path(*folders), name, replaceable, left=checksum)

    def has(self, path: str, size: int, checksum: str) -> bool:
        """Whether the regular file `path` holds `size` bytes and, where it can be read, has that `checksum`."""
        where = self.path(*names.components(path))
        with self.explained():
            return self.is_there(where) and self._holds(where, size, checksum)

    @contextmanager
    def open_file(self, path: str) -> Iterator[SftpFile]:
        """Open a delivered file."""
        with closing(SftpFile(self, self.path(*names.components(path)))) as file:
            yield file

    def checksum_of(self, path: str) -> str:
        """The SHA-256 checksum (hexadecimal) of the file at `path`; DeliveryError where it is none."""
        with self.open_file(path) as file:
            return file.checksum()

    def clear_leftovers(self, folder: str) -> None:
        """Remove this run's hidden parts in `folder`, which may be missing."""
        with self.explained():
            self._remove(folder, lambda name: names.is_part(name, self.run_key))

    def clear_run(self, run_key: str, *folders: str) -> None:
        """Remove what the dead run `run_key` left in `folders`: hidden parts and claims."""
        with self.explained():
            for folder in folders:
                self._remove(folder, lambda name: names.is_part(name, run_key) or names.is_claim(name, run_key))

    def exists(self, path: str) -> bool:
        """Whether `path` is there."""
        with self.explained():
            return self.is_there(self.path(*names.components(path)))

    def claim(self, folder: str, name: str, replaceable: frozenset[str], own: str) -> bool:
        """Note that `name` in `folder` is this run's, with the checksum `own`; return whether a file is there.

        Raises DeliveryError where that file is neither this run's nor one of `replaceable`.
        """
        replaces = self.is_there(posixpath.join(folder, name))
        if replaces:
            self._refuse_foreign(folder, name, replaceable)
        claim = posixpath.join(folder, names.claim_name(name, self.run_key, own))
        self._claims.add(claim)
        if not self.is_there(claim):
            self._make_empty(claim)
        return replaces

    def release_claims(self, *folders: str) -> None:
        """Remove the claims of this attempt by their names, and those of dead attempts that `folders` list."""
        for claim in self._claims:
            with suppress(Exception):
                self.client.remove(claim)
        for folder in folders:
            with suppress(Exception):
                self._remove(folder, lambda name: names.is_claim(name, self.run_key))
        self._claims = set()

    def _make_empty(self, path: str) -> None:
        """Make an empty file. Without exclusive opening it is opened as it is, which changes no byte of any file."""
        flags = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE
        try:
            handle = self.client.open_handle(path, flags | SFTP_FLAG_EXCL)
        except ServerAnswerError as error:
            if error.code == SFTP_PERMISSION_DENIED:
                raise
            handle = self.client.open_handle(path, flags)
        self.client.close_handle(handle)

    def _refuse_foreign(self, folder: str, name: str, replaceable: frozenset[str]) -> None:
        def is_claimed(checksum: str = "") -> bool:
            return self.is_there(posixpath.join(folder, names.claim_name(name, self.run_key, checksum)))

        if is_claimed():
            return
        if not replaceable:
            raise names.foreign_file(name)
        names.refuse_changed(name, replaceable, lambda: self._checksum_at(posixpath.join(folder, name)), is_claimed)

    def _holds(self, path: str, size: int, checksum: str) -> bool:
        """Compare the checksum; where the account may not read, the size, if the server tells one."""
        try:
            with closing(SftpFile(self, path)) as file:
                return file.checksum(size) == checksum
        except names.NoFileError:
            return False
        except DeliveryError as error:
            if not error.permanent:
                raise
        try:
            return self.attributes(path, follow=True).st_size in {size, None}
        except ServerAnswerError:
            return self.is_there(path)

    def _checksum_at(self, path: str) -> str:
        with closing(SftpFile(self, path)) as file:
            return file.checksum()

    def _remove(self, folder: str, is_mine: Callable[[str], bool]) -> None:
        """Remove this run's files in `folder`, which may be missing."""
        where = self.path(*names.components(folder))
        for name in self.listing(where, is_mine):
            self.client.remove(posixpath.join(where, name))
