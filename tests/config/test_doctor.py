"""`manage.py doctor`: what is wrong, in one line each, also when hardly anything can be looked at."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from config import checkups, doctor, postgres_log
from exports import actions
from exports.models import Run
from exports.runs import queue
from roles import heartbeats
from roles.models import Heartbeat
from tests.factories import make_connection, make_environment, make_export, make_segment, make_table

REPOSITORY = Path(__file__).resolve().parents[2]
OTHER_ACCOUNT = 65534
AS_ANOTHER = f"""
import os, runpy, sys
import config.doctor, config.embedded_postgres, config.keys, config.logs, config.mail, config.portal_url
import config.problems, config.single_sign_on, csp.constants, dj_database_url
import django.core.management, django.utils.translation
if os.geteuid() == 0:
    os.setuid({OTHER_ACCOUNT})
sys.argv = ["manage.py", *sys.argv[1:]]
runpy.run_path("manage.py", run_name="__main__")
"""
needs_database = pytest.mark.django_db


@pytest.fixture
def everything_beats(monkeypatch):
    monkeypatch.setattr(heartbeats, "_beaten_at", {})
    for kind in heartbeats.KINDS:
        heartbeats.beat(kind)


def look() -> tuple[int, dict[str, dict[str, str]]]:
    """Return the doctor's exit code and its findings by name."""
    said = []
    code = doctor.run_checks(as_json=True, say=said.append)
    (text,) = said
    return code, {check["name"]: check for check in json.loads(text)["checks"]}


def state_of(name: str) -> tuple[str, str]:
    found = look()[1][name]
    assert bool(found["advice"]) == (found["state"] != "ok")
    return found["state"], found["text"]


