"""SSH over paramiko: connects, and checks the server's pinned host key before sending anything secret."""

import logging
import socket
import time
from typing import Any

import paramiko

from connections.destinations.base import DeliveryError, Text
from connections.destinations.sftp import keys
from connections.destinations.sftp.errors import explained, no_sftp, no_ssh
from connections.destinations.sftp.protocol import SftpProtocol
from connections.destinations.sftp.transport import Transport
from roles.messages import said as _
from roles.net import addresses

SILENCE_SECONDS = 30.0
CONNECT_SECONDS = 10.0  # for all addresses of the server, its banner, the keys and the log-in together
FETCH_SECONDS = 6.0  # a person waits
LOSS_SECONDS = 0.3  # until a lost connection is known as one
# The fastest first: measured with paramiko 5.1 and OpenSSL 3, on a processor with AES instructions.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")

# Every error reaches us as an exception; paramiko's own log would repeat it with names of hosts.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


def connect(found: list[tuple[int, Any]], host_key: str = "", seconds: float | None = None) -> Transport:
    """Connect to the first of the allowed addresses that answers, and agree on encryption. Raises DeliveryError.

    `found` is from `resolve_allowed`. The addresses, SSH's beginning and a log-in share `seconds`.
    """
    end = time.monotonic() + (CONNECT_SECONDS if seconds is None else seconds)
    with explained(where=f"{found[0][1][0]} port {found[0][1][1]}"):
        connection = addresses.connect_to(found, end - time.monotonic(), speaks_first=True)
    return open_transport(connection, host_key, max(0.1, end - time.monotonic()))


def open_transport(connection: socket.socket, host_key: str = "", seconds: float | None = None) -> Transport:
    """Return an SSH transport over `connection`, which it owns. Raises DeliveryError.

    `host_key` ("ssh-ed25519 AAAA…") is asked for first; whether it came is for `confirm_host_key`. The connection is
    given up where it is not ready for SFTP in `seconds`.
    """
    _watch(connection)
    seconds = CONNECT_SECONDS if seconds is None else seconds
    transport = Transport(connection, seconds)
    _prefer(transport, host_key)
    try:
        with explained(transport):
            _shake_hands(transport, seconds)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(10)
    return transport


def _shake_hands(transport: Transport, seconds: float) -> None:
    try:
        transport.start_client(timeout=seconds)
        transport.get_remote_server_key()  # raises where start_client gave up in silence
    except paramiko.ssh_exception.IncompatiblePeer:
        raise
    except (EOFError, paramiko.SSHException) as error:
        if transport.is_late:
            raise
        raise no_ssh(error) from error


def fetch_host_key(host: str, port: int) -> str:
    """Fetch a server's host key, to show it before it is pinned. Raises DeliveryError."""
    with explained():
        transport = connect(addresses.resolve_allowed(host, port), seconds=FETCH_SECONDS)
    try:
        return keys.host_key_text(transport.get_remote_server_key())
    finally:
        transport.close()


def confirm_host_key(transport: paramiko.Transport, pinned: str) -> Text:
    """Return the fingerprint of the server's host key; DeliveryError if it is not the pinned one."""
    shown = keys.host_key_text(transport.get_remote_server_key())
    if shown == pinned:
        return keys.fingerprint(shown)
    raise DeliveryError(
        _(
            "The server's identity has changed: its host key is not the one confirmed during setup. Nothing was "
            "sent. Ask an administrator to check with the server operator."
        ),
        detail=_("Confirmed: %(pinned)s. The server now shows %(shown)s.")
        % {
            "pinned": keys.describe(pinned) if pinned else _("none"),
            "shown": keys.describe(shown),
        },
        permanent=True,
    )


def open_sftp(transport: Transport) -> SftpProtocol:
    """Start SFTP on a logged-in transport, and lift its deadline. Raises DeliveryError."""
    with explained(transport):
        try:
            client = SftpProtocol.from_transport(transport)
        except paramiko.ChannelException as error:
            raise no_sftp(error) from error
        except (paramiko.SSHException, OSError) as error:
            transport.join(LOSS_SECONDS)
            if transport.is_active() and not transport.is_late:  # it ended SFTP, not the connection
                raise no_sftp(error) from error
            raise
        assert isinstance(client, SftpProtocol)
        transport.lift_deadline()
        channel = client.get_channel()
        assert channel is not None
        channel.settimeout(SILENCE_SECONDS)
        return client


def _watch(connection: socket.socket) -> None:
    """Let the kernel end the connection if the server stops accepting data."""
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
