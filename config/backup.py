"""`manage.py backup` and `restore`: run PostgreSQL's own programs on Waybill's database.

The programs are those of the package, of version 18: pg_dump must not be older than the server it reads.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from django.db import connection
from psycopg import conninfo

from config import postgres_account
from config.postgres_account import CannotRunError

DUMP = ("--format=custom", "--no-owner")
RESTORE = ("--exit-on-error", "--no-owner", "--single-transaction")
PSQL = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--file=-")
UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"


class BackupError(Exception):
    """The backup or the restore failed; the text says why and what to do."""


def dump(file: Path) -> int:
    """Write the database into `file`, which is either complete or missing; return its size in bytes."""
    if file.exists():
        raise BackupError(f"{file} is already there. Give another name.")
    draft = file.with_name(f".{file.name}.part")
    try:
        _make(draft)
        _carry_out("pg_dump", *DUMP, f"--file={draft}")
        draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


def _make(file: Path) -> None:
    try:
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    except OSError as error:
        where = file.absolute().parent
        raise BackupError(f"Nothing can be written in {where} ({error.strerror}). Give another path.") from error


def restore(file: Path) -> None:
    """Restore everything from `file` into an empty database, or nothing."""
    if not file.is_file():
        raise BackupError(f"There is no file {file}.")
    if connection.introspection.table_names():
        raise BackupError(
            "The database is not empty, so nothing was restored. Use a new one: for the PostgreSQL that comes with "
            "Waybill a new WAYBILL_DATA_DIR."
        )
    is_old = connection.get_database_version() < (17,)
    connection.close()
    if is_old:
        _restore_through_psql(file)
    else:
        _carry_out("pg_restore", *RESTORE, str(file))


def _restore_through_psql(file: Path) -> None:
    """Restore on a server that refuses a setting with which pg_restore begins: all of it, or nothing."""
    with tempfile.TemporaryFile() as read_errors, tempfile.TemporaryFile() as write_errors:
        try:
            with _reading(file, read_errors) as reading, _writing(write_errors) as writing:
                _hand_over(reading, writing)
        except (CannotRunError, OSError) as error:
            raise BackupError(f"pg_restore cannot be run: {error}") from error
        if writing.returncode:
            raise BackupError(_explained("psql", _text(write_errors)))
        if reading.returncode:
            raise BackupError(_explained("pg_restore", _text(read_errors)))


def _reading(file: Path, errors: IO[bytes]) -> "subprocess.Popen[bytes]":
    program = postgres_account.packaged_programs() / "pg_restore"
    return subprocess.Popen([program, "--no-owner", "--file=-", file], stdout=subprocess.PIPE, stderr=errors)  # noqa: S603


def _writing(errors: IO[bytes]) -> "subprocess.Popen[bytes]":
    address, password = _address()
    return subprocess.Popen(  # noqa: S603
        [postgres_account.packaged_programs() / "psql", f"--dbname={address}", *PSQL],
        env=_environment(password),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )


def _hand_over(reading: "subprocess.Popen[bytes]", writing: "subprocess.Popen[bytes]") -> None:
    """Pass pg_restore's output on to psql, and its COMMIT only once that is complete."""
    assert reading.stdout
    assert writing.stdin
    with contextlib.suppress(BrokenPipeError), writing.stdin as script, reading.stdout as lines:  # psql may end early
        script.write(b"BEGIN;\n")
        for line in lines:
            if line == UNKNOWN_BEFORE_17:
                break  # the first alone: rows of customers may read the same
            script.write(line)
        shutil.copyfileobj(lines, script)
        if reading.wait() == 0:
            script.write(b"COMMIT;\n")


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


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
    """Return why a program failed, from its first line; later lines may quote rows."""
    if "server version mismatch" in said:
        version = re.search(r"server version: ([\d.]+)", said)
        return (
            f"{program} is older than the server{f' ({version[1]})' if version else ''}. Use the {program} of the "
            "server's version, as docs/operations.md says."
        )
    lines = [line for line in said.splitlines() if "error:" in line.lower()] or said.splitlines()
    first = lines[0] if lines else "it does not say why"
    return f"{program} failed: {re.split('error: *', first, maxsplit=1, flags=re.IGNORECASE)[-1].strip() or first}"


def _environment(password: str) -> dict[str, str]:
    """Return the environment with the password: all users of the machine could read a command line."""
    return os.environ | ({"PGPASSWORD": password} if password else {})


def _address() -> tuple[str, str]:
    """Return Django's connection as one string for libpq, and the password separately."""
    unwanted = {"context", "cursor_factory", "prepare_threshold"}
    parameters = {name: value for name, value in connection.get_connection_params().items() if name not in unwanted}
    return conninfo.make_conninfo(**parameters | {"password": None}), str(parameters.get("password") or "")
