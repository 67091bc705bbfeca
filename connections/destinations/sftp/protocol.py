"""SFTP's requests and answers: only the code of an answer decides, and names may be unreadable."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import paramiko
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_HANDLE,
    CMD_NAME,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_REALPATH,
    SFTP_EOF,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    int64,
)

NO_SUCH_PATH, NO_SPACE, QUOTA_EXCEEDED = 10, 14, 15  # of later versions of the protocol, which servers use in this one
LONGEST_TEXT = 300  # characters of what a server says
LONGEST_NAME = 1020  # bytes: 255 characters
MOST_NAMES = 1_000_000  # in one folder
MOST_KEPT = 50_000  # of them, those that are looked for


class ServerAnswerError(OSError):
    """The server refused a request: `code` and `request` decide what that means, `text` is for administrators."""

    def __init__(self, code: int, text: str, request: int = 0) -> None:
        super().__init__(text)
        self.code, self.text, self.request = code, text, request

    @property
    def is_missing(self) -> bool:
        """Whether the server says clearly that the path does not exist."""
        return self.code in {SFTP_NO_SUCH_FILE, NO_SUCH_PATH}


class NotSftpError(paramiko.SFTPError):
    """The answer is not SFTP; its text is for administrators."""


class OddAnswerError(paramiko.SFTPError):
    """An answer that no well-behaved server gives; its text is for administrators."""


class WholeMessage(paramiko.Message):
    """An answer of the promised length; paramiko would read zeros, even billions, beyond its end."""

    def get_bytes(self, n: int) -> bytes:
        """Return the next `n` bytes. Raises OddAnswerError where there are fewer."""
        found = self.packet.read(n)
        if len(found) < n:
            raise OddAnswerError("an answer shorter than it says")
        return found


def readable(data: bytes) -> str:
    """Return what a server says on one line: replacements for what is not UTF-8, no control characters, not endless."""
    text = data[: 8 * LONGEST_TEXT].decode(errors="replace")
    words = "".join(sign if sign.isprintable() else " " for sign in text).split()
    line = " ".join(words)
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


class SftpProtocol(paramiko.SFTPClient):
    """paramiko's client, as far as it does not decode what servers say or name."""

    def names(self, path: str, is_wanted: Callable[[str], bool]) -> list[str]:
        """Return the wanted names in a folder that a file of Waybill's can have."""
        _type, answer = self.request(CMD_OPENDIR, path)
        handle = answer.get_binary()
        try:
            return self._wanted(handle, is_wanted)
        finally:
            self.close_handle(handle)

    def is_folder(self, path: str) -> bool:
        """Whether the server opens `path` as a folder."""
        try:
            _type, answer = self.request(CMD_OPENDIR, path)
        except ServerAnswerError:
            return False
        self.close_handle(answer.get_binary())
        return True

    def open_handle(self, path: str, flags: int) -> bytes:
        """Open a file and return its handle."""
        type_, answer = self.request(CMD_OPEN, path.encode(), flags, paramiko.SFTPAttributes())
        if type_ != CMD_HANDLE:
            raise NotSftpError(str(type_))
        return bytes(answer.get_binary())

    def close_handle(self, handle: bytes) -> None:
        """Close an open file or folder."""
        self.request(CMD_CLOSE, handle)

    def read_piece(self, handle: bytes, offset: int, size: int) -> bytes:
        """Return at most `size` bytes at `offset`; none at the end of the file."""
        try:
            _type, answer = self.request(CMD_READ, handle, int64(offset), size)
        except EOFError:
            return b""
        return piece_of(answer, size)

    def normalize(self, path: str | bytes) -> str:
        """Return the server's name for `path`, for people."""
        _type, answer = self.request(CMD_REALPATH, path)
        answer.get_int()
        return readable(answer.get_binary())

    def request(self, type_: int, *args: Any) -> tuple[int, paramiko.Message]:
        """Send a request and return the type and the rest of its answer. Raises ServerAnswerError, EOFError."""
        found: tuple[int, paramiko.Message] = self._request(type_, *args)
        return found

    def raise_refusal(self, message: paramiko.Message, request: int) -> None:
        """Raise ServerAnswerError or EOFError where the status in `message` is no success."""
        code, text = message.get_int(), readable(message.get_binary())
        if code == SFTP_EOF:
            raise EOFError(text)
        if code != SFTP_OK:
            raise ServerAnswerError(code, text, request)

    def _request(self, type_: int, *args: Any) -> Any:
        try:
            kind, answer = super()._request(type_, *args)  # type: ignore[misc]
        except ServerAnswerError as error:
            error.request = type_
            raise
        answer.__class__ = WholeMessage
        return kind, answer

    def _convert_status(self, message: paramiko.Message) -> None:
        """Raise what a status means; paramiko calls this, and would decode the text."""
        self.raise_refusal(message, 0)

    def _wanted(self, handle: bytes, is_wanted: Callable[[str], bool]) -> list[str]:
        found: list[str] = []
        for number, name in enumerate(self._entries(handle)):
            found += [text for text in _usable(name) if is_wanted(text)]
            if number >= MOST_NAMES or len(found) > MOST_KEPT:
                raise OddAnswerError("a folder without end")
        return found

    def _entries(self, handle: bytes) -> Iterator[bytes]:
        while True:
            try:
                type_, answer = self.request(CMD_READDIR, handle)
            except EOFError:
                return
            count = answer.get_int() if type_ == CMD_NAME else 0
            if not count:  # some end so
                return
            for _number in range(count):
                yield answer.get_binary()
                answer.get_binary()  # the same for people
                paramiko.SFTPAttributes._from_msg(answer)  # type: ignore[attr-defined]

    def _read_packet(self) -> tuple[int, bytes]:
        """Read a packet; text that is none is kept for administrators."""
        head = self._read_all(4)  # type: ignore[attr-defined]
        if head[0]:  # more than 16 MB: no packet
            channel = self.get_channel()
            more = channel.recv(8 * LONGEST_TEXT) if channel and channel.recv_ready() else b""
            raise NotSftpError(readable((head + more).partition(b"\0")[0]))  # without a packet that follows the text
        data = self._read_all(int.from_bytes(head, "big"))  # type: ignore[attr-defined]
        return (data[0], data[1:]) if data else (0, b"")

    def _send_version(self) -> int:
        try:
            return int(super()._send_version())  # type: ignore[misc]
        except NotSftpError:
            raise
        except (paramiko.SFTPError, struct.error) as error:
            raise NotSftpError(str(error)) from error


def piece_of(answer: paramiko.Message, size: int) -> bytes:
    """Return the bytes of a file in `answer`. Raises OddAnswerError where they are more than the `size` asked for."""
    data = bytes(answer.get_binary())
    if len(data) > size:
        raise OddAnswerError("more of a file than was asked for")
    return data


def _usable(name: bytes) -> list[str]:
    """Return a name as text; nothing for a name that is not UTF-8, too long, or a path."""
    if len(name) > LONGEST_NAME or b"/" in name or name in {b".", b".."}:
        return []
    try:
        return [name.decode()]
    except UnicodeDecodeError:
        return []
