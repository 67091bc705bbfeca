"""Child processes that die with their parent, and their log files."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

LAUNCH = Path(__file__).with_name("launch.py")
LOG_LIMIT_BYTES = 10_000_000
LOG_KEPT_BYTES = 1_000_000


def spawn(
    command: Sequence[str | Path],
    *,
    log: IO[bytes] | int,
    errors: IO[bytes] | int = subprocess.STDOUT,
    environment: Mapping[str, str] | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    identity: str = "same",
    directory: Path | None = None,
    descriptors: Sequence[int] = (),
    own_session: bool = True,
) -> subprocess.Popen[bytes]:
    """Start `command`, in a session of its own or in ours; it gets `death_signal` when the calling thread ends.

    The file `descriptors` stay open in it under their numbers.
    """
    launcher = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(death_signal)), identity]
    return subprocess.Popen(  # noqa: S603
        [*launcher, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=errors,
        env=dict(environment) if environment is not None else None,
        cwd=directory,
        start_new_session=own_session,
        pass_fds=descriptors,
    )


def stop(process: subprocess.Popen[bytes], signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn and wait its number of seconds, until `process` has ended."""
    for number, seconds in signals:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def open_log(path: Path) -> IO[bytes]:
    """Open `path` to append to, cut down to its last part first when it has grown too long."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        kept = _tail(path, LOG_KEPT_BYTES)
        path.write_bytes(b"(older lines removed)\n" + kept.partition(b"\n")[2])
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))


def last_lines(path: Path, count: int = 12) -> str:
    """Return the last `count` lines of the log at `path`, "" if there is none."""
    try:
        return "\n".join(_tail(path, 8_000).decode(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""


def _tail(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - size))
        return file.read()
