"""Why a start failed, in one sentence with what to do."""

import errno
import shutil
from pathlib import Path

from roles import shared_memory

FULL = {errno.ENOSPC, errno.EDQUOT}
FULL_WORDS = ("No space left on device", "Disk quota exceeded")
LEAST_BYTES = 20_000_000  # one segment of PostgreSQL's log: with less it does not go on


def sentence(error: BaseException, place: Path | None = None) -> str:
    """Return `error` in words; `place` is the data directory, whose disk may be the reason."""
    if shared_memory.is_short(error):
        return (
            "PostgreSQL has too little shared memory (/dev/shm) on its machine: give it more (--shm-size=256m for a "
            "container), or set dynamic_shared_memory_type = mmap there, and start again."
        )
    if _is_full(error, place):
        where = place or str(getattr(error, "filename", ""))
        return f"The disk is full at {where}: free up space and start again; it continues where it stopped."
    if isinstance(error, PermissionError):
        return f"{error.filename} belongs to another account: start as that one, or set WAYBILL_DATA_DIR."
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return f"{error.filename} is on a read-only disk: set WAYBILL_DATA_DIR to another place."
    if isinstance(error, NotADirectoryError | FileExistsError):
        return f"{error.filename} is a file but must be a directory: move it, or set WAYBILL_DATA_DIR."
    return _of_the_database(error) or str(error).strip()


def _of_the_database(error: BaseException) -> str:
    """Say that the database went away; Django's migrations wrap that into an error of their own."""
    from django.db import DatabaseError, InterfaceError, OperationalError

    cause: BaseException | None = error if isinstance(error, DatabaseError | InterfaceError) else None
    while cause is not None and not isinstance(cause, OperationalError | InterfaceError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return ""
    reason = str(cause).strip().partition("\n")[0].rstrip(".")
    return f"The database stopped answering ({reason}): start again; it continues where it stopped."


def _is_full(error: BaseException, place: Path | None) -> bool:
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return any(words in str(error) for words in FULL_WORDS) or (place is not None and _has_no_room(place))


def _has_no_room(place: Path) -> bool:
    try:
        return shutil.disk_usage(place).free < LEAST_BYTES
    except OSError:
        return False
