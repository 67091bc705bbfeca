"""The processes of the web server: starts, watches, replaces and stops them; they share sockets."""

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

from config import places, processes

log = logging.getLogger("waybill.web")
START_SECONDS = 240.0  # until the first sign of life: a busy machine takes its time
FROZEN_SECONDS = 60.0
KILL_SECONDS = 2.0  # after the time to finish
PAUSE_SECONDS = 1.0  # before a process that did not live long is replaced
SETTLED_SECONDS = 10.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


@dataclass
class Process:
    """One web process, and the pipe with its signs of life."""

    process: subprocess.Popen[bytes]
    pipe: int
    started_at: float = field(default_factory=time.monotonic)
    beat_at: float | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def is_frozen(self) -> bool:
        """Whether it has given no sign of life for too long."""
        now = time.monotonic()
        return now - self.beat_at > FROZEN_SECONDS if self.beat_at else now - self.started_at > START_SECONDS

    def hear(self) -> None:
        """Read its signs of life."""
        with contextlib.suppress(BlockingIOError):
            if os.read(self.pipe, 4096):
                self.beat_at = time.monotonic()

    def close(self) -> None:
        """Forget an ended process."""
        os.close(self.pipe)


class Supervisor:
    """Runs `count` web processes on `sockets`; each ends its requests within `grace` seconds when it is stopped."""

    def __init__(self, sockets: Sequence[socket.socket], count: int, grace: float) -> None:
        self._sockets, self._count, self._grace = sockets, count, grace
        self._serving: list[Process] = []
        self._coming: list[Process] = []  # those that will take the others' place
        self._going: list[Process] = []
        self._stop = self._reload = self._was_ready = False
        self._due_at = 0.0
        self._wake_reader, self._wake_writer = os.pipe()

    def run(self) -> int:
        """Serve until a signal stops it; return the exit code, 1 where no process ever came up."""
        self._hear_signals()
        try:
            while not self._stop:
                self._reconcile()
                if not self._was_ready and any(not each.is_alive for each in self._serving):
                    return 1  # what it wrote to the log says why
                self._wait()
            return 0
        finally:
            self._end_all()

    def _hear_signals(self) -> None:
        for descriptor in (self._wake_reader, self._wake_writer):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._note_stop)
        signal.signal(signal.SIGHUP, self._note_reload)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _note_reload(self, number: int, frame: FrameType | None) -> None:
        self._reload = True

    def _reconcile(self) -> None:
        """Bring the running processes closer to those that should run."""
        for each in self._everybody:
            if each.is_alive and each.is_frozen:
                log.critical("Web process %d gave no sign of life and is killed.", each.process.pid)
                each.process.kill()
        self._replace()
        self._bury()
        if time.monotonic() >= self._due_at:
            while len(self._serving) < self._count:
                self._serving.append(self._start())

    @property
    def _everybody(self) -> list[Process]:
        return [*self._serving, *self._coming, *self._going]

    def _replace(self) -> None:
        """Start others on SIGHUP, and let them take over once all of them serve."""
        if self._reload and not self._coming:
            log.info("Starting %d web processes anew.", self._count)
            self._coming = [self._start() for _number in range(self._count)]
        self._reload = False
        if any(not each.is_alive for each in self._coming):
            log.error("A new web process ended at its start; those before go on.")
            self._retire(self._coming)
            self._coming = []
        elif self._coming and all(each.beat_at for each in self._coming):
            self._retire(self._serving)
            self._serving, self._coming = self._coming, []

    def _retire(self, leaving: list[Process]) -> None:
        for each in leaving:
            if each.is_alive:
                each.process.terminate()
        self._going += leaving

    def _bury(self) -> None:
        """Forget ended processes; replace those that ended by themselves, at once if they had lived for a while."""
        for each in [each for each in self._going if not each.is_alive]:
            self._going.remove(each)
            each.close()
        for each in [each for each in self._serving if self._was_ready and not each.is_alive]:
            self._serving.remove(each)
            each.close()
            log.error("Web process %d ended (%s); starting another one.", each.process.pid, _code(each.process))
            if time.monotonic() - each.started_at < SETTLED_SECONDS:
                self._due_at = time.monotonic() + PAUSE_SECONDS

    def _start(self) -> Process:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        numbers = [each.fileno() for each in self._sockets]
        words = ["--grace", str(self._grace), "--beat", str(writer), *map(str, numbers)]
        try:
            process = processes.spawn(
                [sys.executable, "-m", "config.web.process", *words],
                log=1,
                errors=2,
                directory=places.ROOT,
                descriptors=[*numbers, writer],
                own_session=False,
            )
        finally:
            os.close(writer)
        return Process(process, reader)

    def _wait(self) -> None:
        """Sleep until a signal, a sign of life or a second has come."""
        heard = {each.pipe: each for each in self._everybody if each.is_alive}
        readable, _writable, _other = select.select([self._wake_reader, *heard], [], [], 1.0)
        for descriptor in readable:
            if descriptor in heard:
                heard[descriptor].hear()
            else:
                os.read(descriptor, 4096)
        self._was_ready = self._was_ready or any(each.beat_at for each in self._serving)

    def _end_all(self) -> None:
        """Stop every process, at last by force."""
        everybody = self._everybody
        self._retire(everybody)
        deadline = time.monotonic() + self._grace + KILL_SECONDS
        for each in everybody:
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.process.wait(max(0.0, deadline - time.monotonic()))
            if each.is_alive:
                each.process.kill()
                each.process.wait()
            each.close()


def _code(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
