"""SSH over paramiko: connect to a pinned host key, log in, and say in words what went wrong."""

import errno
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.destinations.base import DeliveryError
from connections.destinations.files import sftp_keys
from roles import addresses

SILENCE_SECONDS = 30.0
CONNECT_SECONDS = 15.0
FETCH_SECONDS = 6.0  # a person waits
# The fastest first: measured with paramiko 5.1 and OpenSSL 3, on a processor with AES instructions.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")

_PASSING: tuple[tuple[type[BaseException], Any], ...] = (
    (
        TimeoutError,
        gettext_lazy("The server did not answer in time. Check its name and port, and the firewalls on the way."),
    ),
    (
        ConnectionRefusedError,
        gettext_lazy("Nothing answers on the server's port. Check the port, and whether the server is running."),
    ),
)

# Every error reaches us as an exception; paramiko's own log would repeat it with names of hosts.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


def open_transport(connection: socket.socket, host_key: str = "", seconds: float | None = None) -> paramiko.Transport:
    """Return an SSH transport over `connection`, which it owns. Raises DeliveryError.

    `host_key` ("ssh-ed25519 AAAA…") is asked for first; whether it came is for `confirm_host_key`.
    """
    _watch(connection)
    transport = paramiko.Transport(connection)
    seconds = seconds or CONNECT_SECONDS
    transport.banner_timeout = transport.handshake_timeout = seconds
    transport.auth_timeout = transport.channel_timeout = SILENCE_SECONDS
    _prefer(transport, host_key)
    try:
        with explained():
            _shake_hands(transport, seconds)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(10)
    return transport


def _shake_hands(transport: paramiko.Transport, seconds: float) -> None:
    try:
        transport.start_client(timeout=seconds)
        transport.get_remote_server_key()  # raises where start_client gave up in silence
    except paramiko.ssh_exception.IncompatiblePeer:
        raise
    except (EOFError, paramiko.SSHException) as error:
        message = _("What answers there does not speak SFTP, or is too busy. Check the server and its port.")
        raise DeliveryError(message, detail=_detail(error)) from error


def fetch_host_key(host: str, port: int) -> str:
    """Ask a server for its host key, to be shown before it is pinned. Raises DeliveryError."""
    with explained():
        connection = addresses.connect(host, port, FETCH_SECONDS)
        transport = open_transport(connection, seconds=FETCH_SECONDS)
    try:
        return sftp_keys.host_key_text(transport.get_remote_server_key())
    finally:
        transport.close()


def confirm_host_key(transport: paramiko.Transport, pinned: str) -> str:
    """Return the fingerprint of the server's host key; DeliveryError where it is not the pinned one."""
    shown = sftp_keys.host_key_text(transport.get_remote_server_key())
    if shown == pinned:
        return sftp_keys.fingerprint(shown)
    raise DeliveryError(
        _(
            "The server's identity has changed: its host key is not the one that was confirmed at set-up. Nothing "
            "was sent. Ask an administrator to check with whoever runs the server."
        ),
        detail=_("Confirmed: %(pinned)s. The server now shows %(shown)s.")
        % {
            "pinned": sftp_keys.describe(pinned) if pinned else _("none"),
            "shown": sftp_keys.describe(shown),
        },
        permanent=True,
    )


def log_in(transport: paramiko.Transport, username: str, secrets: dict[str, str]) -> None:
    """Log in with the private key, the password, or both where the server asks for both. Raises DeliveryError."""
    with explained(transport):
        key, password = secrets.get("private_key"), secrets.get("password", "")
        further = ["password"]
        if key:
            further = transport.auth_publickey(username, _private_key(key, secrets.get("passphrase", "")))
        if further and password:
            transport.auth_password(username, password)
        if not transport.is_authenticated():
            raise paramiko.AuthenticationException(f"The server also asks for: {', '.join(further)}")


def open_sftp(transport: paramiko.Transport) -> paramiko.SFTPClient:
    """Start SFTP on a logged-in transport. Raises DeliveryError."""
    with explained(transport):
        try:
            client = paramiko.SFTPClient.from_transport(transport)
        except paramiko.ChannelException as error:
            raise _no_sftp(error) from error
        assert client is not None
        channel = client.get_channel()
        assert channel is not None
        channel.settimeout(SILENCE_SECONDS)
        return client


