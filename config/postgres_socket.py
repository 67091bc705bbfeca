"""The place of the server's socket: always in a directory that only its owner can enter."""

import contextlib
import hashlib
import os
import stat
from pathlib import Path

PORT = "5432"
LONGEST_BYTES = 103  # macOS; Linux allows 107
FILE_NAME = f".s.PGSQL.{PORT}"


class UntrustedError(OSError):
    """The private directory belongs to somebody else or is open to others."""


def directory(data_dir: Path) -> Path:
    """Return the directory of the socket as clients name it; every process computes the same."""
    usual = _usual(data_dir)
    return usual if fits(usual) else link(data_dir) / "run"


def fits(path: Path) -> bool:
    """Whether a socket in `path` can be named: short enough, and no comma (libpq splits there)."""
    return len(os.fsencode(path / FILE_NAME)) <= LONGEST_BYTES and "," not in str(path)


def prepare(data_dir: Path) -> None:
    """Make the directory with mode 0700, and where the path is too long a private short link to it."""
    real = _usual(data_dir)
    real.mkdir(mode=0o700, exist_ok=True)
    named = directory(data_dir)
    if named == real or _leads_to(named, real):
        return
    with contextlib.suppress(FileExistsError):
        named.parent.mkdir(mode=0o700)
        os.chown(named.parent, _owner(data_dir), -1)
    _check(named.parent, data_dir)
    named.unlink(missing_ok=True)
    named.symlink_to(real)


def checked(data_dir: Path) -> Path:
    """Return `directory`; raise UntrustedError if the private short one is not ours."""
    path = directory(data_dir)
    if path != _usual(data_dir) and path.parent.exists():
        _check(path.parent, data_dir)
    return path


def link(data_dir: Path) -> Path:
    """Return the private short directory that stands in for a path that is too long."""
    return _short(data_dir.absolute())


def _usual(data_dir: Path) -> Path:
    return data_dir.absolute() / "postgres" / "run"


def _short(data_dir: Path) -> Path:
    """Return the short private directory; /tmp and not $TMPDIR, which differs between sessions."""
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path("/tmp") / f"waybill-{_owner(data_dir)}-{name}"  # noqa: S108 - owner and mode are checked


def _owner(data_dir: Path) -> int:
    try:
        return data_dir.stat().st_uid
    except FileNotFoundError:
        return os.geteuid()


def _leads_to(named: Path, real: Path) -> bool:
    return named.is_symlink() and _check(named.parent, real.parent.parent) and named.readlink() == real


def _check(private: Path, data_dir: Path) -> bool:
    status = private.lstat()
    is_private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700
    if not is_private or status.st_uid != _owner(data_dir):
        raise UntrustedError(f"{private} must be yours with mode 0700. Remove it and start again.")
    return True
