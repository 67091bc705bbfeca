"""An SFTP server on loopback with many oddities, started once: the account that logs in says which ones it meets."""

import itertools
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko import sftp

PASSWORD = "odd-password"
CODES = {"missing-4": sftp.SFTP_FAILURE, "missing-3": sftp.SFTP_PERMISSION_DENIED, "missing-10": 10}
TEXTS = {
    "latin-text": "Zugriff verweigert: Gerät".encode("latin-1"),
    "wild-text": b"\x1b[31mline one\r\nline two\x07 \xe2\x80\xae" + b"x" * 20_000,
}
CHATTER = {"chatter": b"System maintenance on Sunday\r\n", "chatter-latin": b"Gr\xfc\xdfe\n", "chatter-short": b"hi\n"}


@dataclass
class Account:
    """Who may log in, what lies below `root`, and what is odd for them."""

    name: str
    root: Path
    oddities: frozenset[str]
    log_ins: int = 0
    sessions: list[paramiko.Transport] = field(default_factory=list)


@dataclass
class OddServer:
    """Where the server is and who it is; `lines_port` says a hundred lines before SSH's version."""

    port: int
    lines_port: int
    host_key: str
    accounts: dict[str, Account] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def account(self, root: Path, *oddities: str) -> Account:
        """Add an account."""
        account = Account(f"shop-{next(self._numbers)}", root, frozenset(oddities))
        self.accounts[account.name] = account
        return account

    def settings(self, account: Account, **changes: object) -> dict[str, object]:
        """Settings of a connection that logs in as `account`."""
        here = {"host": "127.0.0.1", "port": self.port, "username": account.name, "host_key": self.host_key}
        return here | {"folder": ""} | changes


class _Door(paramiko.ServerInterface):
    """Logs in by password, or by prompts."""

    account: Account | None = None
    transport: paramiko.Transport
    asked = 0

    def __init__(self, accounts: dict[str, Account]) -> None:
        self.accounts = accounts

    def check_channel_request(self, *_args) -> int:
        return paramiko.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive" if self._prompts(username) else "password"

    def check_auth_password(self, username: str, password: str) -> int:
        if self._prompts(username):
            return paramiko.AUTH_FAILED
        return self._let_in(username, password)

    def check_auth_interactive(self, username: str, _submethods: str) -> int | paramiko.InteractiveQuery:
        self.account = self.accounts.get(username)
        if self.account is None or not self._prompts(username):
            return paramiko.AUTH_FAILED
        self.asked = 1
        both = ("Password: ", False), ("Code: ", False)
        return paramiko.InteractiveQuery("", "", *(both if "two-prompts" in self.account.oddities else both[:1]))

    def check_auth_interactive_response(self, responses: list[str]) -> int | paramiko.InteractiveQuery:
        if "code-after" in self.account.oddities and self.asked == 1:
            self.asked = 2
            return paramiko.InteractiveQuery("", "", ("Code: ", False))
        if responses != [PASSWORD] and "asks-again" in self.account.oddities:
            return paramiko.InteractiveQuery("", "", ("Password: ", False))
        return self._let_in(self.account.name, *responses) if len(responses) == 1 else paramiko.AUTH_FAILED

    def _prompts(self, username: str) -> bool:
        account = self.accounts.get(username)
        return account is not None and bool(
            account.oddities & {"one-prompt", "two-prompts", "code-after", "asks-again"}
        )

    def _let_in(self, username: str, password: str) -> int:
        self.account = account = self.accounts.get(username)
        if account is None or password != PASSWORD:
            return paramiko.AUTH_FAILED
        if "one-session" in account.oddities and any(one.is_active() for one in account.sessions):
            self.transport.close()
            return paramiko.AUTH_FAILED
        account.log_ins += 1
        account.sessions.append(self.transport)
        return paramiko.AUTH_SUCCESSFUL


