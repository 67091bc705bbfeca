"""An SFTP server on loopback that goes wrong in one chosen way; any password is right."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import asyncssh


@dataclass
class FaultySftp:
    """Where the server is and who it is."""

    port: int
    host_key: str

    def settings(self, **changes: object) -> dict[str, object]:
        """Settings of a connection to this server."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": "anybody",
            "folder": "",
            "host_key": self.host_key,
        } | changes


class _AnyPassword(asyncssh.SSHServer):
    def __init__(self, connections: list[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections

    def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connections.append(connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return True


class FullDisk(asyncssh.SFTPServer):
    """Refuses what lies beyond the first 100,000 bytes of a file, once."""

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if offset <= 100_000 < offset + len(data):
            raise asyncssh.SFTPFailure("No space left on device")
        return super().write(file_obj, offset, data)


class Liar(asyncssh.SFTPServer):
    """Says that every byte was written and keeps none after the first 100,000."""

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if offset < 100_000:
            super().write(file_obj, offset, data)
        return len(data)


class ReadOnly(asyncssh.SFTPServer):
    """Lets nobody write."""

    def open(self, path: bytes, pflags: int, attrs: object) -> object:
        if pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("read only")
        return super().open(path, pflags, attrs)

    def mkdir(self, path: bytes, attrs: object) -> None:
        raise asyncssh.SFTPPermissionDenied("read only")


class NoReplace(asyncssh.SFTPServer):
    """Knows no request that renames over a file, as older servers do not."""

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("posix-rename")


class Fragments(asyncssh.SFTPServer):
    """Gives less than was asked for, and out of order, as servers may."""

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        await asyncio.sleep(0.005 if (offset // 32_768) % 3 else 0)
        return super().read(file_obj, offset, min(size, 20_000))


class Forgetful(asyncssh.SFTPServer):
    """Says that a file ends after its first 100,000 bytes."""

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        return super().read(file_obj, offset, size) if offset < 100_000 else b""


class Disorderly(asyncssh.SFTPServer):
    """Answers writes out of order, as servers may."""

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        await asyncio.sleep(0.02 if (offset // len(data)) % 2 else 0)
        return super().write(file_obj, offset, data)


@contextmanager
def running_faulty(root: Path, fault: type[asyncssh.SFTPServer]) -> Iterator[FaultySftp]:
    """Run a server that shows `root` and has `fault`, in a thread."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    key = asyncssh.generate_private_key("ssh-ed25519")
    found: list[asyncssh.SSHAcceptor] = []
    connections: list[asyncssh.SSHServerConnection] = []
    opened: list[BinaryIO] = []

    class Kept(fault):
        """Remembers its files: whoever is cut off in the middle of a write leaves one open."""

        def open(self, *how: object) -> object:
            opened.append(file := super().open(*how))
            return file

    async def listen() -> None:
        found.append(
            await asyncssh.listen(
                "127.0.0.1",
                0,
                server_host_keys=[key],
                server_factory=lambda: _AnyPassword(connections),
                sftp_factory=lambda channel: Kept(channel, chroot=os.fsencode(root)),
            )
        )
        ready.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(listen()), loop.run_forever()))
    thread.start()
    try:
        assert ready.wait(60)
        public = " ".join(key.export_public_key().decode().split()[:2])
        yield FaultySftp(found[0].get_port(), public)
    finally:
        asyncio.run_coroutine_threadsafe(_close([*found, *connections]), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
        for file in opened:
            file.close()


async def _close(found: list[asyncssh.SSHAcceptor | asyncssh.SSHServerConnection]) -> None:
    for server in found:
        server.close()
        await server.wait_closed()
