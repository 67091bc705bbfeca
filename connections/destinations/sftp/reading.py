"""Reads a file of an SFTP server with many requests in flight and bounded memory."""

import hashlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.sftp import CMD_FSTAT, CMD_READ, CMD_STATUS, SFTP_FLAG_READ, SFTP_PERMISSION_DENIED, int64

from connections.destinations.base import DeliveryError
from connections.destinations.files import names
from connections.destinations.sftp.protocol import OddAnswerError, ServerAnswerError, piece_of
from roles.messages import said as _

if TYPE_CHECKING:
    from connections.destinations.sftp.session import SftpSession

READ_BYTES = 32_768  # the most that every server gives at once
# Pieces asked for or waiting to be taken: 2 MB, a server's usual window.
MOST_AHEAD = 64
MOST_PIECES = 16_384  # of those, where a server answers shorter than it was asked: 128 bytes each


class SftpFile:
    """A regular file on the server; answers may come out of order or short.

    paramiko's own prefetch asks for the whole file at once and keeps what comes; so pieces are counted here.
    """

    def __init__(self, session: "SftpSession", path: str) -> None:
        self._session, self._path = session, path
        self._client: Any = session.client
        self._asked_at: dict[int, tuple[int, int]] = {}  # request number: (offset, bytes wanted)
        self._arrived: dict[int, bytes] = {}  # by offset
        self._late_error: OSError | EOFError | None = None
        with self._explained():
            self._handle, self._size = self._open()

    @property
    def size(self) -> int:
        """Its size in bytes, as the server tells it."""
        if self._size is None:
            raise DeliveryError(_("The server does not report the file's size."), detail=self._path, permanent=True)
        return self._size

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, in order."""
        asked = given = 0
        while given < self.size:
            with self._explained():
                while asked < self.size and len(self._asked_at) + len(self._arrived) < MOST_AHEAD:
                    asked += self._ask(asked, min(READ_BYTES, self.size - asked))
                while given not in self._arrived:
                    self._client._read_response()
                    self._raise_late_error()
            data = self._arrived.pop(given)
            given += len(data)
            yield data

    def checksum(self, expected: int | None = None) -> str:
        """The SHA-256 checksum (hexadecimal) of its bytes to their end, whatever size the server says it has.

        One that has the `expected` size is read with many requests in flight.
        """
        found, offset = hashlib.sha256(), 0
        if expected is not None and self._size == expected:
            for data in self.chunks():
                found.update(data)
                offset += len(data)
        with self._explained():
            while data := self._client.read_piece(self._handle, offset, READ_BYTES):
                found.update(data)
                offset += len(data)
        return found.hexdigest()

    def ends_at(self, offset: int) -> bool:
        """Whether the file has exactly `offset` bytes, as far as it can be read."""
        with self._explained():
            is_long_enough = not offset or self._client.read_piece(self._handle, offset - 1, 1)
            return bool(is_long_enough) and not self._client.read_piece(self._handle, offset, 1)

    def close(self) -> None:
        """Close it. Never raises."""
        with suppress(Exception):
            handle, self._handle = self._handle, b""
            self._client.close_handle(handle)

    def _open(self) -> tuple[bytes, int | None]:
        # The protocol cannot open without following a link, so it is looked at first.
        found = self._session.attributes(self._path, follow=False)
        if found.st_mode is not None and not stat.S_ISREG(found.st_mode):
            raise names.NoFileError()
        handle = self._client.open_handle(self._path, SFTP_FLAG_READ)
        size = self._size_of(handle)
        return handle, found.st_size if size is None else size

    def _size_of(self, handle: bytes) -> int | None:
        """The size of the open file, where the server tells it."""
        try:
            _type, answer = self._client.request(CMD_FSTAT, handle)
        except ServerAnswerError:
            return None
        attributes: Any = paramiko.SFTPAttributes
        size: int | None = attributes._from_msg(answer).st_size
        return size

    def _ask(self, offset: int, wanted: int) -> int:
        number = self._client._async_request(self, CMD_READ, self._handle, int64(offset), wanted)
        self._asked_at[number] = (offset, wanted)
        return wanted

    def _async_response(self, type_: int, message: paramiko.Message, number: int) -> None:
        """Take the answer to one request; the client calls this."""
        offset, wanted = self._asked_at.pop(number)
        if type_ == CMD_STATUS:
            self._note_status(message)
            return
        data = piece_of(message, wanted)
        self._arrived[offset] = data
        if len(self._arrived) > MOST_PIECES:
            raise OddAnswerError("a file in pieces of a few bytes")
        if not data:
            self._late_error = self._late_error or EOFError()
        elif len(data) < wanted and self._handle:
            self._ask(offset + len(data), wanted - len(data))

    def _note_status(self, message: paramiko.Message) -> None:
        try:
            self._client.raise_refusal(message, CMD_READ)
        except (OSError, EOFError) as error:
            self._late_error = self._late_error or error

    def _raise_late_error(self) -> None:
        if isinstance(self._late_error, EOFError):
            raise names.cut_file()
        if self._late_error is not None:
            raise self._late_error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what an error means for reading; the rest is the session's."""
        with self._session.explained():
            try:
                yield
            except ServerAnswerError as error:
                if not self._session.is_there(self._path):
                    raise names.gone_file(self._path) from error
                if error.code != SFTP_PERMISSION_DENIED:
                    raise
                message = _("The account cannot read its folder. Ask the server operator for permission to read.")
                raise DeliveryError(message, detail=self._path, permanent=True) from error
