"""What `up --demo` adds: a loopback SFTP server, open settings for loopback, and the demo data."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from django.conf import settings

from config import demo_sftp, processes
from config.embedded_postgres import CannotRunError
from config.up import ports
from config.up.children import describe, has_ended, reap
from config.up.telling import say

SFTP_PORT = 2222
PASSWORD = "waybill-demo"  # noqa: S105 - printed at each start, loopback only
USERS = {"ada": "administrator", "carl": "contributor", "vera": "viewer"}


class Demo:
    """The demo of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.directory = data_dir / "demo"
        self.log = data_dir / "log" / "demo.log"
        self.stamp = self.directory / "ready"
        self._making: subprocess.Popen[bytes] | None = None
        self._unfinished = b""

    def environment(self) -> dict[str, str]:
        """Return the demo's settings; what the operator set stays."""
        files = self.directory / "files"
        files.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = ports.wanted("WAYBILL_SFTP_PORT", SFTP_PORT)
        self.port = ports.kept(self.directory / "sftp_port", wanted)
        defaults = {
            "WAYBILL_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
            "WAYBILL_LOCAL_FOLDER_BASE": str(files),
        }
        kept = {name: os.environ.get(name) or value for name, value in defaults.items()}
        return kept | {"WAYBILL_DEMO": "1", "WAYBILL_SFTP_PORT": str(self.port)}

    def sftp_command(self) -> list[str]:
        """Return the command of the SFTP server."""
        return [sys.executable, "-m", "config.demo_sftp", str(self.port), str(self.data_dir)]

    @property
    def is_ready(self) -> bool:
        """Whether the demo data was made to the end."""
        return self.stamp.exists()

    @property
    def is_making(self) -> bool:
        """Whether the demo data is being made right now."""
        return self._making is not None

    def make(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start to make the demo data."""
        say("Making the demo data")
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
            if code != 0:
                raise CannotRunError(
                    f"The last lines of {self.log}:\n{processes.last_lines(self.log)}\n"
                    f"The demo data could not be made ({describe(code)}). "
                    "Start again to try once more; `make reset` begins anew."
                )
            self.stamp.touch()

    def stop(self) -> None:
        """Stop making the demo data; the next start does it again."""
        if self._making:
            self._making.terminate()
            reap(self._making)

    def summary(self) -> list[str]:
        """Return the lines that tell how to get in."""
        width = max(map(len, USERS))
        users = [f"    {name:{width}}  {role}" for name, role in USERS.items()]
        sftp = f"  SFTP server to try things on: 127.0.0.1 port {self.port}, user {demo_sftp.USER}"
        return [f"  Log in with the password {PASSWORD} as", *users, f"{sftp} (same password)"]

    def _output(self) -> IO[bytes]:
        if self._making is None or self._making.stdout is None:
            raise RuntimeError("The demo data is not being made.")
        return self._making.stdout

    def _pass_on(self) -> None:
        while chunk := _available(self._output().fileno()):
            *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
            for line in lines:
                say("  " + line.decode(errors="replace").rstrip())


def _available(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""
