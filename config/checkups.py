"""The doctor's checks of database, tables, processes, disk, keys and clock."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Max
from django.db.models.functions import Now

from config import embedded_postgres, migrating, postgres_log
from roles import heartbeats
from roles.checks import Check, Finding, ok, warning, wrong
from roles.models import Heartbeat
from roles.secrets import key_file

OLDEST_VERSION = 14
CONNECT_SECONDS = 5
MOST_DRIFT = 5.0  # seconds
GIGABYTE = 10**9
LEAST_FREE = 10**8
LITTLE_FREE = 10**9
LITTLE_SHARE = 0.1
START = "Start Waybill: `manage.py up`, or `make demo` for the demo."


def database() -> Finding:
    """Check that the database answers, and its version."""
    connection.settings_dict["OPTIONS"] = connection.settings_dict["OPTIONS"] | {"connect_timeout": CONNECT_SECONDS}
    owner = _owner()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            number = int(cursor.fetchone()[0])
    except OperationalError as error:
        return _silent(owner, error)
    major = number // 10_000
    whose = "that comes with Waybill" if settings.EMBEDDED_DATABASE else "that DATABASE_URL names"
    where = f"; Waybill runs at {owner['address']}" if owner and "address" in owner else ""
    if major < OLDEST_VERSION:
        return wrong(f"PostgreSQL {major} is too old.", f"Use PostgreSQL {OLDEST_VERSION} or newer.")
    return ok(f"PostgreSQL {major} {whose}{where}.")


def _owner() -> dict[str, Any] | None:
    """Return who runs the embedded server, without creating a lock file."""
    is_there = settings.EMBEDDED_DATABASE and (settings.DATA_DIR / "postgres.lock").exists()
    return embedded_postgres.owner(settings.DATA_DIR) if is_there else None


def _silent(owner: dict[str, Any] | None, error: OperationalError) -> Finding:
    if not settings.EMBEDDED_DATABASE:
        reason = _without_password(str(error).strip().splitlines()[0].rstrip("."))
        return wrong(f"The database that DATABASE_URL names does not answer: {reason}.",
                     "Start it, or correct DATABASE_URL.")  # fmt: skip
    if owner is None:
        return wrong("Waybill is not running, so its PostgreSQL is not either.", START)
    log = settings.DATA_DIR / "log" / "postgres.log"
    return wrong(f"PostgreSQL does not answer, although process {owner.get('pid')} runs it.",
                 f"Wait a minute. If this persists, see {log}.")  # fmt: skip


def _without_password(text: str) -> str:
    password = str(settings.DATABASES["default"].get("PASSWORD") or "")
    return text.replace(password, "…") if password else text


def tables() -> Finding:
    """Check that the tables are those of this version."""
    executor = MigrationExecutor(connection)
    if unknown := migrating.unknown(executor):
        return wrong(f"The tables were made by a newer Waybill ({unknown[0]}).", migrating.UPDATE)
    count = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not count:
        return ok("All migrations are applied.")
    number = "1 migration is" if count == 1 else f"{count} migrations are"
    return wrong(f"{number} not applied.", "Start Waybill again, or run `manage.py migrate`.")


def alive(kind: str) -> Finding:
    """Check that processes of `kind` have given a sign of life lately."""
    lately = Heartbeat.objects.filter(kind=kind, seen_at__gt=Now() - heartbeats.SILENT_AFTER)
    found = lately.aggregate(number=Count("pk"), last=Max("seen_at"))
    if found["number"]:
        hosts = ", ".join(sorted(set(lately.values_list("host", flat=True))))
        return ok(f"{found['number']} alive on {hosts}.")
    seconds = heartbeats.SILENT_AFTER.seconds
    command = "dispatcher" if kind == "dispatcher" else f"worker --cluster {kind}"
    log = f"; {settings.DATA_DIR / 'log' / kind}.log has the reason" if settings.EMBEDDED_DATABASE else ""
    return wrong(f"No sign of life for {seconds} seconds.", f"Start Waybill, or `manage.py {command}`{log}.")


def clock() -> Finding:
    """Check that the database's clock agrees with ours."""
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        theirs = cursor.fetchone()[0]
    drift = max(before - theirs, theirs - time.time(), 0.0)
    if drift > MOST_DRIFT:
        return wrong(f"The clocks of this machine and of the database differ by {drift:.0f} seconds.",
                     "Set both by NTP: schedules and leases follow the database's.")  # fmt: skip
    return ok("This machine and the database agree.")


