"""The whole portal: what starts in which order, how it is watched, and how it ends."""

import os
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from config import problems, processes
from config.embedded_postgres import CannotRunError, Server, TakenError
from config.up import demo, ports, steps
from config.up.children import Child
from config.up.signals import StopAskedError, Waiter, ignore_signals, signals_raise
from config.up.sweeper import Sweeper
from config.up.telling import say, show

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
WEB_PORT = 8000
STOP_SECONDS = 6.0
WEB_GRACE_SECONDS = 2.0
TICK_SECONDS = 0.5
WEB_SECONDS = 60.0


def run(is_demo: bool) -> int:
    """Run the portal until it is told to stop; return the exit code."""
    portal = Portal(is_demo)
    with signals_raise():
        try:
            portal.start()
            portal.watch()
        except StopAskedError:
            say("Stopping")
            return 0
        except TakenError as taken:
            show(_who_runs(taken))
            return 1
        except (CannotRunError, ImproperlyConfigured, OSError, DatabaseError) as error:
            show(problems.sentence(error, portal.data_dir))
            return 1
        finally:
            ignore_signals()
            portal.stop()


class Portal:
    """The processes of one data directory."""

    def __init__(self, is_demo: bool) -> None:
        self.data_dir: Path = settings.DATA_DIR
        self.server = Server(self.data_dir, say=say)
        self.demo = demo.Demo(self.data_dir) if is_demo else None
        self.sweeper = Sweeper()
        self.children: list[Child] = []
        self.environment = (
            {"WAYBILL_HTTPS": "0"} | os.environ | {"WAYBILL_DATA_DIR": str(self.data_dir), "PYTHONUNBUFFERED": "1"}
        )
        self.reserved = ports.Reserved(0)
        self.is_announced = False

    def start(self) -> None:
        """Start everything in order; the web server may still be starting afterwards."""
        self.server.own(command="up")
        say(f"Starting Waybill with the data in {self.data_dir}")
        self._take_port()
        self.server.own(address=self.address)
        binds = ",".join(f"fd://{number}" for number in self.reserved.descriptors)
        self.environment = {"WAYBILL_URL": self.address} | self.environment | {"WAYBILL_BIND": binds}
        if self.demo:
            self.environment |= self.demo.environment()
        self._start_database()
        steps.migrate()
        steps.agree_on_keys()
        if self.demo:
            self.demo.follow_port()
        steps.collect_static()
        self.children = [*self._portal_children(), *(self._demo_children())]
        for child in self.children:
            child.start()
        say("Starting " + ", ".join(child.name for child in self.children))

    @property
    def address(self) -> str:
        """The portal's address in a browser on this machine."""
        return f"http://localhost:{self.reserved.port}"

    def watch(self) -> NoReturn:
        """Keep everything running; returns only by StopAskedError."""
        deadline = time.monotonic() + WEB_SECONDS
        waiter = Waiter()
        while True:
            self._heal_database()
            for child in self.children:
                child.watch()
            if not self.is_announced:
                self._come_up(deadline)
            waiter.wait(TICK_SECONDS if self.is_announced else 0.05)

    def stop(self) -> None:
        """Stop everything, the database last."""
        if self.demo:
            self.demo.stop()
        for child in self.children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            child.make_stop(deadline)
        self.reserved.close()
        self.server.close()
        self.sweeper.close()

    def _take_port(self) -> None:
        wanted = ports.wanted("WAYBILL_PORT", WEB_PORT)
        self.reserved = ports.reserve(wanted)
        if self.reserved.port != wanted:
            say(f"Port {wanted} is in use; using {self.reserved.port}")

    def _start_database(self) -> None:
        if settings.EMBEDDED_DATABASE:
            say("Starting PostgreSQL")
            self.server.start()

    def _heal_database(self) -> None:
        if settings.EMBEDDED_DATABASE and not self.server.is_alive():
            say("PostgreSQL ended; restarting it")
            self.server.start()
            say("PostgreSQL is back")

    def _portal_children(self) -> list[Child]:
        web = [sys.executable, "-m", "config.web_server", f"--grace={WEB_GRACE_SECONDS:g}"]
        return [
            self._child("web server", "web", web, self.reserved),
            self._child("export workers", "exports", [*MANAGE, "worker", "--cluster", "exports"]),
            self._child("chore workers", "chores", [*MANAGE, "worker", "--cluster", "chores"]),
            self._child("dispatcher", "dispatcher", [*MANAGE, "dispatcher"]),
        ]

    def _demo_children(self) -> list[Child]:
        if not self.demo:
            return []
        return [self._child("SFTP server", "sftp", self.demo.sftp_command(), self.demo.reserved)]

    def _child(self, name: str, log: str, command: list[str], reserved: ports.Reserved | None = None) -> Child:
        descriptors = reserved.descriptors if reserved else ()
        return Child(name, command, self.data_dir / "log" / f"{log}.log", self.environment, self.sweeper, descriptors)

    def _come_up(self, deadline: float) -> None:
        """Once the web server answers, make the demo data, and then print the portal's address."""
        if self.demo and self.demo.is_making:
            self.demo.watch()
            return
        if not _answers(self.reserved.port):
            if time.monotonic() > deadline:
                raise CannotRunError(f"The web server does not answer. {self._web_log()}")
            return
        if self.demo and not self.demo.is_ready:
            self.demo.make([*MANAGE, "demo_data"], self.environment)
            return
        self.is_announced = True
        say("Ready")
        show(self._summary())

    def _web_log(self) -> str:
        log = self.data_dir / "log" / "web.log"
        return f"The last lines of {log}:\n{processes.last_lines(log)}"

    def _summary(self) -> str:
        lines = ["", f"  Waybill is at {self.address}"]
        if self.demo:
            lines += self.demo.summary()
        return "\n".join([*lines, "  Stop it with Ctrl-C.", ""])


def _who_runs(taken: TakenError) -> str:
    owner = taken.owner
    if "address" in owner:
        return f"Waybill is already running at {owner['address']} (process {owner.get('pid')})."
    if owner.get("command") == "up":
        return f"Waybill is already starting here (process {owner.get('pid')})."
    return f"Another Waybill command (process {owner.get('pid')}) has the database; wait until it ends."


def _answers(port: int) -> bool:
    """Whether the web server answers a request, whatever the answer is."""
    request = f"GET /healthz HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n".encode()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(request)
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False
