"""Errors of sockets, SSH and SFTP in words for people; the server's own words are for administrators."""

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
from paramiko.sftp import (
    CMD_MKDIR,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READDIR,
    CMD_REMOVE,
    CMD_RENAME,
    CMD_WRITE,
    SFTP_OP_UNSUPPORTED,
    SFTP_PERMISSION_DENIED,
)

from connections.destinations.base import DeliveryError
from connections.destinations.sftp.protocol import (
    NO_SPACE,
    QUOTA_EXCEEDED,
    NotSftpError,
    OddAnswerError,
    ServerAnswerError,
)
from roles.messages import EMPTY, Message, listed, verbatim
from roles.messages import said as _
from roles.net import addresses

LATE = _("The server did not answer in time. Check its name and port, and any firewalls in between.")
_PASSING: tuple[tuple[type[BaseException], Any], ...] = (
    (TimeoutError, LATE),
    (
        ConnectionRefusedError,
        _("No answer on the server's port. Check the port, and whether the server is running."),
    ),
)
# By request: what to say where it failed, and where the account may not.
_MAY_NOT_LIST = _("The account cannot list its folder. Ask the server operator for permission to list.")
_NOT_LISTED = _("The server refused to list a folder. Ask the server operator why.")
_REFUSED = {
    CMD_MKDIR: (
        _("The server refused to create a folder. Ask the server operator why."),
        _("The account cannot create folders. Ask the server operator for permission to write."),
    ),
    CMD_OPEN: (
        _("The server refused to open a file. Ask the server operator why."),
        _("The account cannot write to its folder. Ask the server operator for permission to write."),
    ),
    CMD_WRITE: (
        _("The server refused to write a file. Ask the server operator why."),
        _("The account cannot write to its folder. Ask the server operator for permission to write."),
    ),
    CMD_RENAME: (
        _("The server refused to rename a file. Ask the server operator why."),
        _("The account cannot rename files. Ask the server operator for permission to rename."),
    ),
    CMD_REMOVE: (
        _("The server refused to remove a file. Ask the server operator why."),
        _("The account cannot remove files. Ask the server operator for permission to remove its own files."),
    ),
    CMD_OPENDIR: (_NOT_LISTED, _MAY_NOT_LIST),
    CMD_READDIR: (_NOT_LISTED, _MAY_NOT_LIST),
}
_OTHERWISE = (
    _("The server refused a request. Ask the server operator why."),
    _("The account cannot do this in its folder. Ask the server operator for permission to write."),
)


class LogInError(paramiko.AuthenticationException):
    """Why a log-in failed: `message` is for everyone, `prompts` are the server's words."""

    def __init__(self, message: Message, prompts: Message = EMPTY) -> None:
        super().__init__(message)
        self.message, self.prompts = message, prompts


@contextmanager
def explained(transport: paramiko.Transport | None = None, where: str = "") -> Iterator[None]:
    """Turn errors of sockets, SSH and SFTP into errors for people; adds `where` for administrators."""
    try:
        yield
    except DeliveryError:
        raise
    except addresses.AddressRefusedError as error:
        raise DeliveryError(error.message, detail=error.detail, permanent=True) from error
    except (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError, struct.error, UnicodeError) as error:
        if getattr(transport, "is_late", False):
            raise DeliveryError(LATE, detail=where or _detail(error), silent=True) from error
        is_connected = transport is not None and transport.is_active()
        message, permanent = _reason(error, is_connected)
        detail = _("%(where)s: %(what)s") % {"where": where, "what": _detail(error)} if where else _detail(error)
        raise DeliveryError(message, detail=detail, permanent=permanent, silent=_is_silence(error)) from error


def rejected() -> Message:
    """The message for a wrong user name, password or key."""
    return _("The server rejected the user name, password or key. Update them in the connection.")


def no_ssh(error: Exception) -> DeliveryError:
    """The error for a port where no SSH server listens."""
    message = _("The server doesn't speak SFTP, or is too busy. Check the server and its port.")
    return DeliveryError(message, detail=_detail(error))


