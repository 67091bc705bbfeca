"""`manage.py up` for real: it heals what dies, and whatever ends it leaves no process behind."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.faults.portal import REPOSITORY, START_SECONDS, STOP_SECONDS, Portal, kill_all_of
from tests.until import until


@pytest.fixture(scope="module")
def scratch():
    directory = Path(tempfile.mkdtemp(prefix="waybill up "))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def portal(scratch):
    """A portal for the tests that leave it running."""
    data_dir = scratch / "running" / "the data"
    data_dir.mkdir(parents=True)
    portal = Portal(data_dir).wait_until_ready()
    yield portal
    portal.end(signal.SIGTERM)


@pytest.fixture
def data_dir(scratch):
    """One data directory for the tests that start and end a portal."""
    data_dir = scratch / "stopped" / "the data"
    data_dir.mkdir(parents=True, exist_ok=True)
    yield data_dir
    kill_all_of(data_dir)


@pytest.mark.long
def test_web_server_answers_on_loopback_only(portal):
    until(portal.answers)
    web = portal.child("config.web_server")
    hosts = {connection.laddr.ip for connection in web.net_connections() if connection.status == "LISTEN"}
    assert hosts <= {"127.0.0.1", "::1"}


def test_doctor_finds_every_part_alive(portal):
    looked = until(lambda: (result := doctor(portal)).returncode == 0 and result, what="all is well")
    states = {check["name"]: check["state"] for check in json.loads(looked.stdout)["checks"]}
    assert {states[name] for name in ("database", "export workers", "chore workers", "dispatcher")} == {"ok"}


def doctor(portal: Portal) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "manage.py"), "doctor", "--json"]
    environment = os.environ | {"WAYBILL_DATA_DIR": str(portal.data_dir)}
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=START_SECONDS)


def test_second_start_says_where_the_first_one_is(portal):
    command = [sys.executable, str(REPOSITORY / "manage.py"), "up"]
    environment = os.environ | {"WAYBILL_DATA_DIR": str(portal.data_dir)}
    second = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=START_SECONDS
    )
    assert second.returncode == 1
    assert second.stdout == f"Waybill is already running at {portal.address} (process {portal.process.pid}).\n"
    assert second.stderr == ""


def test_postmaster_killed_is_back_without_help(portal):
    postmaster = int((portal.data_dir / "postgres/data/postmaster.pid").read_text().split()[0])
    psutil.Process(postmaster).kill()
    until(lambda: "PostgreSQL is back" in portal.said())
    until(portal.answers)


@pytest.mark.parametrize(
    "words", [("config.web_server",), ("worker", "exports"), ("worker", "chores"), ("dispatcher",)]
)
def test_killed_child_is_started_again_and_leaves_nothing_behind(portal, words):
    child = portal.child(*words)
    group = os.getpgid(child.pid)
    child.kill()
    until(lambda: started_again(portal, child, words))
    until(lambda: not members(portal, group))


def members(portal: Portal, group: int) -> list[psutil.Process]:
    with contextlib.suppress(ProcessLookupError):
        return [process for process in portal.processes() if os.getpgid(process.pid) == group]
    return []


def started_again(portal: Portal, before: psutil.Process, words: tuple[str, ...]) -> bool:
    with contextlib.suppress(psutil.Error):
        return portal.child(*words).pid != before.pid
    return False


@pytest.mark.long
def test_reset_leaves_a_running_portal_alone(portal):
    refused = control("reset", portal.data_dir)
    assert refused.returncode == 1
    assert portal.address in refused.stderr
    until(portal.answers)


def control(action: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "config.control", action]
    environment = os.environ | {"WAYBILL_DATA_DIR": str(data_dir)}
    return subprocess.run(
        command, check=False, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=START_SECONDS
    )


def test_keys_and_logs_are_closed_to_others(portal):
    files = [*(portal.data_dir / "keys").iterdir(), *(portal.data_dir / "log").iterdir()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.long)])
def test_signal_stops_everything(data_dir, number):
    portal = Portal(data_dir).wait_until_ready()
    assert portal.end(number) == 0
    assert not (portal.data_dir / "postgres/data/postmaster.pid").exists()


@pytest.mark.long
def test_stop_ends_the_portal_and_reset_removes_what_it_kept(data_dir):
    portal = Portal(data_dir).wait_until_ready()
    assert control("stop", data_dir).stdout == "Stopped.\n"
    assert portal.process.wait(STOP_SECONDS) == 0
    until(lambda: not portal.processes())
    (data_dir / "mine").touch()
    assert control("reset", data_dir).returncode == 0
    assert {path.name for path in data_dir.iterdir()} == {"mine", "postgres.lock"}


@pytest.mark.long
def test_killed_portal_takes_everything_with_it_and_starts_again(data_dir):
    portal = Portal(data_dir).wait_until_ready()
    assert portal.end(signal.SIGKILL) == -signal.SIGKILL
    again = Portal(portal.data_dir).wait_until_ready()
    until(again.answers)
    again.end(signal.SIGTERM)


@pytest.mark.long
def test_port_in_use_is_left_to_its_user(data_dir):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        portal = Portal(data_dir, port).wait_until_ready()
        assert f"Port {port} is in use; using" in portal.said()
        until(portal.answers)
        portal.end(signal.SIGTERM)


@pytest.mark.long
def test_stop_while_the_database_is_being_made_leaves_no_process(tmp_path):
    portal = Portal(tmp_path / "the data")
    until(lambda: "Creating the database" in portal.said())
    portal.end(signal.SIGINT)
    assert Portal(portal.data_dir).wait_until_ready().end(signal.SIGTERM) == 0
