"""An SSH connection with a deadline, which accepts servers that send more than the protocol allows."""

import socket
import threading
import time
from contextlib import suppress
from typing import Any

import paramiko
from paramiko.packet import Packetizer

# What OpenSSH's own client puts up with before the line that says the protocol's version.
MOST_LINES, MOST_BYTES = 1024, 256 * 1024
PART_SECONDS = 2.0  # until the rest of a version's beginning is there
FAREWELL_SECONDS = 1.0
_VERSION = b"SSH-"


class LenientMessage(paramiko.Message):
    """A message whose texts (prompts, reasons, banners) may be in any encoding: they decide nothing."""

    def get_text(self) -> str:
        """Return a text, with replacements for what is not UTF-8."""
        return self.get_binary().decode(errors="replace")


class _LenientPacketizer(Packetizer):
    def read_message(self) -> tuple[int, paramiko.Message]:
        kind, message = super().read_message()
        message.__class__ = LenientMessage
        return kind, message


class Transport(paramiko.Transport):
    """A connection with `seconds` for banner, keys and log-in together, until `lift_deadline`."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        super().__init__(connection, packetizer_class=_LenientPacketizer)
        self.banner_timeout = self.handshake_timeout = self.auth_timeout = self.channel_timeout = seconds
        self.is_late = False
        self._timer = self._given_up_after(seconds)

    def lift_deadline(self) -> None:
        """Remove the deadline."""
        self._timer.cancel()

    def extend_deadline(self, seconds: float) -> None:
        """Give the connection `seconds` from now."""
        self._timer.cancel()
        self._timer = self._given_up_after(seconds)

    def close(self) -> None:
        """End the connection at once."""
        self._timer.cancel()
        super().close()

    def close_and_wait(self) -> None:
        """Close the connection and wait for the server to close it: some allow no second one before."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            if self.is_alive():
                self.join(FAREWELL_SECONDS)
        self.close()

    def _given_up_after(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._give_up)
        timer.daemon = True
        timer.start()
        return timer

    def _give_up(self) -> None:
        self.is_late = True
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        super().close()

    def _check_banner(self) -> None:
        """Skip what the server says before its version, in any encoding; paramiko's own limits are narrow."""
        try:
            self._skip_lines()
        except OSError as error:
            raise paramiko.SSHException(f"No protocol version: {error}") from error
        super()._check_banner()  # type: ignore[misc]

    def _skip_lines(self) -> None:
        skipped = 0
        for _line in range(MOST_LINES):
            if self._is_version_next():
                return
            skipped += self._skip_line()
            if skipped > MOST_BYTES:
                break
        raise paramiko.SSHException("No protocol version among the first lines")

    def _is_version_next(self) -> bool:
        end = time.monotonic() + PART_SECONDS
        while True:
            start = self._peek(len(_VERSION))
            if len(start) == len(_VERSION) or not _VERSION.startswith(start):
                return start == _VERSION
            if time.monotonic() > end:  # it may have ended there, which a look ahead does not see
                raise EOFError("The server said a part of its version only")
            time.sleep(0.02)

    def _skip_line(self) -> int:
        """Read to the end of the line, or what there is of it; return how many bytes that was."""
        line = self._peek(4096)
        return len(self.sock.recv(line.find(b"\n") + 1 or len(line)))

    def _peek(self, size: int) -> bytes:
        """Return at least one byte of what comes next and leave it there. Raises EOFError."""
        while not self.packetizer.closed:
            with suppress(TimeoutError):
                connection: Any = self.sock  # paramiko's types allow other things here
                found: bytes = connection.recv(size, socket.MSG_PEEK)
                if found:
                    return found
                break
        raise EOFError("The server ended the connection before it said its version")