def no_sftp(error: Exception) -> DeliveryError:
    """The error for an account that may log in but not use SFTP."""
    return DeliveryError(
        _("Login succeeded, but the server offers no SFTP to this account. Ask the server operator to allow it."),
        detail=_detail(error),
        permanent=True,
    )


def taken_away(detail: str) -> DeliveryError:
    """The error for a server that removes a file just written."""
    return DeliveryError(
        _(
            "The server took the file away before Waybill could name it. Ask the server operator to ignore files "
            "whose names begin with a dot."
        ),
        detail=detail,
        permanent=True,
    )


def _detail(error: BaseException) -> Message:
    if isinstance(error, ServerAnswerError):
        return _("The server answered with code %(code)s: “%(text)s”") % {"code": error.code, "text": error.text}
    if isinstance(error, LogInError):
        return error.prompts
    if isinstance(error, OddAnswerError):
        return _("The server sent %(what)s.") % {"what": error}
    if isinstance(error, NotSftpError):
        return _("The server sent: “%(text)s”") % {"text": error}
    if isinstance(error, paramiko.BadAuthenticationType):
        return _("The server accepts only: %(types)s.") % {"types": listed(error.allowed_types)}
    return verbatim(getattr(error, "strerror", None) or f"{type(error).__name__}: {error}".rstrip(": "))


def _reason(error: BaseException, is_connected: bool) -> tuple[Message, bool]:
    """Return what an error means, and whether it lasts until somebody acts."""
    if isinstance(error, ServerAnswerError):
        return _answer_reason(error)
    if isinstance(error, paramiko.AuthenticationException):
        return _log_in_reason(error, is_connected)
    if isinstance(error, OddAnswerError):
        return _("The server gave an unexpected answer. Ask the server operator to check it."), True
    if isinstance(error, NotSftpError):
        return _(
            "The account's login prints text where SFTP should begin. Ask the server operator to remove it from "
            "the account's startup files, or to limit the account to SFTP."
        ), True
    return _network_reason(error)


def _network_reason(error: BaseException) -> tuple[Message, bool]:
    if isinstance(error, socket.gaierror):
        return _("The server's name is unknown. Check its spelling."), error.errno == socket.EAI_NONAME
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return _("The server and Waybill have no secure encryption in common. The server needs an update."), True
    for kind, message in _PASSING:
        if isinstance(error, kind):
            return message, False
    if getattr(error, "errno", None) in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return _("The server is unreachable. Check its address, and the network's firewall."), False
    return _("The connection to the server was lost. Try again; if it fails again, ask the server operator."), False


def _is_silence(error: BaseException) -> bool:
    """Whether it took until a time limit to know that there is no answer."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN  # the name servers did not answer
    return isinstance(error, TimeoutError) or getattr(error, "errno", None) == errno.EHOSTUNREACH


def _log_in_reason(error: Any, is_connected: bool) -> tuple[Message, bool]:
    if isinstance(error, LogInError):
        return error.message, True
    if isinstance(error, paramiko.BadAuthenticationType):
        return _("The server does not accept this login method. Enter the other one: key or password."), True
    if not is_connected or "timeout" in str(error).lower():
        return _(
            "The server ended the connection during login. It may have too many sessions. Try again, or ask the "
            "server operator."
        ), False
    return rejected(), True


def _answer_reason(error: ServerAnswerError) -> tuple[Message, bool]:
    """Return the meaning of a refusal by its code; code 4 says only "failure", so nothing is guessed."""
    refused, denied = _REFUSED.get(error.request, _OTHERWISE)
    if error.code == SFTP_PERMISSION_DENIED:
        return denied, True
    if error.is_missing:
        return _("The folder is missing on the server and cannot be created. Correct it in the connection."), True
    if error.code == NO_SPACE:
        return _("The server's disk is full. Ask the server operator to free some space."), False
    if error.code == QUOTA_EXCEEDED:
        return _("The account's quota on the server is used up. Ask the server operator for more."), False
    return refused, error.code == SFTP_OP_UNSUPPORTED
