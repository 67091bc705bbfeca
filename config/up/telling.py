"""What `up` says while it works: one line a step, with the seconds since the start."""

import contextlib
import time

_started = time.monotonic()


def say(text: str) -> None:
    """Print one step; a terminal that is gone does not matter."""
    for line in text.splitlines():
        _print(f"[{time.monotonic() - _started:5.1f} s] {line}")


def show(text: str) -> None:
    """Print `text` as it is, for the summary and the ends of logs."""
    _print(text)


def _print(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, flush=True)
