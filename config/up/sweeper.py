"""The process that outlives a killed `up` just long enough to end its children's groups (config/sweep.py)."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

SWEEP = Path(__file__).parents[1] / "sweep.py"


class Sweeper:
    """Is told of every group that is started or known to be gone."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        command = [sys.executable, "-I", "-S", str(SWEEP)]
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=reader, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        os.close(reader)

    def add(self, group: int) -> None:
        """Note a group that must not outlive `up`."""
        self._tell(f"+{group}\n")

    def remove(self, group: int) -> None:
        """Note that a group has ended; its number may soon be somebody else's."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let the process end."""
        os.close(self._writer)
        self._process.wait()

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writer, line.encode())
