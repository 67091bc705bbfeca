"""Which loopback ports are free, and the ones that stay the same from start to start."""

import contextlib
import os
import socket
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def wanted(variable: str, default: int) -> int:
    """Return the port that the environment asks for; raise ImproperlyConfigured if it is none."""
    text = os.environ.get(variable, "").strip() or str(default)
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise ImproperlyConfigured(f"{variable}={text!r} is not a port number. Write one from 1 to 65535.")


def next_free(first: int) -> int:
    """Return the first port from `first` on that nobody uses on loopback, IPv4 or IPv6."""
    for port in range(first, min(first + 200, 65536)):
        if is_free(port):
            return port
    raise OSError(f"No free port from {first} on.")


def is_free(port: int) -> bool:
    """Tell whether `port` can be bound on every loopback address that this machine has."""
    return all(_can_bind(family, host, port) for family, host in _families().items())


def addresses(port: int) -> list[str]:
    """Return the loopback addresses with `port` as a URL writes them; "localhost" may mean any of them."""
    return [
        f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}" for family, host in _families().items()
    ]


def kept(path: Path, first: int) -> int:
    """Return the port written in `path`; without one choose a free port and write it there."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(path.read_text())
    port = next_free(first)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(f"{port}\n")
    draft.rename(path)
    return port


def _families() -> dict[socket.AddressFamily, str]:
    """Return the loopback addresses that exist; containers often have no IPv6."""
    return {family: host for family, host in HOSTS.items() if _can_bind(family, host, 0)}


def _can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            candidate.bind((host, port))
    except OSError:
        return False
    return True
