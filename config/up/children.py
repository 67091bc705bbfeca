"""One child of `up`: started, watched, restarted after growing pauses, stopped with all it started."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from config import processes
from config.up.sweeper import Sweeper
from config.up.telling import say, show

PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds before the 1st, 2nd … restart in a row
SETTLED_SECONDS = 60.0
FAILURES_BEFORE_LOG = 3


@dataclass
class Child:
    """A program that runs as long as `up` does. `name` is for people and for the log's file name."""

    name: str
    command: Sequence[str | Path]
    log: Path
    environment: Mapping[str, str]
    sweeper: Sweeper
    descriptors: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    _started_at: float = field(default=0.0, repr=False)
    _due_at: float = field(default=0.0, repr=False)

    def start(self) -> None:
        """Start the program in a session of its own."""
        self._started_at = time.monotonic()
        with processes.open_log(self.log) as log:
            self.process = processes.spawn(
                self.command,
                log=log,
                environment=self.environment,
                directory=settings.BASE_DIR,
                descriptors=self.descriptors,
            )
        self.sweeper.add(self.process.pid)

    def watch(self) -> None:
        """Restart the program if it has ended and its pause has passed."""
        if self.process and has_ended(self.process):
            self._note_end(self.process)
        elif self.process is None and time.monotonic() >= self._due_at:
            self.start()

    def ask_to_stop(self) -> None:
        """Send SIGTERM, once."""
        if self.process and not has_ended(self.process):
            self.process.terminate()

    def make_stop(self, deadline: float) -> None:
        """Wait for the end until `deadline` (monotonic seconds), then kill the rest of its group."""
        if self.process:
            while not has_ended(self.process) and time.monotonic() < deadline:
                time.sleep(0.02)
            self._reap(self.process)

    def _note_end(self, process: subprocess.Popen[bytes]) -> None:
        code = self._reap(process)
        is_settled = time.monotonic() - self._started_at > SETTLED_SECONDS
        self.failures = 1 if is_settled else self.failures + 1
        pause = PAUSES[min(self.failures, len(PAUSES)) - 1]
        self._due_at = time.monotonic() + pause
        say(f"The {self.name} ended ({describe(code)}); restarting it in {pause:g} s")
        if self.failures == FAILURES_BEFORE_LOG:
            show(f"The last lines of {self.log}:\n{processes.last_lines(self.log)}")

    def _reap(self, process: subprocess.Popen[bytes]) -> int:
        code = reap(process)
        self.sweeper.remove(process.pid)
        self.process = None
        return code


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has ended, without reaping it: its number stays taken until then."""
    if process.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def reap(process: subprocess.Popen[bytes]) -> int:
    """Kill the rest of the process's group, and return its exit code."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def describe(code: int) -> str:
    """Return an exit code in words."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
