"""A start that nothing spoils: whatever an earlier one or another program left, it goes on or says what to do."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults.portal import REPOSITORY, START_SECONDS, Portal
from tests.until import until

pytestmark = pytest.mark.long

MIGRATING = "Updating the tables"


@pytest.fixture
def data_dir():
    """A new data directory; its path is short enough for a socket and holds a space."""
    with tempfile.TemporaryDirectory(prefix="waybill again ") as scratch:
        yield Path(scratch) / "var"


@pytest.fixture
def foreign_process():
    """A living program of somebody else."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        assert process.poll() is None
        process.kill()


def shell(data_dir: Path, code: str) -> str:
    """Run Python code in the portal's surroundings; return what it prints."""
    environment = os.environ | {"WAYBILL_DATA_DIR": str(data_dir)}
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", code]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=environment, check=True, capture_output=True, text=True, timeout=START_SECONDS
    )
    return result.stdout.strip()


def test_killed_start_goes_on_and_leftovers_of_a_dead_one_are_no_hindrance(data_dir, foreign_process):
    portal = Portal(data_dir).wait_until_it_says(MIGRATING)
    portal.end(signal.SIGKILL)
    lock = {"pid": foreign_process.pid, "address": "http://localhost:8000"}
    (data_dir / "postgres.lock").write_text(json.dumps(lock))
    pid_file = data_dir / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{foreign_process.pid}\n{data_dir / 'postgres/data'}\n1\n5432\n\n\n\nready\n")
    again = Portal(data_dir).wait_until_ready()
    until(again.answers)
    again.end(signal.SIGTERM)


def test_database_killed_while_tables_are_made_is_said_and_the_next_start_goes_on(data_dir):
    portal = Portal(data_dir).wait_until_it_says(MIGRATING)
    os.kill(int((data_dir / "postgres/data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    assert "start again; it continues where it stopped" in portal.gives_up_saying()
    again = Portal(data_dir).wait_until_ready()
    until(again.answers)
    again.end(signal.SIGTERM)


def test_two_installations_started_at_once_run_side_by_side(data_dir):
    for name in ("first", "second"):
        (data_dir / name).mkdir(parents=True)
    portals = [Portal(data_dir / name / "var", 8300) for name in ("first", "second")]
    for portal in portals:
        portal.wait_until_ready()
    assert len({portal.address for portal in portals}) == 2
    for portal in portals:
        until(portal.answers)
        portal.end(signal.SIGTERM)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.7, 1.5])
def test_start_killed_at_any_moment_goes_on(data_dir, seconds):
    portal = Portal(data_dir).wait_until_it_says(MIGRATING)
    with pytest.raises(subprocess.TimeoutExpired):
        portal.process.wait(seconds)
    portal.end(signal.SIGKILL)
    again = Portal(data_dir).wait_until_ready()
    until(again.answers)
    again.end(signal.SIGTERM)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_full_disk_is_said_and_with_room_the_start_goes_on(data_dir):
    data_dir.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", data_dir], check=False)
    if mounted.returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        for size in ("4k", "20m", "45m"):
            subprocess.run(["mount", "-o", f"remount,size={size}", data_dir], check=True)
            assert "The disk is full at " in Portal(data_dir, 8320).gives_up_saying()
        subprocess.run(["mount", "-o", "remount,size=400m", data_dir], check=True)
        portal = Portal(data_dir, 8320).wait_until_ready()
        until(portal.answers)
        portal.end(signal.SIGTERM)
    finally:
        subprocess.run(["umount", data_dir], check=True)


def test_demo_goes_on_when_another_program_took_its_sftp_port(data_dir):
    small = {"WAYBILL_DEMO_CUSTOMERS": "500"}
    portal = Portal(data_dir, 8340, "--demo", **small, WAYBILL_SFTP_PORT="2440").wait_until_ready()
    portal.end(signal.SIGTERM)
    port = int((data_dir / "demo" / "sftp_port").read_text())
    with socket.create_server(("127.0.0.1", port)):
        again = Portal(data_dir, 8340, "--demo", **small).wait_until_ready()
        assert f"Port {port} is in use; the demo's SFTP server uses" in again.said()
        assert "connections follow the demo's SFTP server" in again.said()
        assert until(lambda: shell(data_dir, CHECK)) == "True"
        again.end(signal.SIGTERM)


CHECK = """
from connections.testing import testing
from connections.models import Connection
from roles.models import User
connection = Connection.objects.get(name="Partner SFTP")
testing.request_test(connection, by=User.objects.get(username="ada"))
print(connection.is_check_ok)
"""
