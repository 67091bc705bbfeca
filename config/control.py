"""Stops a running portal, or removes its data: `python -m config.control stop|reset`."""

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from config import embedded_postgres, places, postgres_socket, problems

STOP_SECONDS = 30.0
KEPT = ("postgres", "demo", "keys", "log", "downloads", "staticfiles", "staticfiles.stamp")


def stop(data_dir: Path) -> None:
    """Ask the portal of `data_dir` to stop and wait until it has."""
    owner = embedded_postgres.owner(data_dir)
    if owner is None:
        print("Waybill is not running.")
        return
    if "address" not in owner:
        sys.exit(_other_command(owner))
    with contextlib.suppress(ProcessLookupError):
        os.kill(owner["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while embedded_postgres.owner(data_dir) is not None:
        if time.monotonic() > deadline:
            sys.exit(f"Waybill (process {owner['pid']}) does not stop.")
        time.sleep(0.05)
    print("Stopped.")


def reset(data_dir: Path) -> None:
    """Remove the database, keys, logs and demo files of `data_dir`; refuse while somebody uses them."""
    if not data_dir.exists():
        print("There is nothing to remove.")
        return
    server = embedded_postgres.Server(data_dir)
    try:
        server.own()
    except embedded_postgres.TakenError as taken:
        sys.exit(f"{_who(taken.owner)} Nothing was removed.")
    for path in (postgres_socket.link(data_dir), *(data_dir / name for name in KEPT)):
        _remove(path)
    server.close()
    print(f"Removed what Waybill kept in {data_dir}. The next start creates a new one.")
    if os.environ.get("DATABASE_URL"):
        print("The database that DATABASE_URL names was left as it is.")


def _who(owner: dict[str, Any]) -> str:
    if "address" in owner:
        return f"Waybill is running at {owner['address']}: stop it first (make stop)."
    return _other_command(owner)


def _other_command(owner: dict[str, Any]) -> str:
    return f"Another Waybill command (process {owner.get('pid')}) has the database; wait until it ends."


def _remove(path: Path) -> None:
    """Remove a file, a directory, or a link with the directory it leads to."""
    if path.is_symlink():
        shutil.rmtree(path.resolve(), ignore_errors=True)
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        {"stop": stop, "reset": reset}[sys.argv[1]](places.data_dir())
    except OSError as problem:
        sys.exit(problems.sentence(problem))
