"""A real OpenSSH server on loopback: SFTP alone, log-in by key, files in a temporary directory."""

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.tools import require_tool

PASSPHRASE = "correct horse battery"
_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host_{host_key_type}
PidFile {directory}/pid
AuthorizedKeysFile {directory}/authorized_keys
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""


@dataclass
class Sshd:
    """A running server: where it is, who it is, and the keys that it lets in."""

    directory: Path
    port: int
    host_key: str  # "ssh-ed25519 AAAA…", as it is pinned
    username: str
    process: subprocess.Popen[bytes]

    @property
    def files(self) -> Path:
        """A directory for deliveries; give it as the connection's folder."""
        return self.directory / "files"

    def private_key(self, name: str = "plain") -> str:
        """The text of a key that may log in: "plain", or "locked" (its passphrase is PASSPHRASE)."""
        return (self.directory / name).read_text()

    def settings(self, **changes: object) -> dict[str, object]:
        """Settings of a connection to this server."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": self.username,
            "folder": str(self.files),
            "host_key": self.host_key,
        } | changes

    def secrets(self) -> dict[str, str]:
        """Secrets of a connection to this server."""
        return {"private_key": self.private_key()}

    def kill(self) -> None:
        """Kill -9 the server and every session, as a power cut would."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def suspend(self) -> None:
        """Stop the server and every session without closing a connection."""
        self._signal(signal.SIGSTOP)

    def _signal(self, number: int) -> None:
        if self.process.poll() is None:
            for process in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    def log(self) -> str:
        """What the server wrote."""
        return (self.directory / "log").read_text()


@contextmanager
def running_sshd(directory: Path, host_key_type: str = "ed25519", extra: str = "") -> Iterator[Sshd]:
    """Run a server that keeps everything below `directory` (which it makes)."""
    program = require_tool("sshd", "apt-get install openssh-server")
    (directory / "files").mkdir(parents=True, exist_ok=True)
    host_key = _make_keys(directory, host_key_type)
    port = _free_port()
    config = directory / "config"
    config.write_text(_CONFIG.format(port=port, directory=directory, host_key_type=host_key_type) + extra)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd, as root, locks itself in
    command = [str(program), "-D", "-f", str(config), "-E", str(directory / "log")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    server = Sshd(directory, port, host_key, pwd.getpwuid(os.geteuid()).pw_name, process)
    try:
        _wait_for(server)
        yield server
    finally:
        server.kill()


def _make_keys(directory: Path, host_key_type: str) -> str:
    keygen = require_tool("ssh-keygen", "apt-get install openssh-client")
    wanted = {
        f"host_{host_key_type}": (host_key_type, ""),
        "plain": ("ed25519", ""),
        "locked": ("ed25519", PASSPHRASE),
    }
    for name, (kind, passphrase) in wanted.items():
        if not (directory / name).exists():
            command = [
                str(keygen),
                "-q",
                "-t",
                kind,
                "-N",
                passphrase,
                "-C",
                name,
                "-f",
                str(directory / name),
            ]
            subprocess.run(command, check=True)
    allowed = (directory / "plain.pub").read_text() + (directory / "locked.pub").read_text()
    (directory / "authorized_keys").write_text(allowed)
    return " ".join((directory / f"host_{host_key_type}.pub").read_text().split()[:2])


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: Sshd) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.process.poll() is None:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", server.port), 1)):
            return
    raise RuntimeError(f"sshd did not start: {server.log()}")
