"""Rehearses a run with a small file that is removed again: what passes here can deliver."""

import hashlib
import posixpath
import uuid
from contextlib import suppress

from paramiko.sftp import SFTP_OP_UNSUPPORTED

from connections.destinations.base import DeliveryError
from connections.destinations.files import names
from connections.destinations.sftp.protocol import ServerAnswerError
from connections.destinations.sftp.session import SftpSession
from roles.messages import Message, joined
from roles.messages import said as _

NAME = ".waybill-check"
FIRST, SECOND = b"waybill", b"waybill again"


def rehearse(session: SftpSession) -> Message:
    """Write, name, list, read, replace and remove a file; return what to tell. Raises DeliveryError."""
    with session.explained():
        folder = NAME if _can_remove_folders(session) else ""
    rehearsal = _Rehearsal(session, folder)
    try:
        is_taken = rehearsal.deliver()
        with session.explained():
            rehearsal.remove()
    except DeliveryError as error:
        if not rehearsal.is_something_left():
            raise
        message = joined([error.message, _left_behind()])
        raise DeliveryError(message, detail=error.detail, permanent=error.permanent) from error
    told = _taken() if is_taken else _("Waybill can write here.")
    left = _left_behind() if rehearsal.is_something_left() else _("Nothing was left behind.")
    return joined([told, left])


def _can_remove_folders(session: SftpSession) -> bool:
    """Whether a folder that is made can be removed again, as far as the server says so beforehand."""
    try:
        session.client.rmdir(session.path(NAME))
    except ServerAnswerError as error:
        return error.code != SFTP_OP_UNSUPPORTED
    return True


class _Rehearsal:
    """One file in `folder`, "" for the connection's own."""

    def __init__(self, session: SftpSession, folder: str) -> None:
        self.session, self.folder = session, folder
        self.name = f"{NAME}-{uuid.uuid4().hex[:12]}.csv"
        self.path = posixpath.join(folder, self.name)

    def deliver(self) -> bool:
        """Deliver the file as a run does, twice; return whether the server removed it at once."""
        self._list()
        if self.session.exists(self.path):
            raise DeliveryError(_("The server reports a file that does not exist."), detail=self.path, permanent=True)
        try:
            self._publish(FIRST, frozenset())
            self._list()
            is_taken = not self._is_as_written(FIRST)
            self._publish(SECOND, frozenset({_checksum(FIRST)}))
            return not self._is_as_written(SECOND) or is_taken
        finally:
            self.session.release_claims()

    def remove(self) -> None:
        """Remove the file, unless the server has. Raises ServerAnswerError."""
        try:
            self.session.client.remove(self.session.path(self.path))
        except ServerAnswerError:
            if self.session.is_there(self.session.path(self.path)):
                raise

    def is_something_left(self) -> bool:
        """Remove what can be removed; return whether something is, or may be, left."""
        with suppress(Exception):
            self.remove()
        with suppress(Exception):
            if self.folder:
                self.session.client.rmdir(self.session.path(self.folder))
        try:
            return any(self.session.is_there(self.session.path(path)) for path in self._paths())
        except Exception:
            return True

    def _paths(self) -> list[str]:
        """Everything that the rehearsal may have created."""
        if self.folder:
            return [self.folder]
        key = self.session.run_key
        hidden = [names.part_name(self.name, key), names.part_name(f"{self.name}.before", key)]
        return [
            self.name,
            *hidden,
            *(names.claim_name(self.name, key, checksum) for checksum in ("", _checksum(SECOND))),
        ]

    def _list(self) -> None:
        if self.folder:
            self.session.clear_leftovers(self.folder)
            return
        with self.session.explained():
            self.session.listing(self.session.path() or ".", lambda _name: False)

    def _publish(self, data: bytes, replaceable: frozenset[str]) -> None:
        part = self.session.open_part(self.path, replaceable=replaceable)
        try:
            part.write(data)
            part.publish()
        finally:
            part.discard()

    def _is_as_written(self, data: bytes) -> bool:
        """Read the file again; False if it no longer exists."""
        try:
            found = self.session.checksum_of(self.path)
        except DeliveryError:
            if self.session.exists(self.path):
                raise
            return False
        if found != _checksum(data):
            raise DeliveryError(_("The test file's content is not what was written."), detail=self.path, permanent=True)
        return True


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _taken() -> Message:
    return _("Waybill can write here. The server collects finished files.")


def _left_behind() -> Message:
    return _("%(name)s… on the server could not be removed.") % {"name": NAME}
