"""The demo's SFTP server on loopback: `python -m config.demo_sftp PORT DATA_DIR`, or `fd:NUMBER` for a socket.

It shows only `demo/sftp` below the data directory, as the user `waybill` with the password `waybill-demo`
or with the key in `keys/demo_sftp_user`. It is there to try things on and takes no other connections.
"""

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

import asyncssh

HOST = "127.0.0.1"
USER = "waybill"
PASSWORD = "waybill-demo"  # noqa: S105 - loopback only, printed at each start


class _Chrooted(asyncssh.SFTPServer):
    """Shows `root` as "/". Refuses links: after a move to another directory, one could lead outside."""

    def __init__(self, channel: asyncssh.SSHServerChannel, root: Path) -> None:
        super().__init__(channel, chroot=os.fsencode(root))

    def symlink(self, oldpath: bytes, newpath: bytes) -> NoReturn:
        raise asyncssh.SFTPPermissionDenied("The demo's server makes no links.")

    def link(self, oldpath: bytes, newpath: bytes) -> NoReturn:
        raise asyncssh.SFTPPermissionDenied("The demo's server makes no links.")


class _Login(asyncssh.SSHServer):
    """Lets one user in, by password or by key."""

    def __init__(self, authorized: asyncssh.SSHAuthorizedKeys) -> None:
        self._authorized = authorized

    def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connection = connection

    def begin_auth(self, username: str) -> bool:
        if username == USER:
            self._connection.set_authorized_keys(self._authorized)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and password == PASSWORD


async def serve(listening: socket.socket, data_dir: Path) -> asyncssh.SSHAcceptor:
    """Serve whoever comes to the socket."""
    root = data_dir.absolute() / "demo" / "sftp"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    user_key = kept_key(data_dir / "keys" / "demo_sftp_user")
    authorized = asyncssh.import_authorized_keys(user_key.export_public_key().decode())
    return await asyncssh.listen(
        sock=listening,
        server_host_keys=[kept_key(data_dir / "keys" / "demo_sftp_host")],
        server_factory=lambda: _Login(authorized),
        sftp_factory=lambda channel: _Chrooted(channel, root),
        allow_scp=False,
    )


def host_key(data_dir: Path) -> str:
    """Return the server's public host key as a client pins it: algorithm and Base64."""
    key = kept_key(data_dir / "keys" / "demo_sftp_host").export_public_key().decode()
    return " ".join(key.split()[:2])


def kept_key(path: Path) -> asyncssh.SSHKey:
    """Return the Ed25519 key kept in `path` (mode 0600), made at the first call."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
        draft.rename(path)
    return asyncssh.read_private_key(path)


def _socket(place: str) -> socket.socket:
    """Return the socket handed over, or a new one on that port of loopback (0: any)."""
    kind, _, number = place.rpartition(":")
    return socket.socket(fileno=int(number)) if kind else socket.create_server((HOST, int(number)))


async def _main(place: str, data_dir: Path) -> None:
    async with await serve(_socket(place), data_dir) as acceptor:
        print(f"Listening on {HOST}:{acceptor.get_port()}", flush=True)
        await acceptor.wait_closed()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