@contextmanager
def explained(transport: paramiko.Transport | None = None, where: str = "") -> Iterator[None]:
    """Turn the errors of sockets, SSH and SFTP into ones for people; `where` is added for administrators."""
    try:
        yield
    except DeliveryError:
        raise
    except addresses.AddressRefusedError as error:
        raise DeliveryError(error.message, detail=error.detail, permanent=True) from error
    except (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError) as error:
        is_connected = transport is not None and transport.is_active()
        message, permanent = _reason(error, is_connected)
        detail = f"{where}: {_detail(error)}" if where else _detail(error)
        raise DeliveryError(message, detail=detail, permanent=permanent) from error


def _watch(connection: socket.socket) -> None:
    """Let the kernel end a connection whose other side no longer takes what is sent."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE_SECONDS * 1000))


def _prefer(transport: paramiko.Transport, host_key: str) -> None:
    options = transport.get_security_options()
    options.ciphers, options.digests = CIPHERS, MACS
    pinned = host_key.split(" ", maxsplit=1)[0]
    wanted = ("rsa-sha2-512", "rsa-sha2-256") if pinned == "ssh-rsa" else (pinned,)
    known: tuple[str, ...] = tuple(options.key_types)
    first = tuple(kind for kind in wanted if kind in known)
    options.key_types = first + tuple(kind for kind in known if kind not in first)


def _private_key(text: str, passphrase: str) -> paramiko.PKey:
    try:
        return sftp_keys.private_key(text, passphrase)
    except sftp_keys.KeyRefusedError as error:
        raise DeliveryError(str(error), permanent=True) from error


def _no_sftp(error: Exception) -> DeliveryError:
    return DeliveryError(
        _("The server let Waybill in but offers no SFTP to this account. Ask whoever runs the server to allow it."),
        detail=str(error),
        permanent=True,
    )


def _detail(error: BaseException) -> str:
    if isinstance(error, paramiko.BadAuthenticationType):
        return _("The server accepts only: %(types)s.") % {"types": ", ".join(error.allowed_types)}
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {error}".rstrip(": ")


def _reason(error: BaseException, is_connected: bool) -> tuple[str, bool]:
    """What an error means for a person, and whether it stays so until somebody acts."""
    if isinstance(error, paramiko.AuthenticationException):
        return _log_in_reason(error, is_connected)
    if is_connected and _is_answer(error):
        return _file_reason(error)
    return _network_reason(error)


def _network_reason(error: BaseException) -> tuple[str, bool]:
    if isinstance(error, socket.gaierror):
        return _("The server's name is not known. Check it for typing errors."), error.errno == socket.EAI_NONAME
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return _("The server and Waybill have no safe encryption in common. The server needs an update."), True
    for kind, message in _PASSING:
        if isinstance(error, kind):
            return str(message), False
    if getattr(error, "errno", None) in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return _("The server cannot be reached from here. Check its address, and the network's firewall."), False
    return _("The connection to the server was lost. Try again; if it stays so, ask whoever runs the server."), False


def _is_answer(error: BaseException) -> bool:
    """Tell the server's own refusals from a lost connection, which may be lost before the transport knows it."""
    if not isinstance(error, OSError) or isinstance(error, TimeoutError) or str(error) == "Socket is closed":
        return False
    return error.errno in {None, errno.EACCES, errno.ENOENT}


def _log_in_reason(error: Any, is_connected: bool) -> tuple[str, bool]:
    if isinstance(error, paramiko.BadAuthenticationType):
        return _("The server does not accept this way of logging in. Enter the other one: key or password."), True
    if not is_connected or "timeout" in str(error).lower():
        return _("The server ended the connection during log-in. Try again, or ask whoever runs the server."), False
    return _("The server did not accept the user name with this password or key. Correct them in the connection."), True


def _file_reason(error: BaseException) -> tuple[str, bool]:
    code = getattr(error, "errno", None)
    if code == errno.EACCES:
        return _("The account may not do this in its folder. Ask whoever runs the server for the right to write."), True
    if code == errno.ENOENT:
        return _(
            "The folder is not there on the server, and cannot be made. Correct the folder in the connection."
        ), True
    return _("The server did not take the file. Its disk may be full, or the account's quota used up."), False
