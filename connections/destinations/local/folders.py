"""Opens folders of this machine by name inside one another, never through a link; explains errors."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings

from connections.destinations.base import DeliveryError
from connections.destinations.files import names
from roles.messages import Message
from roles.messages import said as _

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
SEEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def open_base() -> int:
    """Open the base directory, which may be a link because the operator chose it."""
    try:
        return os.open(settings.LOCAL_FOLDER_BASE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DeliveryError(
            _("The base directory cannot be opened. Ask your Waybill operator to create it."),
            detail=f"WAYBILL_LOCAL_FOLDER_BASE={settings.LOCAL_FOLDER_BASE}: {error.strerror}",
            permanent=True,
        ) from error


def descend(fd: int, folders: list[str], *, make: bool) -> int:
    """Return a new descriptor of the folder reached from `fd` by `folders`, none of them a link."""
    here = os.dup(fd)
    for name in folders:
        try:
            inner = _open_folder(name, here, make=make)
        finally:
            os.close(here)
        here = inner
    return here


def _open_folder(name: str, fd: int, *, make: bool) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, 0o750, dir_fd=fd)
    return os.open(name, _FOLDER, dir_fd=fd)


def name_once(hidden: str, name: str, fd: int) -> None:
    """Rename to a free name. Creating a hard link fails for a taken name; rename() would replace it."""
    try:
        os.link(hidden, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
    except FileExistsError:
        raise names.foreign_file(name) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.rename(hidden, name, src_dir_fd=fd, dst_dir_fd=fd)
        return
    os.unlink(hidden, dir_fd=fd)


def is_there(name: str, fd: int) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def explained() -> Iterator[None]:
    """Turn the operating system's errors into errors for people."""
    try:
        yield
    except OSError as error:
        message, permanent = _reason(error.errno)
        raise DeliveryError(message, detail=str(error), permanent=permanent) from error


def _reason(code: int | None) -> tuple[Message, bool]:
    """Return what an error number means, and whether it lasts until somebody acts."""
    if code in {errno.ENOSPC, errno.EDQUOT}:
        return _("The disk of the local folder is full. Free some space; the run then continues."), False
    if code in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return _("Waybill cannot write to the local folder. Ask your Waybill operator to allow it."), True
    if code in {errno.ENOTDIR, errno.ELOOP}:
        return _("A link or file has the local folder's name. Remove it or choose another folder."), True
    if code == errno.ENAMETOOLONG:
        return _("The file name is too long. Give the export a shorter name."), True
    return _("Writing to the local folder failed. Ask your Waybill operator to check it."), False
