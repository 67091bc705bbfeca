"""The command shows how far it is, ends in a sentence however it ends, and leaves nothing behind."""

import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from segments.models import Table
from tests.factories import make_environment
from tests.segments.importing.test_importing import exported, load
from tests.until import until

pytestmark = pytest.mark.django_db(transaction=True)
REPOSITORY = Path(__file__).resolve().parents[3]
OLD = b"Id,Name\n1,before\n"


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A file that takes a while."""
    path = tmp_path_factory.mktemp("import") / "many.csv"
    with path.open("w") as file:
        file.write("Id,Name,Amount,Born\n")
        for start in range(0, 300_000, 10_000):
            file.writelines(f"{n},Name {n},{n}.25,2001-02-{n % 28 + 1:02}\n" for n in range(start, start + 10_000))
    return path


def command(environment, path, *more):
    arguments = ["--environment", environment.slug, "--name", "People", "--key", "Id", str(path), *more]
    return [sys.executable, "manage.py", "import_table", *arguments]


def surroundings():
    """The variables with which another process finds the test's database."""
    place = connection.settings_dict
    url = f"postgresql://{place['USER']}:{place['PASSWORD']}@{quote(str(place['HOST']), safe='')}"
    return os.environ | {"DATABASE_URL": f"{url}:{place['PORT']}/{place['NAME']}"}


def run(environment, path, *more, **options):
    options |= {"cwd": REPOSITORY, "env": surroundings(), "capture_output": True}
    return subprocess.run(command(environment, path, *more), check=False, **options)


@contextmanager
def started(environment, path, log):
    """An import that is going on, with what it says in `log`."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command(environment, path, "--every", "0.05"), cwd=REPOSITORY, env=surroundings(), stderr=stream
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def relations(environment):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind = 'r' AND (nspname = %s OR relname = 'waybill_staging')",
            [environment.warehouse_schema],
        )
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.long
def test_a_log_has_a_line_now_and_then_with_percent_rows_bytes_and_time_left(environment, many):
    done = run(environment, many, "--every", "0.05")
    assert done.stdout == b"People: 300,000 rows, 4 fields.\n"
    lines = done.stderr.decode().splitlines()
    assert any(
        line.startswith("Step 1 of 4: reading, ") and " %, " in line and " rows, " in line and " MB, " in line
        for line in lines
    )
    assert any(line.startswith("Step 2 of 4: deciding the types of 300,000 rows (") for line in lines)
    assert any(line.startswith("Step 3 of 4: building the table of 300,000 rows (") for line in lines)
    assert "\r" not in done.stderr.decode()


def test_a_short_import_says_nothing_on_the_way(environment, tmp_path):
    (tmp_path / "people.csv").write_bytes(OLD)
    done = run(environment, tmp_path / "people.csv")
    assert (done.stdout, done.stderr) == (b"People: 1 row, 2 fields.\n", b"")


@pytest.mark.long
def test_a_terminal_shows_one_line_that_changes(environment, many):
    ours, its = pty.openpty()
    process = subprocess.Popen(
        command(environment, many), cwd=REPOSITORY, env=surroundings(), stdout=subprocess.DEVNULL, stderr=its
    )
    os.close(its)
    shown = b"".join(iter(lambda: _read(ours), b""))
    assert process.wait() == 0
    assert re.search(rb"\r\x1b\[KStep [1-4] of 4: ", shown)
    assert shown.endswith(b"\r\x1b[K")
    assert b"\n" not in shown


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # its other end was closed
        return b""


def test_an_error_is_said_in_two_sentences_without_a_traceback(environment):
    done = run(environment, "-", input=b"Id,Name\n1,a\n2\n")
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "CommandError: Line 3 has 1 field, the header has 2: column Name is missing. Write a delimiter for each "
        "column, even if the value is empty.\nNothing was changed.\n"
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("how", "step"),
    [
        (signal.SIGKILL, "Step 1"),
        (signal.SIGKILL, "Step 2"),
        (signal.SIGKILL, "Step 3"),
        (signal.SIGINT, "Step 1"),
        (signal.SIGTERM, "Step 3"),
    ],
)
def test_an_import_that_is_stopped_in_the_middle_leaves_the_old_rows_and_nothing_else(
    environment, many, tmp_path, how, step
):
    table = load(environment, OLD)
    log = tmp_path / "log"
    with started(environment, many, log) as process:
        until(lambda: step in log.read_text(), 30, f"{step} of the import")
        process.send_signal(how)
        code = process.wait(timeout=240)
    if how == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 130
        assert log.read_text().splitlines()[-1] == "CommandError: Stopped. Nothing was changed."
    assert exported(table) == OLD
    until(lambda: _is_imported(environment, tmp_path), what="the server noticed that nobody is there any more")
    assert exported(Table.objects.get()) == b"Id,Name\n2,after\n"
    assert relations(environment) == ["People"]


def _is_imported(environment, folder):
    (folder / "after.csv").write_bytes(b"Id,Name\n2,after\n")
    done = run(environment, folder / "after.csv")
    assert done.returncode == 0 or b"by another process" in done.stderr
    return done.returncode == 0


@pytest.mark.long
def test_memory_does_not_grow_with_the_file(environment, many, tmp_path):
    few = tmp_path / "few.csv"
    few.write_text("".join(many.read_text().splitlines(keepends=True)[:10_000]))
    peaks = [_peak_megabytes(environment, path) for path in (few, many)]
    assert peaks[1] - peaks[0] < 20


def _peak_megabytes(environment, path):
    program = (
        "import resource, sys; from django.core.management import execute_from_command_line as go; go(sys.argv);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    arguments = [sys.executable, "-c", program, *command(environment, path)[2:]]
    done = subprocess.run(arguments, cwd=REPOSITORY, env=surroundings(), capture_output=True, check=True)
    return int(done.stdout.split()[-1])
