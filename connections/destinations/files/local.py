"""Local folder: files in a folder of the machine that Waybill runs on, below a base that the operator allows.

Every folder is opened by its name inside the one before, never through a link, so that no name, link or race
leads out of the base.
"""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from django.conf import settings as site
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.destinations.base import CheckStep, DeliveryError, FileDestination, Finding, run_steps
from connections.destinations.files import names
from connections.destinations.files.local_form import LocalFolderForm

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class LocalFolder(FileDestination):
    """Files in a folder below the base directory."""

    slug = "local"
    label = gettext_lazy("Local folder")
    summary = gettext_lazy("Writes files to a folder of the machine that Waybill runs on.")
    monogram = "LF"
    tone = "slate"
    settings_form = LocalFolderForm
    check_steps = (
        gettext_lazy("Find the base directory"),
        gettext_lazy("Open the folder, or make it"),
        gettext_lazy("Write, rename and read back a test file"),
        gettext_lazy("Remove the test file"),
    )

    @classmethod
    def why_unavailable(cls) -> str:
        """Say that the operator allowed no base directory."""
        if site.LOCAL_FOLDER_BASE:
            return ""
        return _("Whoever operates Waybill has to allow a directory in the setting WAYBILL_LOCAL_FOLDER_BASE first.")

    @contextmanager
    def session(self, run_key: str) -> Iterator["LocalSession"]:
        """Open the folder for one run, making it where it is missing."""
        with _explained():
            session = LocalSession(self._folder_names(), run_key)
        with closing(session):
            yield session

    def check(self) -> Iterator[CheckStep]:
        """Open the folder, write a small file and remove it."""
        with closing(_Probe(self._folder_names())) as probe:
            yield from run_steps(self.check_steps, (probe.base, probe.folder, probe.write, probe.remove))

    def _folder_names(self) -> list[str]:
        folder = self.settings.get("folder", "").strip("/")
        return names.components(folder) if folder else []


class LocalSession:
    """One run's work below one folder, which is held open."""

    def __init__(self, folder: list[str], run_key: str) -> None:
        self.run_key = run_key
        self._claimed: list[list[str]] = []  # folders that hold claims
        base = _open_base()
        try:
            self.root = _descend(base, folder, make=True)
        finally:
            os.close(base)

    def open_part(self, path: str) -> "LocalPart":
        """Start `path` under its hidden name."""
        folders, name = names.split(path)
        with _explained():
            fd = _descend(self.root, folders, make=True)
            try:
                return LocalPart(self, folders, name, fd)
            except OSError:
                os.close(fd)
                raise

    def clear_leftovers(self, folder: str) -> None:
        """Remove this run's hidden parts in `folder`, which need not exist."""
        with _explained(), self._existing(names.components(folder)) as fd:
            for name in os.listdir(fd) if fd is not None else ():
                if names.is_part(name, self.run_key):
                    os.unlink(name, dir_fd=fd)

    def exists(self, path: str) -> bool:
        """Tell whether `path` is there; a link counts, wherever it leads."""
        folders, name = names.split(path)
        with _explained(), self._existing(folders) as fd:
            return fd is not None and _is_there(name, fd)

    def claim(self, folders: list[str], name: str, fd: int) -> bool:
        """Note that `name` in the folder `fd` is this run's; tell whether it is there already, as this run's."""
        claim = names.claim_name(name, self.run_key)
        is_there, is_claimed = _is_there(name, fd), _is_there(claim, fd)
        if is_there and not is_claimed:
            raise names.foreign_file(name)
        if not is_claimed:
            os.close(os.open(claim, _NEW_FILE, 0o600, dir_fd=fd))
        self._claimed.append(folders)
        return is_there

    def settle(self, *folders: str) -> None:
        """Remove the run's claims."""
        where = [names.components(folder) for folder in folders]
        for path in [*self._claimed, *where]:
            with suppress(OSError), self._existing(path) as fd:
                for name in os.listdir(fd) if fd is not None else ():
                    if names.is_claim(name, self.run_key):
                        os.unlink(name, dir_fd=fd)
        self._claimed = []

    def close(self) -> None:
        """Close the folder."""
        os.close(self.root)

    @contextmanager
    def _existing(self, folders: list[str]) -> Iterator[int | None]:
        """Give a folder below the root, None where it is missing."""
        try:
            fd = _descend(self.root, folders, make=False)
        except FileNotFoundError:
            yield None
            return
        try:
            yield fd
        finally:
            os.close(fd)


