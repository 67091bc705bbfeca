"""The real portal in a process tree of its own, with a small demo, as `make demo` starts it."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import asyncssh
import psutil
import psycopg

from config.embedded_postgres import database_settings
from tests.servers.faulty_sftp import FaultySftp
from tests.until import PATIENCE, until

REPOSITORY = Path(__file__).resolve().parents[2]
CUSTOMERS = 3000
START_SECONDS = 240
BELONGING_TO_RUNS = """
SELECT conrelid::regclass::text, attname
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND confrelid = 'exports_run'::regclass AND conrelid <> 'exports_export'::regclass"""


class Slow(asyncssh.SFTPServer):
    """Takes two seconds for each write, one after the other: time to do something meanwhile."""

    one_at_a_time = asyncio.Lock()

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        async with self.one_at_a_time:
            await asyncio.sleep(2)
        return super().write(file_obj, offset, data)


class Portal:
    """A running demo; `address` is where it answers."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.output = data_dir.with_name("output")
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("WAYBILL_", "DJANGO_"))
        }
        self.environment |= {
            "WAYBILL_DATA_DIR": str(data_dir),
            "WAYBILL_PORT": str(free_port()),
            "WAYBILL_SFTP_PORT": str(free_port()),
            "WAYBILL_DEMO_CUSTOMERS": str(CUSTOMERS),
        }
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--demo"],
                cwd=REPOSITORY, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        until(lambda: "Waybill is at" in self.said() or self.process.poll() is not None, START_SECONDS, "the demo")
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        return self.output.read_text()

    @property
    def address(self) -> str:
        return re.search(r"Waybill is at (http://localhost:\d+)", self.said())[1]

    @property
    def sftp_files(self) -> Path:
        """What the demo's SFTP server keeps."""
        return self.data_dir / "demo" / "sftp"

    def seed(self, slow: FaultySftp) -> None:
        """Add what the tests need: an empty environment, and a slow server with two exports."""
        words = {"SLOW_PORT": str(slow.port), "SLOW_HOST_KEY": slow.host_key, "WAYBILL_DEMO": "1"}
        with Path(__file__).with_name("seed.py").open() as script:
            subprocess.run(
                [sys.executable, "manage.py", "shell"], cwd=REPOSITORY, env=self.environment | words,
                stdin=script, check=True, timeout=240,
            )  # fmt: skip

    def query(self, query: str) -> list[tuple]:
        """Ask the portal's database, past all of its code."""
        with self._connect() as connection:
            return connection.execute(query).fetchall()

    def delete_runs(self, where: str) -> None:
        """Delete runs with all that belongs to them; no export has one of them as its last one any more."""
        runs = f"(SELECT id FROM exports_run WHERE {where})"
        self.query(f"UPDATE exports_export SET last_run_id = NULL WHERE last_run_id IN {runs} RETURNING id")
        for table, column in self.query(BELONGING_TO_RUNS):
            self.query(f"DELETE FROM {table} WHERE {column} IN {runs} RETURNING 1")
        self.query(f"DELETE FROM exports_run WHERE {where} RETURNING id")

    def copy(self, query: str) -> bytes:
        """Return what PostgreSQL makes of `query` as CSV with a header."""
        with (
            self._connect() as connection,
            connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy,
        ):
            return b"".join(copy)

    def stop(self) -> None:
        """End everything, and see that nothing is left."""
        tree = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.said()
        assert psutil.wait_procs(tree, timeout=PATIENCE)[1] == []

    def _connect(self) -> psycopg.Connection:
        place = database_settings(self.data_dir)
        return psycopg.connect(host=place["HOST"], port=place["PORT"], dbname=place["NAME"], user=place["USER"])


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
