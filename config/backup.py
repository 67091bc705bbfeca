"""`manage.py backup` and `restore`: PostgreSQL's own programs on Waybill's database, whichever that is.

The programs are those of the package, of version 18: pg_dump must not be older than the server it reads.
"""

import os
import re
import subprocess
from pathlib import Path

from django.db import connection
from psycopg import conninfo

from config import postgres_account
from config.postgres_account import CannotRunError

DUMP = ("--format=custom", "--no-owner")
RESTORE = ("--exit-on-error", "--no-owner", "--single-transaction")


class BackupError(Exception):
    """There is no backup, or it was not restored; the text says why and what to do."""


def dump(file: Path) -> int:
    """Write the database into `file`, which is whole or not there; return its bytes."""
    if file.exists():
        raise BackupError(f"{file} is already there. Give another name.")
    draft = file.with_name(f".{file.name}.part")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        _carry_out("pg_dump", *DUMP, f"--file={draft}")
        draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


def restore(file: Path) -> None:
    """Read the database from `file`: all of it, or nothing. It has to be empty."""
    if not file.is_file():
        raise BackupError(f"There is no file {file}.")
    if connection.introspection.table_names():
        raise BackupError(
            "The database is not empty, so nothing was restored. Use a new one: for the PostgreSQL that comes with "
            "Waybill a new WAYBILL_DATA_DIR."
        )
    connection.close()
    _carry_out("pg_restore", *RESTORE, str(file))


def _carry_out(program: str, *words: str) -> None:
    address, password = _address()
    try:
        path = postgres_account.packaged_programs() / program
        done = subprocess.run(  # noqa: S603
            [path, f"--dbname={address}", *words],
            env=_environment(password),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
    except (CannotRunError, OSError) as error:
        raise BackupError(f"{program} cannot be run: {error}") from error
    if done.returncode:
        raise BackupError(_explained(program, done.stderr.decode(errors="replace")))


def _explained(program: str, said: str) -> str:
    """Say why a program failed, in its first line; what follows may quote rows."""
    if "server version mismatch" in said:
        version = re.search(r"server version: ([\d.]+)", said)
        return (
            f"{program} is older than the server{f' ({version[1]})' if version else ''}. Use the {program} of the "
            "server's version, as docs/operations.md says."
        )
    lines = [line for line in said.splitlines() if "error:" in line] or said.splitlines() or ["it does not say why"]
    return f"{program} failed: {lines[0].partition('error:')[2].strip() or lines[0]}"


def _environment(password: str) -> dict[str, str]:
    """Return our environment with the password: on a command line everybody of the machine could read it."""
    return os.environ | ({"PGPASSWORD": password} if password else {})


def _address() -> tuple[str, str]:
    """Return how Django connects as one string for libpq, and apart from it the password."""
    unwanted = {"context", "cursor_factory", "prepare_threshold"}
    parameters = {name: value for name, value in connection.get_connection_params().items() if name not in unwanted}
    return conninfo.make_conninfo(**parameters | {"password": None}), str(parameters.get("password") or "")
