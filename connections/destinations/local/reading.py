"""Reads delivered files of this machine: regular files only, never through a link."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from connections.destinations.base import DeliveryError
from connections.destinations.files import names
from connections.destinations.local.folders import descend, open_base
from roles.messages import said as _

CHUNK_BYTES = 256 * 1024
# Without waiting: opening a pipe that has no writer would never end.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass
class LocalFile:
    """A regular file, open as `fd`, of which the first `size` bytes are read."""

    fd: int
    size: int

    @classmethod
    @contextmanager
    def opened(cls, folders: list[str], name: str) -> Iterator["LocalFile"]:
        """Open `name` in `folders` below the base; DeliveryError if it is gone or no regular file."""
        with _explained():
            fd = _open_below_base(folders, name)
        try:
            yield cls(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, in order."""
        rest = self.size
        while rest:
            with _explained():
                data = os.read(self.fd, min(CHUNK_BYTES, rest))
            if not data:
                raise names.cut_file()
            rest -= len(data)
            yield data


def checksum_of(name: str, folder: int) -> str:
    """The SHA-256 checksum (hexadecimal) of `name` in the open `folder`; NoFileError for what is no regular file."""
    with _explained(), os.fdopen(_open_regular(name, folder), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(name: str, folder: int) -> int:
    """The size of `name` in the open `folder`, in bytes."""
    with _explained():
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_size


def _open_below_base(folders: list[str], name: str) -> int:
    base = open_base()
    try:
        folder = descend(base, folders, make=False)
    finally:
        os.close(base)
    try:
        return _open_regular(name, folder)
    finally:
        os.close(folder)


def _open_regular(name: str, folder: int) -> int:
    try:
        fd = os.open(name, _READ, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link, a socket
            raise names.NoFileError() from error
        raise
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise names.NoFileError()


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the operating system's errors into ones for people."""
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise names.gone_file(str(error)) from error
        message = _("The file could not be read. Ask your Waybill operator to check the local folder.")
        raise DeliveryError(message, detail=str(error)) from error
