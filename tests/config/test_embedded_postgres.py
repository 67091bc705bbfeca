"""The embedded server: who owns it, who may connect, and what it survives."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest

from config import control, embedded_postgres, postgres_socket
from config.embedded_postgres import Server, TakenError, answers, database_settings
from tests.until import until

OTHER_ACCOUNT = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
REPOSITORY = Path(__file__).resolve().parents[2]
OWNER = """
import sys
from pathlib import Path
from config.embedded_postgres import ensure_running
ensure_running(Path(sys.argv[1]))
print("running", flush=True)
sys.stdin.read()
"""

# Two workers build one hash table: tens of megabytes that several processes share.
PARALLEL = """
import sys
from pathlib import Path
from config.embedded_postgres import Server, _connection
data_dir = Path(sys.argv[1])
query = "SELECT count(*) FROM big a JOIN big b USING (number, name)"
with Server(data_dir, throw_away=True), _connection(data_dir) as connection:
    connection.execute("CREATE TABLE big AS SELECT n AS number, repeat('x', 90) || n AS name"
                       " FROM generate_series(1, 300000) n")
    connection.execute("ANALYZE big")
    connection.execute("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET work_mem = '128MB';"
                       " SET enable_mergejoin = off; SET min_parallel_table_scan_size = 0")
    plan = str(connection.execute("EXPLAIN " + query).fetchall())
    print("Gather" if "Parallel Hash" in plan else plan, *connection.execute(query).fetchone())
"""


@pytest.fixture
def data_dir():
    """A new data directory; its path holds a space and is short enough for a socket."""
    scratch = Path(tempfile.mkdtemp(prefix="waybill "))
    yield scratch / "var"
    until(lambda: not postgres_processes(scratch / "var"))
    shutil.rmtree(scratch)


@pytest.fixture(scope="module")
def shared_directory():
    """A directory that everybody may enter."""
    scratch = Path(tempfile.mkdtemp(prefix="waybill shared "))
    scratch.chmod(0o755)
    yield scratch
    shutil.rmtree(scratch)


@pytest.fixture(scope="module")
def shared(shared_directory):
    """One server for the tests that only look at it."""
    data_dir = shared_directory / "looked at"
    data_dir.mkdir(mode=0o755)
    with Server(data_dir, throw_away=True) as server:
        yield server


def connect(data_dir: Path) -> psycopg.Connection:
    entry = database_settings(data_dir)
    return psycopg.connect(
        host=entry["HOST"], port=entry["PORT"], dbname=entry["NAME"], user=entry["USER"], autocommit=True
    )


def own(data_dir: Path, wait: bool = True) -> subprocess.Popen[str]:
    """Start another process that owns or uses the server until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if wait:
        assert process.stdout.readline() == "running\n"
    return process


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> None:
    process.send_signal(number)
    process.communicate()


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgres/data/postmaster.pid").read_text().split()[0]))


def postgres_processes(data_dir: Path) -> list[psutil.Process]:
    return embedded_postgres._processes_in(data_dir / "postgres" / "data")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_portal_does_not_connect_as_superuser(shared):
    with connect(shared.data_dir) as connection:
        row = connection.execute("SELECT usename, usesuper FROM pg_user WHERE usename = current_user").fetchone()
    assert row == ("waybill", False)


def test_text_sorts_by_code_point_with_unicode_case(shared):
    with connect(shared.data_dir) as connection:
        row = connection.execute(
            "SELECT datlocprovider::text, datlocale, upper('é') FROM pg_database WHERE datname = 'waybill'"
        ).fetchone()
    assert row == ("b", "C.UTF-8", "É")


def test_socket_and_data_are_closed_to_others(shared):
    assert mode(shared.home) == mode(shared.home / "run") == mode(shared.cluster) == 0o700
    assert mode(shared.home / "run" / postgres_socket.FILE_NAME) == 0o700


@as_root
def test_another_account_cannot_connect(shared):
    path = str(Path(database_settings(shared.data_dir)["HOST"]) / postgres_socket.FILE_NAME)
    assert exit_code_as_other_account(lambda: os.stat(shared.data_dir)) == 0
    assert exit_code_as_other_account(lambda: socket.socket(socket.AF_UNIX).connect(path)) == 13


@as_root
def test_root_runs_the_server_of_another_account_as_that_account(shared_directory):
    data_dir = shared_directory / "var"
    data_dir.mkdir()
    os.chown(data_dir, OTHER_ACCOUNT, OTHER_ACCOUNT)
    with Server(data_dir, throw_away=True):
        assert answers(data_dir)
        assert postmaster(data_dir).uids().real == OTHER_ACCOUNT


@as_root
@pytest.mark.long
@pytest.mark.skipif(os.environ.get("CI") != "true", reason="makes a system account: only in CI")
def test_root_that_cannot_reach_the_data_in_a_namespace_uses_a_system_account(shared_directory):
    closed = shared_directory / "closed"
    closed.mkdir(mode=0o700)
    os.chown(closed, OTHER_ACCOUNT, OTHER_ACCOUNT)
    said = []
    with Server(closed / "var", throw_away=True, say=said.append) as server:
        assert answers(closed / "var")
        assert postmaster(closed / "var").username() == "waybill"
        assert str(server.home.resolve()) in "\n".join(said)
    control.reset(closed / "var")
    assert not server.home.exists()