def run(*words: str, program: tuple[str, ...] = ("manage.py",), **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | variables
    return subprocess.run(
        [sys.executable, *program, "doctor", *words], cwd=REPOSITORY, env=environment, check=False,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip


@needs_database
@pytest.mark.long
def test_all_is_well_where_everything_runs(everything_beats, tmp_path, settings):
    code, found = look()
    wrong = {name: check for name, check in found.items() if check["state"] == "wrong"}
    assert (code, wrong) == (0, {})
    assert list(found) == [
        "database", "tables", "clock", "database log", "export workers", "chore workers", "dispatcher",
        "same keys", "secrets", "connection types", "waiting runs", "schedules", "disk", "keys", "address",
    ]  # fmt: skip


@needs_database
def test_one_line_for_each_check(everything_beats):
    said = []
    doctor.run_checks(as_json=False, say=said.append)
    lines, names = said[0].splitlines(), list(look()[1])
    assert len(lines) == len(names)
    assert all(name + " " in line for name, line in zip(names, lines, strict=True))
    assert settings.SECRET_KEY not in said[0]


@needs_database
@pytest.mark.parametrize(
    "kind, name, command",
    [
        ("exports", "export workers", "worker --cluster exports"),
        ("chores", "chore workers", "worker --cluster chores"),
        ("dispatcher", "dispatcher", "manage.py dispatcher"),
    ],
)
def test_what_shows_no_sign_of_life_is_wrong(everything_beats, kind, name, command):
    Heartbeat.objects.filter(kind=kind).update(seen_at=Now() - heartbeats.SILENT_AFTER)
    code, found = look()
    assert (code, found[name]["state"]) == (1, "wrong")
    assert command in found[name]["advice"]


@needs_database
def test_migrations_that_wait_are_wrong(everything_beats):
    forget_last_migration("exports")
    assert state_of("tables") == ("wrong", "1 migration is not applied.")


def forget_last_migration(app: str) -> None:
    with connection.cursor() as cursor:
        newest = "(SELECT max(name) FROM django_migrations WHERE app = %s)"
        cursor.execute(f"DELETE FROM django_migrations WHERE app = %s AND name = {newest}", [app, app])


@needs_database
def test_tables_of_a_newer_version_are_wrong(everything_beats):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('exports', '9999_new', now())")
    assert state_of("tables") == ("wrong", "The tables were made by a newer Waybill (exports.9999_new).")


@needs_database
def test_secrets_that_no_key_reads_are_counted(everything_beats):
    environment = make_environment()
    readable = make_connection(environment, name="Readable")
    readable.set_secrets({"password": "hidden"})
    readable.save()
    broken = make_connection(environment, name="Broken")
    type(broken).objects.filter(pk=broken.pk).update(encrypted_secrets="gAAAA")
    state, text = state_of("secrets")
    assert state == "wrong"
    assert text.startswith("The secrets of 1 of 2 connections")


@needs_database
def test_a_run_that_nobody_takes_is_wrong_and_one_behind_others_a_warning(everything_beats):
    environment = make_environment()
    segment = make_segment(make_table(environment), name="Everybody")
    for _number in range(2):
        actions.run_now(make_export(environment, connection=make_connection(environment), segments=[segment]), by=None)
    Run.objects.update(not_before=Now() - timedelta(minutes=2))
    assert state_of("waiting runs") == ("wrong", "2 runs wait for longer than a minute and no worker takes them.")
    assert queue.claim()
    assert state_of("waiting runs") == ("warning", "1 run waits for longer than a minute while others run.")


@needs_database
def test_keys_that_others_can_read_are_wrong(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    (tmp_path / "keys").mkdir()
    assert checkups.keys().text == f"{tmp_path / 'keys/secret_key'} is missing."
    for name in ("secret_key", "secrets_keys"):
        (tmp_path / "keys" / name).write_text("text")
        (tmp_path / "keys" / name).chmod(0o600)
    assert checkups.keys().state == "ok"
    (tmp_path / "keys" / "secret_key").chmod(0o640)
    assert checkups.keys().advice == f"Run `chmod 600 {tmp_path / 'keys/secret_key'}`."


@needs_database
def test_a_database_log_that_would_quote_customers_is_a_warning():
    assert state_of("database log")[0] == "ok"
    with connection.cursor() as cursor:  # the one of them that every account may set
        cursor.execute("SET LOCAL log_parameter_max_length_on_error = 80")
    state, text = state_of("database log")
    assert (state, "log_parameter_max_length_on_error is 80" in text) == ("warning", True)


def test_settings_that_let_the_database_log_quote_customers_are_named():
    quiet = postgres_log.QUIET | postgres_log.MODULES
    assert postgres_log.revealing(quiet | {"log_min_messages": "fatal"}) == {}
    wrong = {"log_min_messages": "warning", "log_statement": "mod", "auto_explain.log_min_duration": "0"}
    assert postgres_log.revealing(quiet | wrong) == wrong
    document = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [name for name in quiet if f"ALTER ROLE waybill SET {name} = " not in document] == []


def test_little_room_is_a_warning_and_none_is_wrong(monkeypatch):
    monkeypatch.setattr(checkups, "LITTLE_FREE", 10**18)
    assert checkups.disk().state == "warning"
    monkeypatch.setattr(checkups, "LEAST_FREE", 10**18)
    assert checkups.disk().state == "wrong"


@needs_database
def test_clocks_that_differ_are_wrong(monkeypatch):
    monkeypatch.setattr(checkups, "MOST_DRIFT", -1.0)
    assert checkups.clock().state == "wrong"


def test_a_portal_that_is_not_running_is_said_and_nothing_is_started(tmp_path):
    result = run(WAYBILL_DATA_DIR=str(tmp_path))
    assert result.returncode == 1
    first, *others = result.stdout.splitlines()
    assert first.split()[:5] == ["wrong", "database", "Waybill", "is", "not"]
    assert any("disk" in line for line in others)
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_database_that_is_away_is_said_without_its_password(tmp_path):
    url = "postgresql://someone:pass-word@127.0.0.1:1/waybill"
    result = run("--json", WAYBILL_DATA_DIR=str(tmp_path), DATABASE_URL=url)
    answer = json.loads(result.stdout)
    states = {check["name"]: check["state"] for check in answer["checks"]}
    assert (result.returncode, answer["state"]) == (1, "wrong")
    assert (states["database"], states["dispatcher"], states["keys"]) == ("wrong", "warning", "ok")
    assert "pass-word" not in result.stdout + result.stderr


def test_an_address_of_a_database_that_cannot_be_read_is_said_without_its_password(tmp_path):
    result = run(WAYBILL_DATA_DIR=str(tmp_path), DATABASE_URL="postgresql://someone:to/p#secret@host/waybill")
    assert result.returncode == 1
    assert result.stdout.split()[:6] == ["wrong", "settings", "DATABASE_URL", "cannot", "be", "read."]
    assert "p#secret" not in result.stdout + result.stderr


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_the_data_directory_of_another_account_is_said(tmp_path, words):
    keys = tmp_path / "keys"
    keys.mkdir()
    keys.chmod(0o000)
    result = run(*words, program=("-c", AS_ANOTHER), WAYBILL_DATA_DIR=str(tmp_path))
    keys.chmod(0o700)
    assert (result.returncode, result.stderr) == (1, "")
    assert "belongs to another account" in result.stdout
    if words:
        assert json.loads(result.stdout)["state"] == "wrong"


@pytest.mark.parametrize("has_keys, state", [(True, "ok"), (False, "wrong")])
def test_a_data_directory_that_cannot_be_written_matters_only_where_something_is_written(
    settings, monkeypatch, tmp_path, has_keys, state
):
    """As in the containers of docs/deploy: database and keys come from elsewhere."""
    settings.DATA_DIR, settings.EMBEDDED_DATABASE = tmp_path, False
    settings.SECRETS_KEYS_FILE = None if has_keys else tmp_path / "keys"
    monkeypatch.setenv("WAYBILL_SECRET_KEY", "from a variable")
    access = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: place != tmp_path and access(place, mode))
    assert checkups.disk().state == state
