"""Delivering to an SFTP server, and checking a connection, as several test modules do it."""

from connections.destinations.base.errors import CheckStep
from connections.destinations.sftp.destination import Sftp
from connections.models import Connection
from connections.testing.checks import walk
from tests.servers.sshd import Sshd

KEY = "0123456789abcdef"


def deliver(server: Sshd, folder: str, path: str, data: bytes, key: str = KEY, settles: bool = True) -> None:
    with Sftp(server.settings(folder=str(server.files / folder)), server.secrets()).session(key) as session:
        part = session.open_part(path)
        part.write(data)
        part.publish()
        if settles:
            session.release_claims()


def names(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def failed(destination: Sftp):
    """The step at which a check fails, with all before it done."""
    steps = list(destination.check())
    assert [step.state for step in steps] == ["done"] * (len(steps) - 1) + ["failed"], steps
    return steps[-1]


def run_check(connection: Connection) -> list[CheckStep]:
    """All steps of a check."""
    *_before, last = walk(connection)
    return last.steps
