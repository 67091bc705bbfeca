"""`python -m config.web_server` for real: its processes are replaced when they die, and anew on SIGHUP."""

import os
import signal
import socket
import subprocess
import sys
import threading

import psutil
import pytest
from cryptography.fernet import Fernet

from tests.faults.portal import REPOSITORY, STOP_SECONDS, hear_interrupts
from tests.until import PATIENCE, until

pytestmark = pytest.mark.long
ASKED = b"GET /static/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"  # asks no database


class Web:
    """A web server with a database that is away, which its start does not need."""

    def __init__(self, scratch, **variables):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WAYBILL_")}
        environment = kept | {
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
            "WAYBILL_BIND": f"127.0.0.1:{self.port}",
            "WAYBILL_DATA_DIR": str(scratch / "data"),
            "WAYBILL_HTTPS": "0",
            "WAYBILL_SECRET_KEY": "a key for tests, long enough to be taken by everybody who looks",
            "WAYBILL_SECRETS_KEYS": Fernet.generate_key().decode(),
            "WAYBILL_WEB_WORKERS": "2",
        } | variables  # fmt: skip
        self.log = scratch / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.web_server"],
                cwd=REPOSITORY, env=environment, stdout=log, stderr=log, preexec_fn=hear_interrupts,  # noqa: PLW1509
            )  # fmt: skip

    def children(self):
        return psutil.Process(self.process.pid).children()

    def ready(self):
        until(lambda: self.answers() and len(self.children()) == 2)
        return self

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as browser:
                browser.sendall(ASKED)
                return browser.recv(9) == b"HTTP/1.1 "
        except OSError:
            return False

    def end(self, number=signal.SIGTERM):
        left = self.children() if self.process.poll() is None else []
        self.process.send_signal(number)
        code = self.process.wait(STOP_SECONDS)
        psutil.wait_procs(left, timeout=STOP_SECONDS)
        assert not any(child.is_running() for child in left)
        return code


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    web = Web(tmp_path_factory.mktemp("web")).ready()
    yield web
    assert web.end() == 0


def test_a_process_that_dies_is_replaced_and_the_other_one_answers(web):
    first, *_others = web.children()
    first.kill()
    assert web.answers()
    until(lambda: len(web.children()) == 2 and first not in web.children())
    assert "killed by SIGKILL); starting another one" in web.log.read_text()


def test_new_processes_take_over_without_refusing_a_request(web):
    before, missed, ended = set(web.children()), [], threading.Event()

    def ask():
        while not ended.is_set():
            if not web.answers():
                missed.append(1)

    asking = threading.Thread(target=ask)
    asking.start()
    web.process.send_signal(signal.SIGHUP)
    until(lambda: len(web.children()) == 2 and not before & set(web.children()))
    ended.set()
    asking.join(PATIENCE)
    assert not missed


def test_a_killed_server_leaves_no_process(tmp_path):
    assert Web(tmp_path).ready().end(signal.SIGKILL) == -signal.SIGKILL


def test_interrupting_it_stops_it(tmp_path):
    assert Web(tmp_path).ready().end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    "variables, said",
    [
        ({"WAYBILL_BIND": "nowhere"}, "WAYBILL_BIND='nowhere' is no place to listen at."),
        ({"WAYBILL_WEB_WORKERS": "none"}, "WAYBILL_WEB_WORKERS='none' is not a whole number"),
    ],
)
def test_a_start_that_fails_says_why_in_one_line(tmp_path, variables, said):
    web = Web(tmp_path, **variables)
    assert web.process.wait(STOP_SECONDS) == 1
    (line,) = web.log.read_text().splitlines()
    assert line.startswith(said)


def test_a_drip_ends_and_a_frozen_process_takes_nobody_along(tmp_path):
    web = Web(tmp_path, WAYBILL_REQUEST_SECONDS="1").ready()
    frozen, *_others = web.children()
    frozen.suspend()
    drips = [socket.create_connection(("127.0.0.1", web.port), timeout=PATIENCE) for _number in range(8)]
    for drip in drips:
        drip.sendall(ASKED[:30])
    frozen.resume()
    assert web.answers()
    until(lambda: all(drip.recv(100).startswith(b"HTTP/1.1 408") for drip in drips))
    for drip in drips:
        drip.close()
    assert web.end() == 0
