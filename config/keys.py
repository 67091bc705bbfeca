"""The two keys of an installation: made once, kept below the data directory with mode 0600."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


def secret_key(data_dir: Path) -> str:
    """Return Django's SECRET_KEY (sessions, CSRF, task signatures)."""
    return _kept(data_dir / "keys" / "secret_key", lambda: secrets.token_urlsafe(64))


def secrets_keys(data_dir: Path) -> list[str]:
    """Return the Fernet keys that encrypt connections' secrets, newest first, one a line in the file."""
    return _kept(data_dir / "keys" / "secrets_keys", lambda: Fernet.generate_key().decode()).split()


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Return the text of `path`, made by `make` first if there is none; two processes agree on one."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Not named after our number: a container gives the same one to every start.
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # fails if another process was first, so both read the same key
    finally:
        os.unlink(draft)
    return path.read_text().strip()
