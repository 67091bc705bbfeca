"""Two machines with the processes of production, one PostgreSQL and one web server, watched as systemd would."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from cryptography.fernet import Fernet

from config.embedded_postgres import Server, database_settings

REPOSITORY = Path(__file__).resolve().parents[3]
LEASE_SECONDS = 4
WEB_MACHINE = "machine1"
PREPARE = """
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
"""
PAUSE = 0.3  # seconds before what has ended is started again
MANAGE = [sys.executable, "manage.py"]
SERVICES = {
    "exports": [*MANAGE, "worker", "--cluster", "exports"],
    "chores": [*MANAGE, "worker", "--cluster", "chores"],
    "dispatcher": [*MANAGE, "dispatcher"],
}


@dataclass
class Service:
    """One program that is started again whenever it ends."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    _due: float = 0.0

    def watch(self) -> None:
        """Start it, or start it again a moment after its end."""
        if self.process and self.process.poll() is not None:
            self.process, self._due = None, time.monotonic() + PAUSE
        if self.process is None and time.monotonic() >= self._due:
            self._start()

    def _start(self) -> None:
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def tree(self) -> list[psutil.Process]:
        """Its main process and all that come from it; empty while it is not there."""
        with contextlib.suppress(psutil.Error):
            if self.process and self.process.poll() is None:
                main = psutil.Process(self.process.pid)
                return [main, *main.children(recursive=True)]
        return []

    def end(self, number: int) -> None:
        """Send a signal to its main process."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)


@dataclass
class House:
    """All processes, and the files that they share: nothing but the target."""

    scratch: Path
    machines: int = 2
    services: list[Service] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data_dir, self.target = self.scratch / "postgres", self.scratch / "target"
        for folder in ("sftp", "local"):
            (self.target / folder).mkdir(parents=True)
        self.server = Server(self.data_dir)
        self.port = _free_port()
        self.environment = _environment(self.data_dir) | {
            "DATABASE_URL": self._database_url(),
            "WAYBILL_BIND": f"127.0.0.1:{self.port}",
            "WAYBILL_LOCAL_FOLDER_BASE": str(self.target / "local"),
        }

    def prepare(self, seed: str, **variables: str) -> None:
        """Make the tables and the static files, and what `seed` makes, in one process: each start takes its time."""
        environment = self.environment | self._own(WEB_MACHINE) | variables
        command = [*MANAGE, "shell", "--verbosity=0", "-c", PREPARE + seed]
        subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, timeout=240)

    def open(self) -> None:
        """Begin to keep everything running."""
        for number in range(1, self.machines + 1):
            for name, command in SERVICES.items():
                self._add(f"{name} {number}", f"machine{number}", command)
        self._add("web", WEB_MACHINE, [sys.executable, "-m", "config.web_server"])
        self.watch()

    def watch(self) -> None:
        """Start what has ended, PostgreSQL first. From the thread that made the house."""
        if self.server.process is None or self.server.process.poll() is not None:
            self.server.start()
        for service in self.services:
            service.watch()

    def close(self) -> list[str]:
        """Stop everything as an operator does; return the names of what had to be killed."""
        for service in self.services:
            service.end(signal.SIGCONT)
            service.end(signal.SIGTERM)
        deadline, stubborn = time.monotonic() + 30, []
        for service in self.services:
            if not _ends(service, deadline):
                stubborn.append(service.name)
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.server.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        return stubborn

    def named(self, start: str) -> list[Service]:
        """The services whose name begins with `start`."""
        return [service for service in self.services if service.name.startswith(start)]

    def processes(self) -> list[psutil.Process]:
        """Every living process of this house but PostgreSQL's."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def database(self) -> psycopg.Connection:
        """A connection past all of the portal's code, each statement its own transaction."""
        place = database_settings(self.data_dir)
        return psycopg.connect(
            host=place["HOST"], port=place["PORT"], dbname=place["NAME"], user=place["USER"], autocommit=True,
            connect_timeout=5,
        )  # fmt: skip

    def said(self, words: str) -> int:
        """How often the processes wrote `words` to their logs."""
        return sum(log.read_text(errors="replace").count(words) for log in self.scratch.glob("*.log"))

    def _add(self, name: str, machine: str, command: list[str]) -> None:
        log = self.scratch / f"{name.replace(' ', '-')}.log"
        environment = self.environment | self._own(machine)
        self.services.append(Service(name, [*_on_machine(machine), *command], environment, log))

    def _own(self, machine: str) -> dict[str, str]:
        """What one machine does not share with the others: its data directory."""
        directory = self.scratch / machine
        directory.mkdir(exist_ok=True)
        return {"WAYBILL_DATA_DIR": str(directory)}

    def _database_url(self) -> str:
        place = database_settings(self.data_dir)
        return f"postgresql://{place['USER']}@{quote(str(place['HOST']), safe='')}:{place['PORT']}/{place['NAME']}"

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            is_zombie = process.status() == psutil.STATUS_ZOMBIE
            return not is_zombie and process.environ().get("CHAOS_HOUSE") == str(self.data_dir)
        except psutil.Error:
            return False


def _environment(house: Path) -> dict[str, str]:
    """What all machines share: keys above all."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WAYBILL_", "DATABASE_URL"))}
    return kept | {
        "CHAOS_HOUSE": str(house),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        "WAYBILL_ALLOWED_NETWORKS": "127.0.0.0/8",
        "WAYBILL_HTTPS": "0",
        "WAYBILL_LEASE_SECONDS": str(LEASE_SECONDS),
        "WAYBILL_SECRET_KEY": secrets.token_urlsafe(50),
        "WAYBILL_SECRETS_KEYS": Fernet.generate_key().decode(),
    }


def _on_machine(name: str) -> list[str]:
    """Give a process a host name of its own, where we may: workers count their own machine's runs."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return []
    probe = subprocess.run(["unshare", "--uts", "true"], check=False, capture_output=True)
    return ["unshare", "--uts", "sh", "-c", f'hostname {name} && exec "$@"', "sh"] if probe.returncode == 0 else []


def _ends(service: Service, deadline: float) -> bool:
    """Wait for the end of a service; False when it had to be killed."""
    if service.process is None:
        return True
    try:
        service.process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        service.process.kill()
        service.process.wait()
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
