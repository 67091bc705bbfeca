"""What `up` prints: one line a step, with the seconds since the start."""

import contextlib
import time

_started = time.monotonic()


def say(text: str) -> None:
    """Print one step; ignores a lost terminal."""
    for line in text.splitlines():
        _print(f"[{time.monotonic() - _started:5.1f} s] {line}")


def show(text: str) -> None:
    """Print `text` unchanged, for the summary and the ends of logs."""
    _print(text)


def _print(text: str) -> None:
    with contextlib.suppress(OSError):
        print(text, flush=True)
