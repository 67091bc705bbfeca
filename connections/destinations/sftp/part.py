"""A file being written to an SFTP server, under a hidden name until it is complete."""

import hashlib
import posixpath
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.sftp import CMD_WRITE, SFTP_FLAG_CREATE, SFTP_FLAG_TRUNC, SFTP_FLAG_WRITE, int64

from connections.destinations.base import DeliveryError
from connections.destinations.files import names
from connections.destinations.sftp import errors
from connections.destinations.sftp.protocol import ServerAnswerError
from connections.destinations.sftp.reading import SftpFile
from roles.messages import said as _

if TYPE_CHECKING:
    from connections.destinations.sftp.session import SftpSession

# With its header such a request fits one SSH packet of 32 KiB, the most that servers must take.
REQUEST_BYTES = 32_256
# Unanswered requests: about 4 MB on the way, more than a server's usual window of 2 MiB.
MOST_IN_FLIGHT = 128
_FLAGS = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_TRUNC


class SftpPart:
    """A file being written under its hidden name.

    paramiko's own pipelined file ignores errors that arrive late and needs answers in order; so requests and
    answers are counted here, over the client's inner methods. With `left`, its checksum, the file is there, complete.
    """

    def __init__(
        self, session: "SftpSession", folder: str, name: str, replaceable: frozenset[str], left: str = ""
    ) -> None:
        self._session, self._folder, self._name = session, folder, name
        self._replaceable, self._digest, self._left = replaceable, hashlib.sha256(), left
        self._client: Any = session.client
        self._hidden = posixpath.join(folder, names.part_name(name, session.run_key))
        self._written = self._in_flight = 0
        self._late_error: OSError | EOFError | None = None
        self._handle: bytes = b"" if left else self._client.open_handle(self._hidden, _FLAGS)
        self._is_open, self._is_complete = True, bool(left)

    def write(self, data: bytes) -> None:
        """Append `data`; an error of an earlier write may surface here."""
        if self._replaceable:
            self._digest.update(data)
        view = memoryview(data)
        with self._session.explained():
            for start in range(0, len(view), REQUEST_BYTES):
                self._send(bytes(view[start : start + REQUEST_BYTES]))

    def complete(self) -> None:
        """Wait until the server has every byte, and compare the size."""
        with self._session.explained():
            self._finish()
            self._compare_size()
        self._is_complete = True

    def publish(self) -> None:
        """Give the complete file its name."""
        if not self._is_complete:
            self.complete()
        with self._session.explained():
            self._rename()
        self._is_open = False

    def discard(self) -> None:
        """Remove the hidden file."""
        if self._is_open:
            self._is_open = False
            for step in (self._close_handle, lambda: self._client.remove(self._hidden)):
                with suppress(Exception):
                    step()

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
            self._client.raise_refusal(message, CMD_WRITE)
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
            self._client.close_handle(handle)

    def _compare_size(self) -> None:
        """Raise DeliveryError if the file is not complete; some servers tell no size, or a wrong one."""
        try:
            size = self._session.attributes(self._hidden, follow=True).st_size
        except ServerAnswerError as error:
            if not self._session.is_there(self._hidden):
                raise errors.taken_away(self._hidden) from error
            size = None
        if size != self._written and not self._can_be_whole(size):
            raise DeliveryError(
                _("The server stored only part of the file. Ask the server operator whether its disk is full."),
                detail=f"{self._hidden}: {size} of {self._written} bytes",
            )

    def _can_be_whole(self, size: int | None) -> bool:
        """Read the file's end, if allowed; else trust the size, if the server told one."""
        try:
            with closing(SftpFile(self._session, self._hidden)) as file:
                return file.ends_at(self._written)
        except DeliveryError:
            return size is None

    def _rename(self) -> None:
        target = posixpath.join(self._folder, self._name)
        own = (self._left or self._digest.hexdigest()) if self._replaceable else ""
        replaces = self._session.claim(self._folder, self._name, self._replaceable, own)
        try:
            if replaces:
                self._replace(target)
            else:
                self._client.rename(self._hidden, target)  # OpenSSH refuses it where the name is taken
        except ServerAnswerError as error:
            if not self._session.is_there(self._hidden):
                raise errors.taken_away(self._hidden) from error
            if not replaces and self._session.is_there(target):
                raise names.foreign_file(self._name) from error
            raise

    def _replace(self, target: str) -> None:
        """Rename over a replaceable file, atomically if the server can."""
        try:
            self._client.posix_rename(self._hidden, target)
        except ServerAnswerError:
            self._swap(target)  # the server has no such request

    def _swap(self, target: str) -> None:
        """Move the old file to a hidden name, and back if the new one cannot get its name."""
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
