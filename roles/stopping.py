"""Tells every process of a worker to stop: through the end of a pipe that only the main process holds open.

The main process closes it to stop gracefully; when it is killed the kernel closes it. Either way each watcher
sees the end of the pipe at once. All forks also die with their parent (PR_SET_PDEATHSIG), so none is left over.
"""

import ctypes
import os
import select
import signal
import sys

PR_SET_PDEATHSIG = 1
_reader: int | None = None
_writer: int | None = None
_parent = 0


def install() -> None:
    """Open the pipe; processes forked from here on watch it and die with their parent."""
    global _reader, _writer
    _reader, _writer = os.pipe()
    os.register_at_fork(before=_remember_parent, after_in_child=_leave_writer)


def stop() -> None:
    """Tell all processes of this worker to stop."""
    global _writer  # noqa: PLW0603
    if _writer is not None:
        os.close(_writer)
        _writer = None


def is_stopping(seconds: float = 0.0) -> bool:
    """Wait up to `seconds` for the stop; False at once outside a worker's process tree."""
    if _reader is None:
        return False
    readable, _, _ = select.select([_reader], [], [], seconds)
    return bool(readable)


def reader() -> int | None:
    """The file descriptor to select on, or None outside a worker's process tree."""
    return _reader


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that forked it ends (Linux only)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _remember_parent() -> None:
    global _parent  # noqa: PLW0603
    _parent = os.getpid()


def _leave_writer() -> None:
    stop()
    die_with_parent(_parent)
