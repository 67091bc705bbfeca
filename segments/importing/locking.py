"""Locks a table without making its readers wait long."""

import time
from collections.abc import Callable

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from segments.importing.csvfile import ImportRefusedError

PATIENCE_SECONDS = 900.0
TRY_MILLISECONDS = 1000  # new readers wait behind us that long, so it is short
PAUSE_SECONDS = 0.5
EXCLUSIVE = sql.SQL("ACCESS EXCLUSIVE")
NO_OTHER_WRITER = sql.SQL("SHARE ROW EXCLUSIVE")  # reading goes on


def lock(
    raw: psycopg.Connection,
    relation: sql.Identifier,
    name: str,
    mode: sql.SQL,
    patience: float,
    say: Callable[[str], None],
) -> None:
    """Take the table's lock `mode` in short tries, so that others need not wait. Raises ImportRefusedError."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with raw.transaction():
                raw.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(TRY_MILLISECONDS))
                raw.execute(sql.SQL("LOCK TABLE {} IN {} MODE").format(relation, mode))
                raw.execute("SET LOCAL lock_timeout = 0")
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() > deadline:
                text = _("An export that does not end is reading %(name)s. Import again when it has ended.")
                raise ImportRefusedError(text % {"name": name}) from error
            say(_("Step 4 of 4: waiting for an export that reads the old rows"))
            time.sleep(PAUSE_SECONDS)
