"""Delivering to an SFTP server, as several test modules do it."""

from connections.destinations.sftp.destination import Sftp
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
