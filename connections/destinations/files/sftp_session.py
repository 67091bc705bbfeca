"""One run's work on an SFTP server: folders, hidden parts, and names given once a file is complete."""

import errno
import hashlib
import posixpath
import stat
from contextlib import AbstractContextManager, closing, suppress
from typing import Any

import paramiko
from django.utils.translation import gettext as _
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_OPEN,
    CMD_WRITE,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_TRUNC,
    SFTP_FLAG_WRITE,
    int64,
)

from connections.destinations.base import DeliveryError
from connections.destinations.files import names
from connections.destinations.files.sftp_client import explained
from connections.destinations.files.sftp_reading import SftpFile

# With its header such a request fits one SSH packet of 32 KiB, the most that servers must take.
REQUEST_BYTES = 32_256
# Unanswered requests: about 4 MB on the way, more than a server's usual window of 2 MiB.
MOST_IN_FLIGHT = 128
_FLAGS = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_TRUNC


class SftpSession:
    """One run's work below one folder of the server, "" for the folder that a log-in starts in."""

    def __init__(self, client: paramiko.SFTPClient, folder: str, run_key: str) -> None:
        self.client, self.run_key = client, run_key
        self._root = folder
        self._known_folders: set[str] = set()
        self._claimed: set[str] = set()  # folders that hold claims

    def explained(self) -> AbstractContextManager[None]:
        """Turn errors into DeliveryError, knowing whether the connection stands."""
        channel = self.client.get_channel()
        return explained(channel.get_transport() if channel else None)

    def path(self, *parts: str) -> str:
        """Where the relative path of `parts` lies on the server."""
        return posixpath.join(self._root, *parts)

    def open_part(self, path: str, *, over: frozenset[str] = frozenset()) -> "SftpPart":
        """Start `path` under its hidden name, making its folders; `over` are the sums of files it may replace."""
        folders, name = names.split(path)
        with self.explained():
            folder = self.path(*folders)
            self.make_folder(folder.rstrip("/"))
            return SftpPart(self, folder, name, over)

    def clear_leftovers(self, folder: str) -> None:
        """Remove this run's hidden parts in `folder`, which need not exist."""
        where = self.path(*names.components(folder))
        with self.explained():
            for name in self._listing(where):
                if names.is_part(name, self.run_key):
                    self.client.remove(posixpath.join(where, name))

    def exists(self, path: str) -> bool:
        """Tell whether `path` is there."""
        with self.explained():
            return self.is_there(self.path(*names.components(path)))

    def is_there(self, path: str) -> bool:
        """Tell whether the server has something at the full `path`."""
        try:
            self.client.lstat(path)
        except FileNotFoundError:
            return False
        return True

    def claim(self, folder: str, name: str, over: frozenset[str], own: str) -> bool:
        """Note that `name` in `folder` is this run's, with the sum `own`; tell whether a file is there.

        Raises DeliveryError where that is neither this run's nor one of `over`.
        """
        replaces = self.is_there(posixpath.join(folder, name))
        if replaces:
            self._refuse_foreign(folder, name, over)
        claim = posixpath.join(folder, names.claim_name(name, self.run_key, own))
        if not self.is_there(claim):
            self.client.open(claim, "wx").close()
        self._claimed.add(folder)
        return replaces

    def _refuse_foreign(self, folder: str, name: str, over: frozenset[str]) -> None:
        def is_claimed(sum_: str = "") -> bool:
            return self.is_there(posixpath.join(folder, names.claim_name(name, self.run_key, sum_)))

        if is_claimed():
            return
        if not over:
            raise names.foreign_file(name)
        names.refuse_changed(name, over, lambda: self._sum_of(posixpath.join(folder, name)), is_claimed)

    def _sum_of(self, path: str) -> str:
        with closing(SftpFile(self, path)) as file:
            return file.sum()

    def settle(self, *folders: str) -> None:
        """Remove the run's claims."""
        where = {self.path(*names.components(folder)) for folder in folders}
        for folder in self._claimed | where:
            with suppress(Exception):
                for name in self._listing(folder):
                    if names.is_claim(name, self.run_key):
                        self.client.remove(posixpath.join(folder, name))
        self._claimed = set()

    def make_folder(self, path: str) -> None:
        """Make the folder `path` and those above it, where they are missing."""
        if path in self._known_folders or path in {"", ".", "/"}:
            return
        if not self._is_folder(path):
            self.make_folder(posixpath.dirname(path))
            try:
                self.client.mkdir(path)
            except OSError:
                if not self._is_folder(path):  # another run may have been quicker
                    raise
        self._known_folders.add(path)

    def _is_folder(self, path: str) -> bool:
        try:
            mode = self.client.stat(path).st_mode
        except FileNotFoundError:
            return False
        if mode is not None and not stat.S_ISDIR(mode):
            raise DeliveryError(
                _("A file stands where the folder should be. Remove it or choose another folder."),
                detail=path,
                permanent=True,
            )
        return True

    def _listing(self, path: str) -> list[str]:
        try:
            return self.client.listdir(path)
        except FileNotFoundError:
            return []


