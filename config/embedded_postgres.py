"""The PostgreSQL server that comes with Waybill, with its data below the data directory.

One process owns it (`flock` on `postgres.lock`) and runs `postgres` as its child; when the owner dies in
whatever way, the server shuts itself down. Everybody else connects through a socket in a private directory.
"""

import atexit
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config import postgres_account, postgres_log, postgres_socket, processes
from config.postgres_account import CannotRunError

if TYPE_CHECKING:
    from dj_database_url import DBConfig

MAJOR_VERSION = "18"
NAME = "waybill"
SUPERUSER = "postgres"
START_SECONDS = 60.0  # recovery after a crash may take a while
SETTINGS = {
    "listen_addresses": "",
    "port": postgres_socket.PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_level": "minimal",  # an import into a new table then needs no WAL
    "max_wal_senders": "0",
    "jit": "off",
    "synchronize_seqscans": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "dynamic_shared_memory_type": "mmap",  # beside the data: containers have little of /dev/shm
    **postgres_log.QUIET,
    **postgres_log.PLAIN,
}
UNSAFE_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class TakenError(Exception):
    """Another process owns the server; `owner` is how it described itself."""

    def __init__(self, owner: dict[str, Any]) -> None:
        super().__init__(f"Another process owns this database: {owner}")
        self.owner = owner


def database_settings(data_dir: Path) -> "DBConfig":
    """Return Django's DATABASES entry for the server of `data_dir`. Starts nothing."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": NAME,
        "USER": NAME,
        "HOST": str(postgres_socket.directory(data_dir)),
        "PORT": postgres_socket.PORT,
    }


class Server:
    """The owner of one server. Use it from one thread, which must live as long as the server."""

    def __init__(
        self, data_dir: Path, *, throw_away: bool = False, say: Callable[[str], None] = lambda text: None
    ) -> None:
        self.data_dir = data_dir
        self.home = data_dir / "postgres"
        self.cluster = self.home / "data"
        self.log = data_dir / "log" / "postgres.log"
        self.throw_away = throw_away
        self.say = say
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._owner_pid = os.getpid()

    def __enter__(self) -> "Server":
        self.own()
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def own(self, **about: Any) -> None:
        """Take the lock, leaving `about` (and our pid) for others to read; raise TakenError if it is held."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock is None:
            self._lock = _locked(self.data_dir / "postgres.lock")
            os.register_at_fork(after_in_child=self._disown)
        text = json.dumps({"pid": os.getpid(), **about}).encode()
        os.pwrite(self._lock, text, 0)
        os.ftruncate(self._lock, len(text))

    def start(self) -> None:
        """Start the server and wait until it answers; create cluster and database if missing."""
        if not self.home.exists():
            self.home.mkdir(mode=0o700)
            os.chown(self.home, self.data_dir.stat().st_uid, -1)
        self.account = postgres_account.choose(self.home, self.say)
        if not (self.cluster / "PG_VERSION").exists():
            self._make_cluster()
        self._check_version()
        _clear_leftovers(self.cluster.resolve())
        self._run()
        self._wait_until_ready()
        self._make_database()

    def is_alive(self) -> bool:
        """Whether the server runs and its socket can be reached."""
        if self.process is None or self.process.poll() is not None:
            return False
        postgres_socket.prepare(self.data_dir)
        return True

    def stop(self) -> None:
        """Shut the server down: disconnects clients and rolls their transactions back."""
        if self.process and os.getpid() == self._owner_pid:
            signals = [(signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)]
            processes.stop(self.process, signals)
        self.process = None

    def close(self) -> None:
        """Stop the server and let others own it."""
        self.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _disown(self) -> None:
        """In a forked child: release the lock, which belongs to the owner alone."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make_cluster(self) -> None:
        """Run initdb beside the final place and rename it, so that a cluster is never incomplete."""
        self.say("Creating the database")
        home = self.home.resolve()
        for leftover in home.glob("new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix="new-", dir=home))
        os.chown(draft, self.account.uid, -1)
        command = [self.account.programs / "initdb", "-D", draft, "-U", SUPERUSER, "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # Also the servers that initdb itself starts do without /dev/shm.
        command += ["-c", f"dynamic_shared_memory_type={SETTINGS['dynamic_shared_memory_type']}"]
        command += ["--no-instructions", *(["--no-sync"] if self.throw_away else [])]
        if self._spawn(command, signal.SIGKILL).wait() != 0:
            raise CannotRunError(f"PostgreSQL's initdb failed:\n{processes.last_lines(self.log)}")
        draft.rename(home / "data")

    def _check_version(self) -> None:
        version = (self.cluster / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            raise CannotRunError(f"{self.cluster} was made by PostgreSQL {version}, this is {MAJOR_VERSION}.")

    def _run(self) -> None:
        settings = SETTINGS | (UNSAFE_SETTINGS if self.throw_away else {})
        settings["unix_socket_directories"] = f'"{self._socket_dir()}"'
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [self.account.programs / "postgres", "-D", self.cluster.resolve(), *options]
        self.process = self._spawn(command, signal.SIGINT)

    def _socket_dir(self) -> Path:
        postgres_socket.prepare(self.data_dir)
        real = self.home.resolve() / "run"
        os.chown(real, self.account.uid, -1)
        return real if postgres_socket.fits(real) else postgres_socket.directory(self.data_dir)

    def _spawn(self, command: list[Any], death_signal: signal.Signals) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with processes.open_log(self.log) as log:
            return processes.spawn(
                command,
                log=log,
                environment=environment | {"LC_ALL": "C"},
                death_signal=death_signal,
                identity=self.account.identity,
                directory=self.home.resolve(),
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.data_dir):
            if self.process is None or self.process.poll() is not None:
                raise CannotRunError(f"PostgreSQL did not start:\n{processes.last_lines(self.log)}")
            if time.monotonic() > deadline:
                raise CannotRunError(f"PostgreSQL does not answer:\n{processes.last_lines(self.log)}")
            time.sleep(0.02)

    def _make_database(self) -> None:
        """Create the role and its database; the portal never connects as a superuser."""
        with _connection(self.data_dir) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
                connection.execute(f"CREATE ROLE {NAME} LOGIN CREATEDB")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(f"CREATE DATABASE {NAME} OWNER {NAME}")


def ensure_running(data_dir: Path, say: Callable[[str], None] = lambda text: None) -> None:
    """Use the server that runs, else own it for the lifetime of this process. Waits for one that starts."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        server = Server(data_dir, say=say)
        try:
            server.__enter__()
        except TakenError:
            if answers(data_dir, NAME):
                return
            time.sleep(0.05)
        else:
            atexit.register(server.close)
            return
    raise CannotRunError(f"The process that owns {data_dir / 'postgres'} does not get PostgreSQL to answer.")


