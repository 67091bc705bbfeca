"""What a run does with its files, done with a small one in a hidden folder: what passes here delivers."""

import hashlib
import uuid
from contextlib import suppress

from django.utils.translation import gettext as _

from connections.destinations.base import DeliveryError
from connections.destinations.files.sftp_protocol import ServerAnswerError
from connections.destinations.files.sftp_session import SftpSession

FOLDER = ".waybill-check"
FIRST, SECOND = b"waybill", b"waybill again"


def rehearse(session: SftpSession) -> str:
    """Write, name, list, read, replace and remove a file; return what to tell. Raises DeliveryError."""
    path = f"{FOLDER}/{uuid.uuid4().hex}.csv"
    try:
        is_taken = _deliver(session, path)
        with session.explained():
            _remove(session, path)
    except DeliveryError as error:
        if not _is_left(session, path):
            raise
        message = f"{error.message} {_left_behind()}"
        raise DeliveryError(message, detail=error.detail, permanent=error.permanent) from error
    told = _taken() if is_taken else _("Waybill can write here.")
    return f"{told} {_left_behind() if _is_left(session, path) else _('Nothing was left behind.')}"


def _deliver(session: SftpSession, path: str) -> bool:
    """Deliver the file as a run does, then once more over it; tell whether the server took it away at once."""
    session.clear_leftovers(FOLDER)
    if session.exists(path):
        raise DeliveryError(_("The server says that a file is there which is not."), detail=path, permanent=True)
    try:
        _publish(session, path, FIRST, frozenset())
        session.clear_leftovers(FOLDER)
        is_taken = not _is_as_written(session, path, FIRST)
        _publish(session, path, SECOND, frozenset({hashlib.sha256(FIRST).hexdigest()}))
        return not _is_as_written(session, path, SECOND) or is_taken
    finally:
        session.settle()


def _publish(session: SftpSession, path: str, data: bytes, over: frozenset[str]) -> None:
    part = session.open_part(path, over=over)
    try:
        part.write(data)
        part.publish()
    finally:
        part.discard()


def _is_as_written(session: SftpSession, path: str, data: bytes) -> bool:
    """Read the file back; False where it is no longer there."""
    try:
        found = session.sum_of(path)
    except DeliveryError:
        if session.exists(path):
            raise
        return False
    if found != hashlib.sha256(data).hexdigest():
        raise DeliveryError(_("The test file does not hold what was written to it."), detail=path, permanent=True)
    return True


def _remove(session: SftpSession, path: str) -> None:
    try:
        session.client.remove(session.path(path))
    except ServerAnswerError:
        if session.is_there(session.path(path)):
            raise


def _is_left(session: SftpSession, path: str) -> bool:
    """Remove what can be removed; tell whether something stays."""
    with suppress(Exception):
        session.client.remove(session.path(path))
    try:
        session.client.rmdir(session.path(FOLDER))
    except Exception:
        with suppress(Exception):
            return session.is_there(session.path(FOLDER))
        return True
    return False


def _taken() -> str:
    return _("Waybill can write here. The server takes files away once they have their names.")


def _left_behind() -> str:
    return _("The hidden folder %(name)s could not be removed.") % {"name": FOLDER}