class LocalPart:
    """A file being written under its hidden name in the folder `fd`, which it closes at its end."""

    def __init__(self, session: LocalSession, folders: list[str], name: str, fd: int) -> None:
        self._session, self._folders, self._name, self._folder = session, folders, name, fd
        self._hidden = names.part_name(name, session.run_key)
        with suppress(FileNotFoundError):
            os.unlink(self._hidden, dir_fd=fd)  # an earlier attempt of this run wrote it
        self._file = os.open(self._hidden, _NEW_FILE, 0o640, dir_fd=fd)
        self._is_open = True

    def write(self, data: bytes) -> None:
        """Append `data`."""
        rest = memoryview(data)
        with _explained():
            while rest:
                rest = rest[os.write(self._file, rest) :]

    def publish(self) -> None:
        """Put the file on disk and give it its name; refuses to replace what another wrote."""
        with _explained():
            os.fsync(self._file)
            if self._session.claim(self._folders, self._name, self._folder):
                os.replace(self._hidden, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            else:
                _name_once(self._hidden, self._name, self._folder)
            os.fsync(self._folder)
        self._close()

    def discard(self) -> None:
        """Remove the hidden file."""
        if self._is_open:
            with suppress(OSError):
                os.unlink(self._hidden, dir_fd=self._folder)
            self._close()

    def _close(self) -> None:
        self._is_open = False
        os.close(self._file)
        os.close(self._folder)


class _Probe:
    """The steps of a check, and what they hold open."""

    def __init__(self, folder: list[str]) -> None:
        self._folder = folder
        self._name = f".waybill-check-{uuid.uuid4().hex[:12]}"
        self._session: LocalSession | None = None

    def base(self) -> Finding:
        """Look for the base directory."""
        os.close(_open_base())
        return _("The base directory is there."), site.LOCAL_FOLDER_BASE

    def folder(self) -> Finding:
        """Open the folder as a run would."""
        with _explained():
            self._session = LocalSession(self._folder, "check")
        return _("The folder is there."), os.path.join(site.LOCAL_FOLDER_BASE, *self._folder)

    def write(self) -> Finding:
        """Write a test file as a run would, and read it back."""
        assert self._session is not None
        part = self._session.open_part(self._name)
        try:
            part.write(b"waybill")
            part.publish()
        finally:
            part.discard()
        self._read_back()
        return _("Waybill can write here."), ""

    def remove(self) -> Finding:
        """Leave nothing behind."""
        with _explained():
            assert self._session is not None
            os.unlink(self._name, dir_fd=self._session.root)
        return _("Nothing was left behind."), ""

    def close(self) -> None:
        """Forget the folder."""
        if self._session is not None:
            self._session.settle()
            self._session.close()

    def _read_back(self) -> None:
        assert self._session is not None
        with _explained():
            fd = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._session.root)
        with os.fdopen(fd, "rb") as file:
            if file.read() != b"waybill":
                raise DeliveryError(_("The test file did not hold what was written to it. Have the disk checked."))


def _open_base() -> int:
    """Open the base directory; it may be a link, since the operator chose it."""
    try:
        return os.open(site.LOCAL_FOLDER_BASE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DeliveryError(
            _("The base directory cannot be opened. Whoever operates Waybill has to make it."),
            detail=f"WAYBILL_LOCAL_FOLDER_BASE={site.LOCAL_FOLDER_BASE}: {error.strerror}",
            permanent=True,
        ) from error


def _descend(fd: int, folders: list[str], *, make: bool) -> int:
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


def _name_once(hidden: str, name: str, fd: int) -> None:
    """Rename where the name is free. A hard link fails if it is taken, which rename() would not."""
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


def _is_there(name: str, fd: int) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the operating system's errors into ones for people."""
    try:
        yield
    except OSError as error:
        message, permanent = _reason(error.errno)
        raise DeliveryError(message, detail=str(error), permanent=permanent) from error


def _reason(code: int | None) -> tuple[str, bool]:
    """What an error number means for a person, and whether it stays so until somebody acts."""
    if code in {errno.ENOSPC, errno.EDQUOT}:
        return _("The disk of the local folder is full. Make room; the run then goes on."), False
    if code in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return _("Waybill may not write in the local folder. Whoever operates Waybill can allow it."), True
    if code in {errno.ENOTDIR, errno.ELOOP}:
        return _("A link or a file stands where the local folder should be. Remove it or choose another folder."), True
    if code == errno.ENAMETOOLONG:
        return _("The name of a file is too long. Give the export a shorter name."), True
    return _("The local folder could not be written. Ask whoever operates Waybill to look at it."), False
