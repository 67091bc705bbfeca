"""What must exist before the portal can serve: tables and static files."""

import hashlib
import os
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config import migrating
from config.embedded_postgres import CannotRunError
from config.up.telling import say
from roles.secrets import same_keys


def migrate() -> None:
    """Apply migrations, with a message if there are any. Raises CannotRunError."""
    executor = MigrationExecutor(connection)
    if newer := migrating.unknown(executor):
        raise CannotRunError(f"The tables were made by a newer Waybill ({newer[0]}). {migrating.UPDATE}")
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        say(f"Updating the tables ({len(plan)} migrations)")
        migrating.migrate()
    connection.close()


def agree_on_keys() -> None:
    """Check that other machines with this database have the same keys. Raises CannotRunError."""
    try:
        same_keys.agree()
    except same_keys.OtherKeysError as error:
        raise CannotRunError(str(error)) from error
    finally:
        connection.close()


def collect_static() -> None:
    """Copy and compress the static files if any of them changed since the last time."""
    stamp = Path(settings.STATIC_ROOT).with_name("staticfiles.stamp")
    wanted = _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("Collecting the static files")
    stamp.unlink(missing_ok=True)  # so that half of them are never taken for all
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(wanted)


def _fingerprint() -> str:
    """Return a digest of every static file's name, size and time."""
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list(None), key=lambda found: found[0]):
            status = os.stat(storage.path(name))
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
