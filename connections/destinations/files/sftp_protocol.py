"""SFTP's requests and answers: of an answer only its code decides, and names need not be readable."""

import struct
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


class ServerAnswerError(OSError):
    """The server refused a request: `code` and `request` decide what that means, `text` is for administrators."""

    def __init__(self, code: int, text: str, request: int = 0) -> None:
        super().__init__(text)
        self.code, self.text, self.request = code, text, request

    @property
    def is_missing(self) -> bool:
        """Tell whether the server says, without a doubt, that the path is not there."""
        return self.code in {SFTP_NO_SUCH_FILE, NO_SUCH_PATH}


class NotSftpError(paramiko.SFTPError):
    """What came is not SFTP; the text of it is for administrators."""


def readable(data: bytes) -> str:
    """Return what a server says on one line: replacements for what is not UTF-8, no control characters, not endless."""
    text = data[: 8 * LONGEST_TEXT].decode(errors="replace")
    words = "".join(sign if sign.isprintable() else " " for sign in text).split()
    line = " ".join(words)
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


class SftpProtocol(paramiko.SFTPClient):
    """paramiko's client, as far as it does not decode what servers say or name."""

    def names(self, path: str) -> list[str]:
        """List a folder: the names that are UTF-8, which all of Waybill's are. Others are somebody else's."""
        _type, answer = self.request(CMD_OPENDIR, path)
        handle = answer.get_binary()
        try:
            return [name for name in self._entries(handle) if name not in {".", ".."}]
        finally:
            self.close_handle(handle)

    def is_folder(self, path: str) -> bool:
        """Tell whether the server opens `path` as a folder."""
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
        return bytes(answer.get_binary())

    def normalize(self, path: str | bytes) -> str:
        """Return what the server calls `path`, for people."""
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
            return super()._request(type_, *args)  # type: ignore[misc]
        except ServerAnswerError as error:
            error.request = type_
            raise

    def _convert_status(self, message: paramiko.Message) -> None:
        """Raise what a status means; paramiko calls this, and would decode the text."""
        self.raise_refusal(message, 0)

    def _entries(self, handle: bytes) -> list[str]:
        found: list[str] = []
        while True:
            try:
                type_, answer = self.request(CMD_READDIR, handle)
            except EOFError:
                return found
            count = answer.get_int() if type_ == CMD_NAME else 0
            if not count:  # some end so
                return found
            for _number in range(count):
                found += _utf8(answer.get_binary())
                answer.get_binary()  # the same for people
                paramiko.SFTPAttributes._from_msg(answer)  # type: ignore[attr-defined]

    def _read_packet(self) -> tuple[int, bytes]:
        """Read a packet; text that is none is kept for administrators."""
        head = self._read_all(4)  # type: ignore[attr-defined]
        if head[0]:  # more than 16 MB: no packet
            channel = self.get_channel()
            more = channel.recv(8 * LONGEST_TEXT) if channel and channel.recv_ready() else b""
            raise NotSftpError(readable(head + more))
        data = self._read_all(int.from_bytes(head, "big"))  # type: ignore[attr-defined]
        return (data[0], data[1:]) if data else (0, b"")

    def _send_version(self) -> int:
        try:
            return int(super()._send_version())  # type: ignore[misc]
        except NotSftpError:
            raise
        except (paramiko.SFTPError, struct.error) as error:
            raise NotSftpError(str(error)) from error


def _utf8(name: bytes) -> list[str]:
    try:
        return [name.decode()]
    except UnicodeDecodeError:
        return []