class SftpPart:
    """A file being written under its hidden name.

    paramiko's own pipelined file ignores errors that arrive late and needs answers in order; so requests and
    answers are counted here, over the client's inner methods.
    """

    def __init__(self, session: SftpSession, folder: str, name: str, over: frozenset[str]) -> None:
        self._session, self._folder, self._name = session, folder, name
        self._over, self._sum = over, hashlib.sha256()
        self._client: Any = session.client
        self._hidden = posixpath.join(folder, names.part_name(name, session.run_key))
        self._written = self._in_flight = 0
        self._late_error: OSError | EOFError | None = None
        self._handle = self._open()
        self._is_open = True

    def write(self, data: bytes) -> None:
        """Append `data`; an error of an earlier write may surface here."""
        if self._over:
            self._sum.update(data)
        view = memoryview(data)
        with self._session.explained():
            for start in range(0, len(view), REQUEST_BYTES):
                self._send(bytes(view[start : start + REQUEST_BYTES]))

    def publish(self) -> None:
        """Wait until the server has every byte, then give the file its name."""
        with self._session.explained():
            self._finish()
            self._compare_size()
            self._rename()
        self._is_open = False

    def discard(self) -> None:
        """Remove the hidden file."""
        if self._is_open:
            self._is_open = False
            for step in (self._close_handle, lambda: self._client.remove(self._hidden)):
                with suppress(Exception):
                    step()

    def _open(self) -> bytes:
        attributes = paramiko.SFTPAttributes()
        _type, answer = self._client._request(CMD_OPEN, self._hidden.encode(), _FLAGS, attributes)
        return bytes(answer.get_binary())

    def _send(self, data: bytes) -> None:
        self._client._async_request(self, CMD_WRITE, self._handle, int64(self._written), data)
        self._written += len(data)
        self._in_flight += 1
        channel = self._client.get_channel()
        while self._in_flight > MOST_IN_FLIGHT or (self._in_flight and channel.recv_ready()):
            self._client._read_response()
        self._raise_late_error()

    def _async_response(self, _type: int, message: paramiko.Message, _number: int) -> None:
        """Take the answer to one write; the client calls this."""
        self._in_flight -= 1
        try:
            self._client._convert_status(message)
        except (OSError, EOFError) as error:
            self._late_error = self._late_error or error

    def _raise_late_error(self) -> None:
        if self._late_error is not None:
            raise self._late_error

    def _finish(self) -> None:
        while self._in_flight:
            self._client._read_response()
        self._raise_late_error()
        self._close_handle()

    def _close_handle(self) -> None:
        if self._handle:
            handle, self._handle = self._handle, b""
            self._client._request(CMD_CLOSE, handle)

    def _compare_size(self) -> None:
        size = self._client.stat(self._hidden).st_size
        if size is not None and size != self._written:
            raise DeliveryError(
                _("The server kept only a part of the file. Its disk may be full."),
                detail=f"{self._hidden}: {size} of {self._written} bytes",
            )

    def _rename(self) -> None:
        target = posixpath.join(self._folder, self._name)
        own = self._sum.hexdigest() if self._over else ""
        if self._session.claim(self._folder, self._name, self._over, own):
            self._replace(target)
            return
        try:
            self._client.rename(self._hidden, target)  # OpenSSH refuses it where the name is taken
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.ENOENT} and self._session.is_there(target):
                raise names.foreign_file(self._name) from error
            raise

    def _replace(self, target: str) -> None:
        """Rename over what may be replaced, at once where the server can."""
        try:
            self._client.posix_rename(self._hidden, target)
        except OSError as error:
            if error.errno is not None:
                raise
            self._swap(target)  # the server has no such request

    def _swap(self, target: str) -> None:
        """Put the old file aside under a hidden name and back if the new one cannot have its name."""
        aside = posixpath.join(self._folder, names.part_name(f"{self._name}.before", self._session.run_key))
        self._client.rename(target, aside)
        try:
            self._client.rename(self._hidden, target)
        except OSError:
            with suppress(Exception):
                self._client.rename(aside, target)
            raise
        with suppress(OSError):
            self._client.remove(aside)