def database_log() -> Finding:
    """Check that PostgreSQL may not write customers' values into its own log."""
    names = list(postgres_log.QUIET | postgres_log.MODULES)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [names])
        found = postgres_log.revealing(dict(cursor.fetchall()))
    if not found:
        return ok("PostgreSQL's own log holds no values of customers.")
    said = ", ".join(f"{name} is {value}" for name, value in found.items())
    return warning(f"PostgreSQL's own log may hold values of customers: {said}.",
                   "Ask a superuser to set them for Waybill's account (docs/operations.md).")  # fmt: skip


def disk() -> Finding:
    """Check the free space where Waybill writes."""
    where = _written()
    places = {_existing(place.resolve()) for place in (where, where / "postgres")}
    place = min(places, key=lambda each: shutil.disk_usage(each).free)
    usage = shutil.disk_usage(place)
    free = f"{usage.free / GIGABYTE:,.1f} GB of {usage.total / GIGABYTE:,.1f} GB are free at {where}."
    advice = "Free up space there: when the disk is full, runs fail and the database stops."
    if not os.access(place, os.W_OK):
        return wrong(f"{place} cannot be written.", "Run the doctor as the account that runs Waybill.")
    if where != settings.DATA_DIR:
        return ok(f"{settings.DATA_DIR} cannot be written and need not be here. {free}")
    if usage.free < LEAST_FREE:
        return wrong(free, advice)
    if usage.free < LITTLE_FREE or usage.free < LITTLE_SHARE * usage.total:
        return warning(free, advice)
    return ok(free)


def _written() -> Path:
    """Return where this machine writes: nowhere but to temporary files if database and keys come from elsewhere.

    The containers of docs/deploy have a data directory that cannot be written.
    """
    has_keys_elsewhere = bool(os.environ.get("WAYBILL_SECRET_KEY")) and settings.SECRETS_KEYS_FILE is None
    if settings.EMBEDDED_DATABASE or not has_keys_elsewhere or os.access(_existing(settings.DATA_DIR), os.W_OK):
        return settings.DATA_DIR
    return Path(tempfile.gettempdir())


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def keys() -> Finding:
    """Check that both keys exist, are valid, and cannot be read by others."""
    kept = [] if os.environ.get("WAYBILL_SECRET_KEY") else [settings.DATA_DIR / "keys" / "secret_key"]
    kept += [settings.SECRETS_KEYS_FILE] if settings.SECRETS_KEYS_FILE else []
    for path in kept:
        if not path.exists():
            return wrong(f"{path} is missing.", "Put it back from your backup, then start Waybill again.")
        if path.stat().st_mode & 0o077:
            return wrong(f"{path} can be read by other accounts.", f"Run `chmod 600 {path}`.")
    keys_file = settings.SECRETS_KEYS_FILE
    found = key_file.read(keys_file) if keys_file else settings.SECRETS_KEYS
    if not all(key_file.is_key(key) for key in found):
        return wrong("One of the keys for secrets is not a Fernet key.", "Put the right one back from your backup.")
    return ok(f"Both are there{'' if kept else ', from the environment'} and closed to other accounts.")


def address() -> Finding:
    """Check that the portal's public address is set: links in mails need it."""
    owner = _owner()
    if os.environ.get("WAYBILL_URL") or (owner and "address" in owner):
        return ok("Links use the portal's public address.")
    return warning(f"Links in e-mails and alerts, and single sign-on, point to {settings.PORTAL_URL}.",
                   "Set WAYBILL_URL to the portal's public address.")  # fmt: skip


def _alive(kind: str) -> Callable[[], Finding]:
    return lambda: alive(kind)


OF_THE_DATABASE: list[tuple[str, Check]] = [
    ("tables", tables),
    ("clock", clock),
    ("database log", database_log),
    ("export workers", _alive("exports")),
    ("chore workers", _alive("chores")),
    ("dispatcher", _alive("dispatcher")),
]
OF_THE_MACHINE: list[tuple[str, Check]] = [("disk", disk), ("keys", keys), ("address", address)]