def owner(data_dir: Path) -> dict[str, Any] | None:
    """Return how the living owner described itself (pid, address …), None if nobody owns the server."""
    try:
        os.close(_locked(data_dir / "postgres.lock"))
    except TakenError as taken:
        return taken.owner
    except FileNotFoundError:
        pass
    return None


def answers(data_dir: Path, database: str = SUPERUSER) -> bool:
    """Whether a real connection can be opened and used."""
    import psycopg

    try:
        with _connection(data_dir, database) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except (psycopg.OperationalError, postgres_socket.UntrustedError):
        return False


@contextlib.contextmanager
def _connection(data_dir: Path, database: str = SUPERUSER) -> Iterator[Any]:
    import psycopg

    user = SUPERUSER if database == SUPERUSER else NAME
    host = str(postgres_socket.checked(data_dir))
    with psycopg.connect(
        host=host, port=postgres_socket.PORT, dbname=database, user=user, autocommit=True, connect_timeout=5
    ) as connection:
        yield connection


def _locked(path: Path) -> int:
    """Return a descriptor that holds the lock at `path`; the lock ends with this process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 10_000, 0)
        os.close(descriptor)
        raise TakenError(json.loads(text or b"{}")) from None
    return descriptor


def _clear_leftovers(cluster: Path) -> None:
    """Kill what a killed owner or postmaster left, and remove a pid file with a foreign number."""
    deadline = time.monotonic() + 15
    while leftovers := _processes_in(cluster):
        seconds_left = deadline - time.monotonic()
        for process in leftovers:
            with contextlib.suppress(Exception):
                process.send_signal(signal.SIGINT if seconds_left > 5 else signal.SIGKILL)
        if seconds_left < 0:
            raise CannotRunError(f"Processes of an earlier PostgreSQL do not end: {leftovers}")
        time.sleep(0.05)
    pid_file = cluster / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError):
        pid_file.unlink()  # safe: we hold the lock and no process works in the cluster


def _processes_in(cluster: Path) -> list[Any]:
    """Return the living PostgreSQL processes that work in `cluster`."""
    import psutil

    named = [process for process in psutil.process_iter(["name"]) if process.info["name"] == "postgres"]
    return [process for process in named if _works_in(process, cluster)]


def _works_in(process: Any, cluster: Path) -> bool:
    import psutil

    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(cluster)
    except psutil.Error:
        return False
