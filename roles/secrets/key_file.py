"""The file of the keys that encrypt secrets: one key a line, newest first, for its owner alone.

Nothing here needs settings. The file is only ever replaced whole, so that whoever reads it meanwhile sees the old
keys or the new ones.
"""

import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet


def new_key() -> str:
    """Return a new random key."""
    return Fernet.generate_key().decode()


def is_key(text: str) -> bool:
    """Whether `text` is a Fernet key."""
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


def read(path: Path) -> list[str]:
    """Return the words of the file, valid keys or not. Raises OSError."""
    return path.read_text(encoding="utf-8", errors="replace").split()


def replace(path: Path, keys: list[str]) -> None:
    """Replace the file by `keys` atomically, with mode 0600 and its former owner. Raises OSError."""
    place = path.resolve()  # a link stays one
    descriptor, draft = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            _give_to_owner_of(place, descriptor)
            file.write("\n".join(keys) + "\n")
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, place)
    except BaseException:
        os.unlink(draft)
        raise
    _sync(place.parent)


def _give_to_owner_of(place: Path, descriptor: int) -> None:
    """Keep the file's owner, so that Waybill's account can read what another account (root) wrote."""
    owner = place.stat()
    if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
