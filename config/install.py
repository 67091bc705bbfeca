"""Make `.venv` hold exactly what a requirements file pins: `python -I config/install.py FILE`.

Runs with the system's Python and the standard library alone. A stamp in `.venv` holds what was installed to
the end; without it an environment is taken for half made and made anew.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
BASE = "requirements.txt"  # what every other file contains too


def main(name: str) -> None:
    """Install the packages of requirements file `name`, unless that is done."""
    wanted = {file: _digest(file) for file in {BASE, name}}
    if _is_done(wanted):
        return
    with _exclusive():
        if _is_done(wanted):
            return
        if not _stamp() or not _runs():
            _make()
        STAMP.unlink(missing_ok=True)
        _install(name)
        _write(wanted)


def _is_done(wanted: dict[str, str]) -> bool:
    return wanted.items() <= _stamp().items() and _runs()


@contextlib.contextmanager
def _exclusive() -> Iterator[None]:
    """Wait until no other installation runs in this directory; the lock ends with the process."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make is installing the packages here; waiting for it", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _stamp() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def _digest(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def _runs() -> bool:
    """Whether the environment's Python starts; the Python it was made from may be gone."""
    try:
        return subprocess.run([PYTHON, "-c", "pass"], check=False, capture_output=True).returncode == 0  # noqa: S603
    except OSError:
        return False


def _make() -> None:
    started = _begin(f"Creating the virtual environment with Python {sys.version.split()[0]}")
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    _run([sys.executable, "-m", "venv", str(VENV)], "The virtual environment could not be created")
    _end(started)


def _install(name: str) -> None:
    count = len(re.findall(r"^[A-Za-z0-9][^=\s]*==", (ROOT / name).read_text(), re.MULTILINE))
    started = _begin(f"Installing up to {count} packages")
    options = ["--disable-pip-version-check", "--no-input", "--quiet", "--require-hashes"]
    command = [str(PYTHON), "-m", "pip", "install", *options, "--requirement", str(ROOT / name)]
    _run(command, "The packages could not be installed")
    _end(started)


def _run(command: list[str], problem: str) -> None:
    result = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    if result.returncode != 0:
        if "No space left on device" in result.stdout:
            sys.exit("failed\nThe disk is full: free up space and run make again; it starts over.")
        lines = "\n".join(result.stdout.strip().splitlines()[-15:])
        sys.exit(f"failed\n{lines}\n{problem}; see above. The next try starts over.")


def _write(installed: dict[str, str]) -> None:
    draft = STAMP.with_suffix(".new")
    draft.write_text(json.dumps(installed))
    draft.rename(STAMP)


def _begin(text: str) -> float:
    print(f"{text} … ", end="", flush=True)
    return time.monotonic()


def _end(started: float) -> None:
    print(f"{time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("stopped; the next try starts over.")
    except OSError as error:
        sys.exit(f"failed\n{error}: the packages could not be installed. The next try starts over.")
