"""The load: exports that fall due every few seconds; what was due is written down beside it."""

import psycopg

PERIOD = (3.0, 8.0)  # seconds from one occurrence of an export to its next
WAITS = 3  # seconds that a retry waits at most: the portal's minutes, compressed
SEED = """
import os
from datetime import datetime, timedelta, UTC
from pathlib import Path
from connections.models import Connection
from exports.spec.folders import export_folder
from exports.models import Export, ExportSegment, Schedule, ScheduleMode
from roles.models import Environment, RoleAssignment, User
from segments.importing.loading import import_table
from segments.models import Segment, Table
from segments.warehouse.members import refresh
place = Environment.objects.create(slug="chaos", name="Chaos", audience="consumers")
person = User.objects.create_user("ada", password="chaos")
RoleAssignment.objects.create(environment=place, user=person, role="administrator")
file = Path(os.environ["WAYBILL_DATA_DIR"]) / "people.csv"
file.write_text("Id,Name,N\\n" + "".join(f"C{n:06},{'x' * 60}{n},{n}\\n" for n in range(int(os.environ["ROWS"]))))
import_table(place, "People", file, keys=["Id"], profile_kind="customer")
segment = Segment.objects.create(environment=place, table=Table.objects.get(), name="Everybody")
refresh(segment)
settings = {"host": "127.0.0.1", "port": int(os.environ["LINE_PORT"]), "username": "anybody", "folder": ""}
sftp = Connection(environment=place, name="Line", type="sftp", settings=settings | {"host_key": os.environ["LINE_KEY"]})
sftp.set_secrets({"password": "anything"})
sftp.save()
local = Connection.objects.create(environment=place, name="Folder", type="local", settings={"folder": "out"})
far = (datetime.now(UTC) + timedelta(hours=12)).strftime("%H:%M")
for number in range(int(os.environ["EXPORTS"])):
    export = Export.objects.create(
        environment=place, name=f"Export {number:02}", connection=local if number % 3 == 0 else sftp,
        refreshes_segments=number % 4 == 0, schedule_mode=ScheduleMode.OWN,
        settings={"compression": "gzip"} if number % 2 else {},
    )
    export_folder(export)
    ExportSegment.objects.create(export=export, segment=segment)
    Schedule.objects.create(export=export, repeat="daily", times=[far], zone="UTC")
"""
# What is watched beside the portal: its occurrences as we planted them, and each step of each run.
WATCH = """
CREATE TABLE chaos_occurrence (export bigint, due timestamptz, is_calm boolean, PRIMARY KEY (export, due));
CREATE TABLE chaos_step (
    id bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp(), run bigint, export bigint,
    before text, after text, claims int, seen timestamptz);
CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO chaos_step (run, export, before, after, claims)
        VALUES (NEW.id, NEW.export_id, NULL, NEW.state, NEW.claims);
    ELSIF OLD.state IS DISTINCT FROM NEW.state THEN
        INSERT INTO chaos_step (run, export, before, after, claims, seen)
        VALUES (NEW.id, NEW.export_id, OLD.state, NEW.state, NEW.claims, OLD.lease_until - make_interval(secs => %s));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_note AFTER INSERT OR UPDATE ON exports_run FOR EACH ROW EXECUTE FUNCTION chaos_note();
"""
# One statement, so that what is planted and what is written down never differ. Every other one falls on a full second,
# so that many are due at the same moment.
PLANT = """
WITH planted AS (
    UPDATE exports_schedule SET next_due = CASE WHEN export_id %% 2 = 0 THEN date_trunc('second', soon) ELSE soon END
    FROM (SELECT id AS mine, now() + make_interval(secs => %(least)s + (%(most)s - %(least)s) * random()) AS soon
          FROM exports_schedule) AS planned
    WHERE id = mine AND (next_due IS NULL OR next_due > now() + interval '1 hour')
    RETURNING export_id, next_due)
INSERT INTO chaos_occurrence SELECT export_id, next_due, %(is_calm)s FROM planted
"""
HURRY = """
UPDATE exports_run SET not_before = now() + make_interval(secs => %(waits)s * random())
WHERE state IN ('queued', 'retrying') AND not_before > now() + make_interval(secs => %(waits)s)
"""


def plant(connection: psycopg.Connection, *, is_calm: bool) -> None:
    """Give each schedule that has made its run the next occurrence."""
    connection.execute(PLANT, {"least": PERIOD[0], "most": PERIOD[1], "is_calm": is_calm})


def hurry(connection: psycopg.Connection) -> None:
    """Let nothing that is tried again wait for minutes."""
    connection.execute(HURRY, {"waits": WAITS})


def is_planted_out(connection: psycopg.Connection) -> bool:
    """Whether every occurrence that was planted has been taken by a dispatcher."""
    near = "SELECT count(*) FROM exports_schedule WHERE next_due < now() + interval '1 hour'"
    return connection.execute(near).fetchone() == (0,)
