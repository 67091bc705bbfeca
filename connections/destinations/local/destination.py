"""Local folder: files in a folder of the machine that Waybill runs on, below a base that the operator allows.

Every folder is opened by its name inside the one before, never through a link, so that no name, link or race
leads out of the base.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager

from django.conf import settings as site
from django.utils.translation import gettext_lazy

from connections.destinations.base import CheckStep, DeliveryError, FileDestination, Finding, HelpSection, run_steps
from connections.destinations.files import names
from connections.destinations.local.folders import explained, open_base
from connections.destinations.local.form import LocalFolderForm
from connections.destinations.local.reading import LocalFile
from connections.destinations.local.session import LocalSession
from roles.messages import Message, joined
from roles.messages import said as _


class LocalFolder(FileDestination):
    """Files in a folder below the base directory."""

    slug = "local"
    label = gettext_lazy("Local folder")
    summary = gettext_lazy("Writes files to a folder on the machine that runs Waybill.")
    monogram = "LF"
    tone = "slate"
    settings_form = LocalFolderForm
    can_download = True
    check_steps = (
        gettext_lazy("Find the base directory"),
        gettext_lazy("Open or create the folder"),
        gettext_lazy("Write, rename and read back a test file"),
        gettext_lazy("Remove the test file"),
    )
    help_sections = (
        HelpSection(
            gettext_lazy("Where the folders are"),
            (
                gettext_lazy(
                    "Your Waybill operator allows one directory of the machine, in WAYBILL_LOCAL_FOLDER_BASE. The "
                    "folder of every connection is inside it; names and links cannot lead out of it."
                ),
                gettext_lazy(
                    "Files and folders belong to the account that runs Waybill. Its group can read them; other "
                    "accounts cannot. To fetch the files, use an account in that group."
                ),
            ),
        ),
    )

    @classmethod
    def why_unavailable(cls) -> str:
        """Say that the operator has not allowed a base directory."""
        if site.LOCAL_FOLDER_BASE:
            return ""
        allow = _("Ask your Waybill operator to set WAYBILL_LOCAL_FOLDER_BASE first.")
        return str(allow)

    @contextmanager
    def session(self, run_key: str) -> Iterator["LocalSession"]:
        """Open the folder for one run; creates it if missing."""
        with explained():
            session = LocalSession(self._folder_names(), run_key)
        with closing(session):
            yield session

    @contextmanager
    def open_file(self, path: str) -> Iterator[LocalFile]:
        """Open a delivered file."""
        folders, name = names.split(path)
        with LocalFile.opened([*self._folder_names(), *folders], name) as file:
            yield file

    def check(self) -> Iterator[CheckStep]:
        """Open the folder, write a small file and remove it."""
        with closing(_Probe(self._folder_names())) as probe:
            yield from run_steps(self.check_steps, (probe.base, probe.folder, probe.write, probe.remove))

    def _folder_names(self) -> list[str]:
        folder = self.settings.get("folder", "").strip("/")
        return names.components(folder) if folder else []


class _Probe:
    """The steps of a check, and what they opened."""

    def __init__(self, folder: list[str]) -> None:
        self._folder = folder
        self._name = f".waybill-check-{uuid.uuid4().hex[:12]}"
        self._session: LocalSession | None = None

    def base(self) -> Finding:
        """Look up the base directory."""
        os.close(open_base())
        return _("The base directory exists."), site.LOCAL_FOLDER_BASE

    def folder(self) -> Finding:
        """Open the folder as a run would."""
        with explained():
            self._session = LocalSession(self._folder, "check")
        return _("The folder exists."), os.path.join(site.LOCAL_FOLDER_BASE, *self._folder)

    def write(self) -> Finding:
        """List the folder, write a test file as a run would, and read it again."""
        assert self._session is not None
        self._left()
        part = self._session.open_part(self._name)
        try:
            part.write(b"waybill")
            part.publish()
        finally:
            part.discard()
        self._read_back()
        return _("Waybill can write here."), ""

    def remove(self) -> Finding:
        """Remove the test file and its claim, and look whether both are gone."""
        assert self._session is not None
        try:
            with explained():
                os.unlink(self._name, dir_fd=self._session.root)
        except DeliveryError as error:
            raise DeliveryError(joined([error.message, _left_behind()]), detail=error.detail, permanent=True) from error
        self._session.release_claims()
        if left := self._left():
            raise DeliveryError(_left_behind(), detail=", ".join(left), permanent=True)
        return _("Nothing was left behind."), ""

    def close(self) -> None:
        """Close the folder."""
        if self._session is not None:
            self._session.release_claims()
            self._session.close()

    def _left(self) -> list[str]:
        """Return the names in the folder that this check made."""
        assert self._session is not None
        with explained():
            return [name for name in os.listdir(self._session.root) if self._name in name]

    def _read_back(self) -> None:
        assert self._session is not None
        with explained():
            fd = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._session.root)
        with os.fdopen(fd, "rb") as file:
            if file.read() != b"waybill":
                raise DeliveryError(_("The test file's content was not what was written. Have the disk checked."))


def _left_behind() -> Message:
    return _("What is called .waybill-check… in the folder could not be removed.")
