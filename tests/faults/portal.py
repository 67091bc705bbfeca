"""A portal in a process tree of its own, started as a user does."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from tests.until import until

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 240
STOP_SECONDS = 90


def hear_interrupts() -> None:
    """Undo what a shell does to programs in its background, and with them to all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Portal:
    """A portal in a process of its own, started like a user does."""

    def __init__(self, data_dir: Path, port: int = 8200, *words: str, **variables: str) -> None:
        self.data_dir = data_dir
        self.output = data_dir.with_name("output")
        environment = os.environ | {"WAYBILL_DATA_DIR": str(data_dir), "WAYBILL_PORT": str(port)} | variables
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(REPOSITORY / "manage.py"), "up", *words],
                cwd="/", env=environment, stdout=output, stderr=subprocess.STDOUT, preexec_fn=hear_interrupts,  # noqa: PLW1509
            )  # fmt: skip

    def wait_until_ready(self) -> "Portal":
        return self.wait_until_it_says("Waybill is at")

    def wait_until_it_says(self, text: str) -> "Portal":
        until(lambda: text in self.said() or self.process.poll() is not None, START_SECONDS, text)
        assert text in self.said(), self.said()
        return self

    def gives_up_saying(self) -> str:
        """Return the last line of a start that ended by itself."""
        assert self.process.wait(START_SECONDS) == 1, self.said()
        until(lambda: not self.processes(), STOP_SECONDS, "no process left")
        return self.said().splitlines()[-1]

    def said(self) -> str:
        return self.output.read_text()

    @property
    def address(self) -> str:
        return re.search(r"Waybill is at (http://localhost:\d+)", self.said())[1]

    def answers(self) -> bool:
        """Whether a page that asks the database is served."""
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=30) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def processes(self) -> list[psutil.Process]:
        """Return every process of this data directory, whoever started it."""
        return processes_of(self.data_dir)

    def child(self, *words: str) -> psutil.Process:
        """Return the direct child of `up` whose command line has all the words, once it is there."""
        return until(lambda: self._child(set(words)), what=f"{words} runs")

    def _child(self, words: set[str]) -> psutil.Process | None:
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if words <= set(child.cmdline()):
                    return child
        return None

    def end(self, number: int) -> int:
        """Send a signal to `up`; return its exit code when no process is left."""
        self.process.send_signal(number)
        code = self.process.wait(STOP_SECONDS)
        until(lambda: not self.processes(), STOP_SECONDS, "no process left")
        return code


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Return every process of a data directory."""
    return [process for process in psutil.process_iter() if _is_of(process, data_dir)]


def kill_all_of(data_dir: Path) -> None:
    """Let the next test start afresh, whatever one that failed left running."""
    left = processes_of(data_dir)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=STOP_SECONDS)


def _is_of(process: psutil.Process, data_dir: Path) -> bool:
    try:
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return not is_zombie and process.environ().get("WAYBILL_DATA_DIR") == str(data_dir)
    except psutil.Error:
        return False
