"""Loopback ports: reserved at once, so that two starts never take the same one."""

import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
BACKLOG = 512


@dataclass
class Reserved:
    """A port and the listening sockets that hold it; a server gets their descriptors."""

    port: int
    sockets: list[socket.socket] = field(default_factory=list)

    @property
    def descriptors(self) -> list[int]:
        """The sockets' file descriptors."""
        return [each.fileno() for each in self.sockets]

    def close(self) -> None:
        """Release the port."""
        for each in self.sockets:
            each.close()


def wanted(variable: str, default: int) -> int:
    """Return the port that the environment asks for; raise ImproperlyConfigured if it is none."""
    text = os.environ.get(variable, "").strip() or str(default)
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise ImproperlyConfigured(f"{variable}={text!r} is not a port number. Write one from 1 to 65535.")


def reserve(first: int, families: Sequence[socket.AddressFamily] = tuple(HOSTS)) -> Reserved:
    """Listen on the first port from `first` on that nobody uses on loopback, IPv4 or IPv6."""
    offered = [family for family in families if _exists(family)]
    for port in range(first, min(first + 200, 65536)):
        reserved = Reserved(port)
        try:
            for family in offered:
                reserved.sockets.append(_listening(family, port))
        except OSError as error:
            reserved.close()
            _complain(error, port)
        else:
            return reserved
    raise OSError(f"No port from {first} on is free: name another one with WAYBILL_PORT or WAYBILL_SFTP_PORT.")


def _complain(error: OSError, port: int) -> None:
    """Raise an error that the next port would not avoid."""
    if error.errno == errno.EACCES:
        raise ImproperlyConfigured(f"This account may not use port {port}: name one from 1024 on.") from error
    if error.errno != errno.EADDRINUSE:
        raise error


def _listening(family: socket.AddressFamily, port: int) -> socket.socket:
    """Return a listening socket: a bound one alone does not reserve the port."""
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOSTS[family], port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _exists(family: socket.AddressFamily) -> bool:
    """Whether this machine has the loopback address; containers often have no IPv6."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as candidate:
            candidate.bind((HOSTS[family], 0))
    except OSError:
        return False
    return True


class Kept:
    """A port that stays the same from start to start, in a file that lists it after those before it."""

    def __init__(self, path: Path, first: int) -> None:
        self._path = path
        self._known = _numbers(path)
        self.wanted = self._known[-1] if self._known else first
        self.earlier: list[int] = []

    def reserve(self, families: Sequence[socket.AddressFamily] = tuple(HOSTS)) -> Reserved:
        """Take the port of the last start, or the next free one; `earlier` are then the others of the file."""
        reserved = reserve(self.wanted, families)
        self.earlier = [port for port in self._known if port != reserved.port]
        if [*self.earlier, reserved.port] != self._known:
            self._write([*self.earlier, reserved.port])
        return reserved

    def _write(self, known: list[int]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.new")
        draft.write_text("".join(f"{port}\n" for port in known))
        draft.rename(self._path)


def _numbers(path: Path) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ValueError):
        return [int(word) for word in path.read_text().split()]
    return []
