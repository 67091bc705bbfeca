"""What `up --demo` adds: a loopback SFTP server, open settings for loopback, and the demo data."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from django.conf import settings

from config import demo_sftp, processes
from config.embedded_postgres import CannotRunError
from config.up import moving, ports
from config.up.children import describe, has_ended, reap
from config.up.telling import say, show

SFTP_PORT = 2222
PASSWORD = "waybill-demo"  # noqa: S105 - printed at each start, loopback only
AGAIN = "Start again to retry, or run `make reset` to start over."
USERS = {"ada": "administrator", "carl": "contributor", "vera": "viewer"}


class Demo:
    """The demo of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.directory = data_dir / "demo"
        self.log = data_dir / "log" / "demo.log"
        self.stamp = self.directory / "ready"
        self.reserved = ports.Reserved(0)
        self.earlier_ports: list[int] = []
        self._making: subprocess.Popen[bytes] | None = None
        self._unfinished = b""
        self._has_given_up = False

    def environment(self) -> dict[str, str]:
        """Return the demo's settings, without those that the operator set."""
        files = self.directory / "files"
        files.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_port()
        defaults = {
            "WAYBILL_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
            "WAYBILL_LOCAL_FOLDER_BASE": str(files),
        }
        kept = {name: os.environ.get(name) or value for name, value in defaults.items()}
        return kept | {"WAYBILL_DEMO": "1", "WAYBILL_SFTP_PORT": str(self.port)}

    def _take_port(self) -> None:
        kept = ports.Kept(self.directory / "sftp_port", ports.wanted("WAYBILL_SFTP_PORT", SFTP_PORT))
        self.reserved = kept.reserve([socket.AF_INET])
        self.earlier_ports = kept.earlier
        if self.port != kept.wanted:
            say(f"Port {kept.wanted} is in use; the demo's SFTP server uses {self.port}")

    @property
    def port(self) -> int:
        """The SFTP server's port."""
        return self.reserved.port

    def follow_port(self) -> None:
        """Update the demo's connections to the SFTP server's current port."""
        count = moving.follow(self.data_dir, self.earlier_ports, self.port)
        if count:
            say(f"{count} connections follow the demo's SFTP server to port {self.port}")

    def sftp_command(self) -> list[str]:
        """Return the command of the SFTP server."""
        place = f"fd:{self.reserved.descriptors[0]}"
        return [sys.executable, "-m", "config.demo_sftp", place, str(self.data_dir)]

    @property
    def is_ready(self) -> bool:
        """Whether this version's demo data is complete."""
        return self._has_given_up or self._stamped() == _version()

    @property
    def _is_older(self) -> bool:
        """Whether there is demo data of an earlier version, which can be used as it is."""
        return self._stamped() is not None

    def _stamped(self) -> str | None:
        try:
            return self.stamp.read_text().strip()
        except FileNotFoundError:
            return None

    @property
    def is_making(self) -> bool:
        """Whether the demo data is being made right now."""
        return self._making is not None

    def make(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start making the demo data."""
        say("Completing the demo data" if self._is_older else "Creating the demo data")
        with processes.open_log(self.log) as log:
            self._making = processes.spawn(
                command,
                log=subprocess.PIPE,
                errors=log,
                environment=environment,
                directory=settings.BASE_DIR,
            )
        os.set_blocking(self._output().fileno(), False)

    def watch(self) -> None:
        """Pass on what the command says; note when it is done, raise CannotRunError when it failed."""
        self._pass_on()
        if self._making and has_ended(self._making):
            self._pass_on()
            code = reap(self._making)
            self._output().close()
            self._making = None
            self._note_end(code)

    def _note_end(self, code: int) -> None:
        """Remember that all is there; what an older version left can be used without what is missing."""
        if code == 0:
            draft = self.stamp.with_name(".ready.new")
            draft.write_text(_version() + "\n")
            draft.rename(self.stamp)
            return
        problem = f"The last lines of {self.log}:\n{processes.last_lines(self.log)}\nThe demo data could not be "
        if not self._is_older:
            raise CannotRunError(f"{problem}made ({describe(code)}). {AGAIN}")
        show(f"{problem}completed ({describe(code)}). {AGAIN}")
        self._has_given_up = True

    def stop(self) -> None:
        """Stop making the demo data; the next start does it again."""
        if self._making:
            self._making.terminate()
            reap(self._making)
        self.reserved.close()

    def summary(self) -> list[str]:
        """Return the lines that tell how to get in."""
        width = max(map(len, USERS))
        users = [f"    {name:{width}}  {role}" for name, role in USERS.items()]
        sftp = f"  SFTP server to try things on: 127.0.0.1 port {self.port}, user {demo_sftp.USER}"
        return [f"  Log in with the password {PASSWORD} as", *users, f"{sftp} (same password)"]

    def _output(self) -> IO[bytes]:
        if self._making is None or self._making.stdout is None:
            raise RuntimeError("The demo data is not being created.")
        return self._making.stdout

    def _pass_on(self) -> None:
        while chunk := _available(self._output().fileno()):
            *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
            for line in lines:
                say("  " + line.decode(errors="replace").rstrip())


def _version() -> str:
    """Return a digest of what describes the demo data: a newer version completes what an older one made."""
    digest = hashlib.sha256()
    for path in sorted((settings.BASE_DIR / "exports" / "demo").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _available(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""
