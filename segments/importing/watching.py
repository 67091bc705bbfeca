"""Shows the progress of an import: in one changing line on a terminal, in a line now and then in a log."""

import shutil
import threading
import time
from typing import Any

TERMINAL_SECONDS = 0.2
LOG_SECONDS = 10.0


class ProgressDisplay:
    """Writes to a command's `stdout` or `stderr`.

    Give it texts as often as they come; it prints the newest, and goes on saying it while nothing new comes.
    """

    def __init__(self, stream: Any, seconds: float = LOG_SECONDS) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._every = TERMINAL_SECONDS if self._is_terminal else seconds
        self._text, self._since = "", time.monotonic()
        self._ended = threading.Event()
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "ProgressDisplay":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._is_terminal:
            self._write("\r\x1b[K")

    def say(self, text: str) -> None:
        """Set the text to show next."""
        step, _colon, _rest = text.partition(":")
        with self._lock:
            if not self._text.startswith(step):
                self._since = time.monotonic()
            self._text = text

    def note(self, text: str) -> None:
        """Print a permanent line."""
        self._write(f"\r\x1b[K{text}\n" if self._is_terminal else f"{text}\n")

    def _tick(self) -> None:
        while not self._ended.wait(self._every):
            with self._lock:
                text, seconds = self._text, time.monotonic() - self._since
            if text:
                self._show(f"{text} ({seconds:.0f} s)")

    def _show(self, line: str) -> None:
        if self._is_terminal:
            self._write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
        else:
            self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        with self._writing:
            self._stream.write(text, ending="")
            self._stream.flush()