def exit_code_as_other_account(action) -> int:
    """Do `action` as another account in a forked process; return 0 or the number of its OSError."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(OTHER_ACCOUNT)
            os.setuid(OTHER_ACCOUNT)
            action()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_second_owner_is_refused_and_learns_of_the_first(shared):
    shared.own(address="http://localhost:8000")
    with pytest.raises(TakenError) as taken:
        Server(shared.data_dir).own()
    assert taken.value.owner == {"pid": os.getpid(), "address": "http://localhost:8000"}


def test_other_process_uses_the_running_server(shared):
    before = postmaster(shared.data_dir)
    end(own(shared.data_dir))
    assert postmaster(shared.data_dir) == before
    assert answers(shared.data_dir)


def test_settings_start_nothing(data_dir):
    assert database_settings(data_dir)["NAME"] == "waybill"
    assert not data_dir.exists()


@pytest.mark.long
def test_postmaster_killed_heals_and_keeps_what_was_committed(data_dir):
    with Server(data_dir) as server, connect(data_dir) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        postmaster(data_dir).kill()
        until(lambda: not server.is_alive())
        server.start()
        with connect(data_dir) as again:
            assert again.execute("SELECT number FROM kept").fetchone() == (7,)


@pytest.mark.long
def test_server_ends_when_its_owner_is_killed(data_dir):
    owner = own(data_dir)
    server = postmaster(data_dir)
    end(owner, signal.SIGKILL)
    until(lambda: not server.is_running() and not postgres_processes(data_dir))


@pytest.mark.long
def test_server_ends_with_a_command_that_is_terminated(data_dir):
    owner = own(data_dir)
    end(owner, signal.SIGTERM)
    until(lambda: not postgres_processes(data_dir))


@pytest.mark.long
def test_new_owner_takes_over_while_the_old_server_still_shuts_down(data_dir):
    end(own(data_dir), signal.SIGKILL)
    with Server(data_dir):
        assert answers(data_dir)


@pytest.mark.long
def test_two_commands_at_once_on_a_new_directory_agree(data_dir):
    first, second = own(data_dir, wait=False), own(data_dir, wait=False)
    assert [process.stdout.readline() for process in (first, second)] == ["running\n", "running\n"]
    end(first)
    end(second)


def test_pid_file_naming_a_foreign_process_does_not_stop_the_start(data_dir):
    with Server(data_dir, throw_away=True) as server:
        lines = (server.cluster / "postmaster.pid").read_text().splitlines()
    (server.cluster / "postmaster.pid").write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    with Server(data_dir, throw_away=True):
        assert answers(data_dir)


@pytest.mark.long
def test_start_killed_while_making_the_cluster_is_made_anew(data_dir):
    first = own(data_dir, wait=False)
    until(lambda: list((data_dir / "postgres").glob("new-*/base")))
    end(first, signal.SIGKILL)
    assert not (data_dir / "postgres" / "data").exists()
    with Server(data_dir, throw_away=True) as server:
        assert answers(data_dir)
    assert not list(server.home.glob("new-*"))


@pytest.mark.parametrize("name", ["n" * 120, "with,comma"])
def test_path_that_no_socket_can_have_works_through_a_private_link(data_dir, name):
    awkward = data_dir / name / "var"
    with Server(awkward, throw_away=True), connect(awkward) as connection:
        link = Path(database_settings(awkward)["HOST"])
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert mode(link.parent) == 0o700
        assert link.resolve() == (awkward / "postgres" / "run").resolve()
    shutil.rmtree(link.parent)


@pytest.mark.parametrize("permissions", [0o755, 0o777])
def test_private_directory_that_is_open_to_others_is_not_trusted(data_dir, permissions):
    awkward = data_dir / "with,comma"
    link = Path(database_settings(awkward)["HOST"])
    link.parent.mkdir()
    link.parent.chmod(permissions)
    with pytest.raises(postgres_socket.UntrustedError, match=str(link.parent)):
        Server(awkward, throw_away=True).__enter__()
    link.parent.rmdir()


@as_root
@pytest.mark.long
def test_four_kilobytes_of_shared_memory_are_enough_for_a_start_and_parallel_queries(data_dir):
    mount = "mount -t tmpfs -o size=4k tmpfs /dev/shm"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    command = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", sys.executable, "-c", PARALLEL, data_dir]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Gather 300000\n"), done.stderr


def test_fork_of_the_owner_does_not_keep_the_lock(data_dir):
    server = Server(data_dir)
    server.own()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    server.close()
    until(lambda: embedded_postgres.owner(data_dir) is None)
    os.close(writer)
    os.waitpid(child, 0)
    os.close(reader)
