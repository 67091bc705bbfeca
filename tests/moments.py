"""Run tests as if it were another moment, for process and database alike: `python -m tests.moments [PATH …]`.

What depends on the clock has to hold at any minute of any day.
"""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from config import embedded_postgres

REPOSITORY = Path(__file__).resolve().parents[1]
AHEAD = "TESTS_AHEAD"  # seconds by which the clocks are ahead
# In UTC. Clocks change in Berlin at 01:00 on 28 March and 31 October 2027, in New York at 07:00 on 14 March.
MOMENTS = (
    "2027-01-15 10:00:00",
    "2027-01-15 10:04:40",
    "2027-01-15 10:08:50",
    "2027-01-15 10:29:40",
    "2027-01-15 10:58:50",
    "2027-01-31 23:58:30",
    "2027-02-28 23:59:30",
    "2027-03-01 00:00:00",
    "2027-03-14 06:59:00",
    "2027-03-28 00:58:00",
    "2027-10-31 00:58:00",
    "2027-12-31 23:58:30",
    "2028-02-29 12:00:00",
)
# Without single sign-on: its provider is another program, with the real clock.
DEPENDENT = (
    "--ignore-glob=*single_sign_on*",
    *("tests/exports", "tests/segments", "tests/connections/testing", "tests/connections/listing"),
    *("tests/roles/audit", "tests/roles/people", "tests/roles/sign_in", "tests/roles/test_heartbeats.py"),
    *("tests/roles/test_tidying.py", "tests/config/test_doctor.py"),
)
# Found before PostgreSQL's own, which `CURRENT_TIMESTAMP` alone would still use.
DATABASE_CLOCK = """
CREATE SCHEMA clock;
CREATE FUNCTION clock.now() RETURNS timestamptz STABLE LANGUAGE sql
  AS $$ SELECT pg_catalog.now() + interval '{ahead} seconds' $$;
CREATE FUNCTION clock.statement_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
  AS $$ SELECT pg_catalog.statement_timestamp() + interval '{ahead} seconds' $$;
CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
  AS $$ SELECT pg_catalog.clock_timestamp() + interval '{ahead} seconds' $$;
GRANT USAGE ON SCHEMA clock TO PUBLIC;
ALTER ROLE {role} SET search_path = public, clock, pg_catalog"""


def main(paths: list[str]) -> int:
    """Run `paths` at every moment; return 1 if a test failed at any of them."""
    failed = [moment for moment in MOMENTS if not _passes(moment, paths or list(DEPENDENT))]
    print(f"Failed at: {', '.join(failed)}" if failed else f"Passed at {len(MOMENTS)} moments")
    return 1 if failed else 0


def _passes(moment: str, paths: list[str]) -> bool:
    print(f"\n{moment} UTC", flush=True)
    ahead = round(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() - time.time())
    tests = [sys.executable, "-m", "pytest", "-q", "-m", "not long", "-n", "logical", "--dist", "loadgroup", *paths]
    return subprocess.run(tests, cwd=REPOSITORY, env=os.environ | {AHEAD: str(ahead)}, check=False).returncode == 0


def ahead() -> int:
    """Return by how many seconds the clocks of this session are ahead."""
    return int(os.environ.get(AHEAD, "0"))


def set_own_clock() -> None:
    """Let this process, and what it forks, live at the moment for which the tests were started, if any."""
    if ahead():
        import time_machine

        time_machine.travel(time.time() + ahead(), tick=True).start()


def set_database_clock(data_dir: Path) -> None:
    """Let the databases that the throw-away server of `data_dir` will make live at that moment, too."""
    if ahead():
        place = embedded_postgres.database_settings(data_dir)
        server = {"host": place["HOST"], "port": place["PORT"], "user": embedded_postgres.SUPERUSER}
        with psycopg.connect(**server, dbname="template1", autocommit=True) as connection:
            connection.execute(DATABASE_CLOCK.format(ahead=ahead(), role=place["USER"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
