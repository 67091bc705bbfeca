"""Where the web server listens: `WAYBILL_BIND`, as host and port, socket file, or open socket."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

VARIABLE, DEFAULT = "WAYBILL_BIND", "127.0.0.1:8000"
BACKLOG = 512
EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - compared with


@dataclass(frozen=True)
class ListenAddress:
    """An address to listen at: `host` and `port`, a socket file's `path`, or an open socket's `descriptor`."""

    host: str = ""
    port: int = 0
    path: str = ""
    descriptor: int | None = None

    @property
    def name(self) -> str:
        """The address as an operator writes it."""
        if self.descriptor is not None:
            return f"fd://{self.descriptor}"
        return (
            f"unix:{self.path}" if self.path else f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
        )


def listen_addresses() -> list[ListenAddress]:
    """Return the addresses in `WAYBILL_BIND`, separated by commas. Raises ImproperlyConfigured."""
    words = (os.environ.get(VARIABLE) or DEFAULT).split(",")
    return [_place(word.strip()) for word in words if word.strip()]


def listen() -> list[socket.socket]:
    """Return sockets that listen at every address. Raises ImproperlyConfigured."""
    sockets: list[socket.socket] = []
    for place in listen_addresses():
        try:
            sockets.extend(_listening(place))
        except OSError as error:
            raise ImproperlyConfigured(_why(place, error)) from error
    return sockets


def connect(seconds: float) -> socket.socket:
    """Return a connection to the first address, for a health check. Raises OSError."""
    place = listen_addresses()[0]
    if place.path:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(seconds)
        connection.connect(place.path)
        return connection
    host = "127.0.0.1" if place.host in EVERYWHERE else place.host
    return socket.create_connection((host, place.port), timeout=seconds)


def remove_files(sockets: list[socket.socket]) -> None:
    """Remove the socket files of `sockets`, once nobody listens there."""
    for each in sockets:
        name = each.getsockname()
        if each.family == socket.AF_UNIX and isinstance(name, str) and name:
            with contextlib.suppress(OSError):
                os.unlink(name)


def _place(word: str) -> ListenAddress:
    kind, _colon, rest = word.partition(":")
    if kind == "unix" and rest:
        return ListenAddress(path=str(Path(rest.removeprefix("//")).absolute()))
    if kind == "fd" and _is_number(rest.removeprefix("//")):
        return ListenAddress(descriptor=int(rest.removeprefix("//")))
    host, colon, port = word.rpartition(":")
    if colon and _is_number(port) and 0 < int(port) < 65536:
        return ListenAddress(host=host.strip("[]"), port=int(port))
    raise ImproperlyConfigured(
        f"{VARIABLE}={word!r} is no place to listen at. Write a host and port such as {DEFAULT} or [::1]:8000, "
        "or a socket file such as unix:/run/waybill/web.sock."
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _listening(place: ListenAddress) -> Iterator[socket.socket]:
    if place.descriptor is not None:
        yield socket.socket(fileno=place.descriptor)
    elif place.path:
        yield _file(place.path)
    else:
        yield _tcp(place.host or "0.0.0.0", place.port)  # noqa: S104 - as the operator asked


def _tcp(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _type, _protocol, _name, address = found[0]
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _file(path: str) -> socket.socket:
    """Listen at a socket file; replaces one that a killed server left, and nothing else."""
    made = socket.socket(socket.AF_UNIX)
    try:
        if _is_left_over(path):
            os.unlink(path)
        made.bind(path)
        os.chmod(path, 0o666)  # noqa: S103 - as open as a port; its directory says who may reach it
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _is_left_over(path: str) -> bool:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED


def _why(place: ListenAddress, error: OSError) -> str:
    """Return why nobody can listen there, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"{place.name} is in use: stop what listens there, or set {VARIABLE} to another place."
    if error.errno == errno.EACCES:
        return (
            f"This account may not listen at {place.name}: set {VARIABLE} to a port from 1024 on, or a path it may use."
        )
    return f"Nobody can listen at {place.name} ({error.strerror or error}): set {VARIABLE} to a place of this machine."
