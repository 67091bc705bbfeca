"""Wait for something without guessing how long it takes: only a test that fails pays for the patience."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60  # seconds that a busy machine may take for anything


def until(condition: Callable[[], T], seconds: float = PATIENCE, what: str = "") -> T:
    """Return the first true value of `condition`; fail when there is none within `seconds`, or a minute."""
    seconds = max(seconds, PATIENCE)
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or condition}"
        time.sleep(0.02)
    return value
