"""The line to the SFTP server of the chaos: it is slow at times, and cut at others."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

from tests.servers import faulty_sftp
from tests.servers.faulty_sftp import FaultySftp


class Line(asyncssh.SFTPServer):
    """Gives names slowly, so that harm can be done in the middle; takes its time for all while it is slow."""

    slow_until = 0.0
    connections: list[asyncssh.SSHServerConnection] = []

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write, in a slow time after a pause."""
        if time.monotonic() < Line.slow_until:
            await asyncio.sleep(0.2)
        return super().write(file_obj, offset, data)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Give the name, sometimes after a pause."""
        await asyncio.sleep(random.choice((0, 0.15)))
        super().rename(oldpath, newpath)

    def __init__(self, channel: asyncssh.SSHServerChannel, chroot: bytes) -> None:
        super().__init__(channel, chroot=chroot)
        Line.connections.append(channel.get_connection())


def slow_down(seconds: float) -> None:
    """Be slow for some seconds."""
    Line.slow_until = time.monotonic() + seconds


def cut() -> int:
    """Break every connection off; return how many there were."""
    living = [one for one in Line.connections if not one.is_closed()]
    for connection in living:
        connection._loop.call_soon_threadsafe(connection.abort)
    Line.connections.clear()
    return len(living)


@contextmanager
def running_line(root: Path) -> Iterator[FaultySftp]:
    """Run the server for the files below `root`."""
    Line.slow_until = 0.0
    Line.connections.clear()
    with faulty_sftp.running_faulty(root, Line) as server:
        yield server
