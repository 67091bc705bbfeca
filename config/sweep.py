"""Kill what a killed `up` left: reads `+GROUP` and `-GROUP` lines; at the end of input ends those groups.

Every child of `up` gets a signal of its own when `up` dies, and stops what it started. This makes sure of it,
also for a child that hangs. Standard library only, run with `python -I -S`.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_SECONDS = 5.0


def main() -> None:
    """Follow the lines until `up` is gone, then wait for the remaining groups and kill them."""
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    deadline = time.monotonic() + GRACE_SECONDS
    while any(map(_lives, groups)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
