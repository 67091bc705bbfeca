"""Servers that the tests of connections deliver to, and people. What needs Django is imported late: pytest-django
sets it up only after the first conftests are read.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.odd_sftp import OddServer, running_odd
from tests.servers.sshd import Sshd, running_sshd


@pytest.fixture(scope="session")
def sshd(tmp_path_factory) -> Iterator[Sshd]:
    """A real sshd for tests that leave it running."""
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def own_sshd(tmp_path) -> Iterator[Sshd]:
    """A real sshd for tests that break it."""
    with running_sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture(scope="session")
def odd_server() -> Iterator[OddServer]:
    """A server whose accounts meet oddities."""
    with running_odd() as server:
        yield server


@dataclass
class DemoSftp:
    """The demo's server, which lets in by password."""

    port: int
    host_key: str
    files: Path

    def settings(self, **changes: object) -> dict[str, object]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": "waybill",
            "folder": "/in",
            "host_key": self.host_key,
        } | changes


@pytest.fixture(scope="session")
def demo_sftp(tmp_path_factory) -> Iterator[DemoSftp]:
    from connections.destinations.sftp.client import fetch_host_key

    directory = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "config.demo_sftp", "0", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline().rsplit(":", 1)[1])
        yield DemoSftp(port, fetch_host_key("127.0.0.1", port), directory / "demo" / "sftp")
        process.terminate()


@pytest.fixture
def environment(db):
    from tests.factories import make_environment

    return make_environment()


@pytest.fixture
def ada(environment):
    """An administrator."""
    return _member(environment, "administrator")


@pytest.fixture
def as_ada(ada):
    """The administrator's browser."""
    return _browser(ada)


@pytest.fixture
def as_carl(environment):
    """A contributor's browser."""
    return _browser(_member(environment, "contributor"))


@pytest.fixture
def as_vera(environment):
    """A viewer's browser."""
    return _browser(_member(environment, "viewer"))


def _member(environment, role):
    from tests.factories import make_member

    return make_member(environment, role)


def _browser(user):
    from tests.factories import client_of

    return client_of(user)
