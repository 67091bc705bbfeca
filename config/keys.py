"""The keys of an installation: created once below the data directory (mode 0600), or set by the operator.

Also what the operator allows secrets to refer to, which must never be one of these keys.
"""

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from roles.secrets import key_file

ENV_PREFIX = "WAYBILL_CONNECTION_SECRET_"
# What begins like this no connection may read, whatever the operator allows.
OURS, DATABASE = "WAYBILL_", "DATABASE_URL"


def secret_key(data_dir: Path) -> str:
    """Return Django's SECRET_KEY (sessions, CSRF, task signatures)."""
    return _kept(data_dir / "keys" / "secret_key", lambda: secrets.token_urlsafe(64))


def secrets_keys_file(data_dir: Path, named: str = "") -> Path:
    """Return the file of the keys for secrets: the one the operator `named`, or our own, created if missing."""
    path = Path(named) if named else data_dir / "keys" / "secrets_keys"
    if not named:
        _kept(path, key_file.new_key)
    elif not path.is_file():  # a new key would read none of the secrets that there are
        raise ImproperlyConfigured(f"WAYBILL_SECRETS_KEYS_FILE: there is no file {path}. Put the keys there.")
    return path


def refuse_useless(keys: list[str], path: Path | None) -> None:
    """Refuse keys, or a file of keys, without any Fernet key."""
    found = keys or (key_file.read(path) if path else [])
    if not any(key_file.is_key(key) for key in found):
        where = "WAYBILL_SECRETS_KEYS" if keys else str(path)
        raise ImproperlyConfigured(f"{where} holds no Fernet key. Put the right one back from your backup.")


def env_prefix(prefix: str) -> str:
    """Return the prefix of variables that secrets may refer to; refuse one that matches Waybill's own."""
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{2,}_", prefix):
        raise ImproperlyConfigured(
            f"WAYBILL_SECRETS_ENV_PREFIX={prefix!r} is no prefix. Write capitals that end in _, such as {ENV_PREFIX}."
        )
    is_of_ours = prefix.startswith(OURS) and not prefix.startswith(ENV_PREFIX)
    if is_of_ours or any(name.startswith(prefix) for name in (OURS, DATABASE)):
        raise ImproperlyConfigured(
            f"WAYBILL_SECRETS_ENV_PREFIX={prefix} would open Waybill's own variables. Choose one that no other has."
        )
    return prefix


def secrets_dir(named: str, data_dir: Path, keys_path: Path | None) -> Path | None:
    """Return the directory of files that secrets may refer to; refuse one that holds Waybill's own keys."""
    if not named:
        return None
    path = Path(named)
    own = [place.resolve() for place in (data_dir / "keys" / "secret_key", keys_path) if place]
    if not path.is_absolute() or any(path.resolve() in place.parents for place in own):
        raise ImproperlyConfigured(
            f"WAYBILL_SECRETS_DIR={named} must be a whole path, and no directory with Waybill's own keys below it."
        )
    return path


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Return the text of `path`, which `make` creates if missing; concurrent processes get the same text."""
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
