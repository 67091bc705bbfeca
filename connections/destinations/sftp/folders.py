"""Looks at files and folders of an SFTP server, even if it does not tell missing from refused."""

import posixpath
import stat
from collections.abc import Callable

import paramiko

from connections.destinations.base import DeliveryError
from connections.destinations.sftp.protocol import ServerAnswerError, SftpProtocol
from roles.messages import said as _


class SftpFolders:
    """Looks at files and folders by their full paths, and creates folders."""

    def __init__(self, client: SftpProtocol) -> None:
        self.client = client
        self._known_folders: set[str] = set()

    def is_there(self, path: str) -> bool:
        """Whether `path` exists on the server, even as a broken link."""
        try:
            self.client.lstat(path)
        except ServerAnswerError as error:
            return not error.is_missing and self._is_listed(path)
        return True

    def attributes(self, path: str, *, follow: bool) -> paramiko.SFTPAttributes:
        """Return what the server tells of `path`; some know only one of the two requests."""
        first, second = (self.client.stat, self.client.lstat) if follow else (self.client.lstat, self.client.stat)
        try:
            return first(path)
        except ServerAnswerError as error:
            if error.is_missing:
                raise
            return second(path)

    def listing(self, path: str, is_wanted: Callable[[str], bool]) -> list[str]:
        """Return the wanted names in the folder `path`; none if it is missing."""
        try:
            return self.client.names(path, is_wanted)
        except ServerAnswerError as error:
            if error.is_missing or not self.is_there(path):
                return []
            raise

    def make_folder(self, path: str) -> None:
        """Create the folder `path` and its parents, if missing."""
        if path in self._known_folders or path in {"", ".", "/"}:
            return
        if not self._is_folder(path):
            self.make_folder(posixpath.dirname(path))
            try:
                self.client.mkdir(path)
            except ServerAnswerError:
                if not self._is_folder(path):  # another run may have been quicker
                    raise
        self._known_folders.add(path)

    def _is_listed(self, path: str) -> bool:
        """Whether `path` is there by the names in its folder, where the server did not say."""
        folder, name = posixpath.split(path.rstrip("/"))
        try:
            return bool(self.client.names(folder or ".", lambda found: found == name))
        except ServerAnswerError:
            if folder in {"", ".", "/"} or self.is_there(folder):
                raise
            return False

    def _is_folder(self, path: str) -> bool:
        """Whether `path` is a folder, as far as the server tells; DeliveryError where it is something else."""
        try:
            mode = self.attributes(path, follow=True).st_mode
        except ServerAnswerError as error:
            return not error.is_missing and self.client.is_folder(path)
        if mode is None or stat.S_ISDIR(mode) or self.client.is_folder(path):
            return True
        raise DeliveryError(
            _("A file has the folder's name. Remove it or choose another folder."),
            detail=path,
            permanent=True,
        )