class _File(paramiko.SFTPHandle):
    """An open file."""

    def __init__(self, path: Path, number: int, flags: int, odd: frozenset[str]) -> None:
        super().__init__(flags)
        self.path, self.odd, self.writes = path, odd, bool(flags & (os.O_WRONLY | os.O_RDWR))
        self.readfile = self.writefile = os.fdopen(number, "wb" if self.writes else "rb", buffering=0)

    def stat(self) -> paramiko.SFTPAttributes | int:
        return _attributes(self.path, self.odd) if "no-fstat" not in self.odd else sftp.SFTP_OP_UNSUPPORTED

    def write(self, offset: int, data: bytes) -> int:
        if "no-space" in self.odd:
            return 14
        return sftp.SFTP_FAILURE if "write-fails" in self.odd else super().write(offset, data)

    def read(self, offset: int, length: int) -> bytes | int:
        if self.odd & {"endless-file", "wide-file"}:
            return b"x" * (length + ("wide-file" in self.odd))
        if "crumbs" in self.odd:
            length = 1
        return sftp.SFTP_PERMISSION_DENIED if "no-read" in self.odd else super().read(offset, length)

    def close(self) -> None:
        super().close()
        if "taken-on-close" in self.odd and self.writes:
            self.path.unlink()


class _Files(paramiko.SFTPServerInterface):
    """The files of the account that is logged in."""

    def __init__(self, server: _Door, *_args, **_kwargs) -> None:
        self.account = server.account
        self.odd = self.account.oddities
        self.gone = next((code for odd, code in CODES.items() if odd in self.odd), sftp.SFTP_NO_SUCH_FILE)

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        here = self._at(path)
        if "no-list" in self.odd or ("hidden-root" in self.odd and here == self.account.root):
            return sftp.SFTP_PERMISSION_DENIED
        if not here.is_dir():
            return self.gone
        found = [_attributes(one, self.odd) for one in here.iterdir()]
        if "foreign-names" in self.odd:
            found += [_named(b"men\xfc.txt"), _named(b"\xff\xfe.waybill.part")]
        if "outside-names" in self.odd:
            found += [
                _named(b"./../../kept.%b.part" % (b"d" * 32)),
                _named(b"." + b"x" * 5000 + b".%b.part" % (b"d" * 32)),
            ]
        return found

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        return sftp.SFTP_OP_UNSUPPORTED if "no-stat" in self.odd else self._look(path)

    def lstat(self, path: str) -> paramiko.SFTPAttributes | int:
        return sftp.SFTP_OP_UNSUPPORTED if "no-lstat" in self.odd else self._look(path)

    def open(self, path: str, flags: int, _attributes) -> paramiko.SFTPHandle | int:
        if flags & os.O_EXCL and "no-excl" in self.odd:
            return sftp.SFTP_OP_UNSUPPORTED
        if flags & os.O_EXCL and "no-excl-4" in self.odd:
            return sftp.SFTP_FAILURE
        try:
            return _File(self._at(path), os.open(self._at(path), flags, 0o644), flags, self.odd)
        except OSError as error:
            return self._code(error)

    def remove(self, path: str) -> int:
        return sftp.SFTP_PERMISSION_DENIED if "no-remove" in self.odd else self._do(os.unlink, path)

    def mkdir(self, path: str, _attributes) -> int:
        return sftp.SFTP_PERMISSION_DENIED if "no-mkdir" in self.odd else self._do(os.mkdir, path)

    def rmdir(self, path: str) -> int:
        if "unknown-rmdir" in self.odd:
            return sftp.SFTP_OP_UNSUPPORTED
        return sftp.SFTP_PERMISSION_DENIED if "no-rmdir" in self.odd else self._do(os.rmdir, path)

    def rename(self, old: str, new: str) -> int:
        return sftp.SFTP_FAILURE if os.path.lexists(self._at(new)) else self._move(old, new)

    def posix_rename(self, old: str, new: str) -> int:
        if "posix-rename-4" in self.odd:
            return sftp.SFTP_FAILURE
        return sftp.SFTP_OP_UNSUPPORTED if "no-posix-rename" in self.odd else self._move(old, new)

    def canonicalize(self, path: str) -> str:
        return os.path.normpath("/" + path.lstrip("/"))

    def _move(self, old: str, new: str) -> int:
        code = self._do(os.replace, old, new)
        if code == sftp.SFTP_OK and "taken-on-rename" in self.odd:
            self._at(new).unlink()
        return code

    def _look(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return _attributes(self._at(path), self.odd)
        except OSError as error:
            return self._code(error)

    def _do(self, call, *paths: str) -> int:
        try:
            call(*map(self._at, paths))
        except OSError as error:
            return self._code(error)
        return sftp.SFTP_OK

    def _code(self, error: OSError) -> int:
        return self.gone if isinstance(error, FileNotFoundError) else sftp.SFTP_FAILURE

    def _at(self, path: str) -> Path:
        return self.account.root / path.strip("/")


class _Sftp(paramiko.SFTPServer):
    """Says things around the protocol."""

    def start_subsystem(self, name: str, transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        self.odd = odd = transport.server_object.account.oddities
        self.text = next((text for one, text in TEXTS.items() if one in odd), b"No.")
        if "shell-ends" in odd:
            channel.close()
            return
        for one in CHATTER.keys() & odd:
            channel.sendall(CHATTER[one])
        self.is_late = "chatter-late" in odd
        super().start_subsystem(name, transport, channel)

    def _read_folder(self, number: int, folder: paramiko.SFTPHandle) -> None:
        if not self.odd & {"endless-list", "false-list"}:
            super()._read_folder(number, folder)
            return
        message = paramiko.Message()
        message.add_int(number)
        message.add_int(1 if "endless-list" in self.odd else 2**32 - 1)
        for name in (b"more", b"more of it"):
            message.add_string(name)
        paramiko.SFTPAttributes()._pack(message)
        self._send_packet(sftp.CMD_NAME, message)

    def _response(self, number: int, kind: int, *words) -> None:
        if kind == sftp.CMD_ATTRS and "false-attributes" in self.odd:
            words = (0x80000000, 2**32 - 1)  # extended ones, and how many
        while "endless-answers" in self.odd and kind == sftp.CMD_ATTRS:
            super()._response(2**32 - 1, kind, *words)
        super()._response(number, kind, *words)

    def _send_server_version(self) -> int:
        version = super()._send_server_version()
        if self.is_late:
            self.sock.sendall(CHATTER["chatter"])
        return version

    def _send_status(self, number: int, code: int, _text: str | None = None) -> None:
        message = paramiko.Message()
        message.add_int(number)
        message.add_int(code)
        message.add_string(self.text if code > sftp.SFTP_EOF else b"")
        message.add_string(b"")
        self._send_packet(sftp.CMD_STATUS, message)


def _attributes(path: Path, odd: frozenset[str]) -> paramiko.SFTPAttributes:
    found = paramiko.SFTPAttributes.from_stat(path.lstat(), os.fsencode(path.name))
    if "no-size" in odd:
        found.st_size = None
    if "wrong-size" in odd and stat.S_ISREG(found.st_mode):
        found.st_size = 3
    if "no-mode" in odd:
        found.st_mode = None
    return found


def _named(name: bytes) -> paramiko.SFTPAttributes:
    found = paramiko.SFTPAttributes()
    found.filename = found.longname = name
    return found


@contextmanager
def running_odd() -> Iterator[OddServer]:
    """Run the server in threads."""
    key = paramiko.ECDSAKey.generate()
    with socket.create_server(("127.0.0.1", 0)) as plain, socket.create_server(("127.0.0.1", 0)) as talking:
        text = f"{key.get_name()} {key.get_base64()}"
        server = OddServer(plain.getsockname()[1], talking.getsockname()[1], text)
        transports: list[paramiko.Transport] = []
        threads = [
            threading.Thread(target=_serve, args=(listener, key, server, transports, words))
            for listener, words in ((plain, b""), (talking, b"Willkommen, Ger\xe4t!\r\n" * 100))
        ]
        for thread in threads:
            thread.start()
        try:
            yield server
        finally:
            for listener in (plain, talking):
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
            for transport in transports:
                transport.close()
            for thread in [*threads, *transports]:
                thread.join(60)


def _serve(listener, key, server: OddServer, transports: list[paramiko.Transport], words: bytes) -> None:
    with suppress(OSError):
        while True:
            connection, _address = listener.accept()
            connection.sendall(words)
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", _Sftp, _Files)
            door = _Door(server.accounts)
            door.transport = transport
            transports.append(transport)
            transport.start_server(event=threading.Event(), server=door)


@contextmanager
def dripping(seconds: float = 0.1) -> Iterator[int]:
    """Run a server that says one more sign of its greeting every `seconds`, and never its version; return the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def drip(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                while not ended.wait(seconds):
                    connection.sendall(b".\n" if int(time.monotonic() * 10) % 5 == 0 else b".")

        def serve() -> None:
            with suppress(OSError):
                while True:
                    thread = threading.Thread(target=drip, args=(listener.accept()[0],))
                    threads.append(thread)
                    thread.start()

        threads = [threading.Thread(target=serve)]
        threads[0].start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(60)
