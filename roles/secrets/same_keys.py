"""All processes that share a database must have the same keys: it stores fingerprints of those in use.

One with others would log people out, drop what the others queued and fail their runs; what it encrypts they could not
read. So it takes no work, says so, and leaves a note by which the doctor of any machine tells of it.
"""

import hashlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections, transaction
from django.db.models.functions import Now

from roles import database_problems, heartbeats
from roles.checks import Finding, ok, wrong
from roles.models import Heartbeat, KeyInUse, StrangeMachine
from roles.secrets.store import keys as fernet_keys

logger = logging.getLogger(__name__)

SIGNING, SECRETS = "signing", "secrets"
NAMES = {SIGNING: "WAYBILL_SECRET_KEY", SECRETS: "WAYBILL_SECRETS_KEYS"}
LOOK_EVERY = 10.0  # seconds
REMEMBERED = timedelta(days=1)
_LOCK = 0x5A3E4E15  # PostgreSQL's advisory lock of those who compare keys
ADVICE = (
    "Give this machine the same WAYBILL_SECRET_KEY and WAYBILL_SECRETS_KEYS as the others, or copies of the files in "
    "keys/. If these keys are the right ones for all, run `manage.py accept_keys` here."
)


class OtherKeysError(Exception):
    """This process must not work on this database; the text says why and what to do."""


def own_fingerprints() -> dict[str, list[str]]:
    """Return the fingerprints of this process's keys, newest first."""
    return {SIGNING: [_print(settings.SECRET_KEY)], SECRETS: [_print(key) for key in fernet_keys()]}


def agree() -> None:
    """Compare our keys with the database's, and store fingerprints of new ones. Raises OtherKeysError."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        other = [kind for kind, mine in own_fingerprints().items() if not _takes(kind, mine)]
        _note(other)
    if other:
        raise OtherKeysError(_text(other))


def accept() -> None:
    """Make our keys the database's."""
    with transaction.atomic():
        for kind, mine in own_fingerprints().items():
            KeyInUse.objects.filter(kind=kind).delete()
            _add(kind, mine[0])
        _note([])  # what was said of this machine holds no longer


def difference() -> list[str]:
    """Return the kinds of keys that differ from the database's; stores nothing."""
    return [kind for kind, mine in own_fingerprints().items() if not _are_same(kind, mine, _known(kind))]


def wait_and_agree(is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Agree once the database answers. Raises OtherKeysError, and the error of missing tables."""
    is_told = False
    while not is_stopped():
        try:
            return agree()
        except (DatabaseError, InterfaceError) as error:
            connections.close_all()
            if getattr(error.__cause__, "sqlstate", None):  # it answered
                raise
            if not is_told:
                logger.warning("%s Waiting for it.", database_problems.sentence(error))
            is_told = True
            time.sleep(1.0)


class KeyWatch:
    """Checks from time to time whether the keys are still the same: others may have a newer one."""

    def __init__(self) -> None:
        self._due_at = time.monotonic() + LOOK_EVERY

    def is_other(self) -> bool:
        """Whether this process must end because of its keys; an unreachable database is no reason."""
        if time.monotonic() < self._due_at:
            return False
        self._due_at = time.monotonic() + LOOK_EVERY
        try:
            other = difference()
        except (DatabaseError, InterfaceError):
            connections.close_all()
            return False
        if other:
            logger.critical("%s", _text(other))
        return bool(other)


def watch_in_thread(refused: Callable[[str], None]) -> threading.Event:
    """Agree and then watch in a thread; calls `refused` with the reason. The event is set after the first check."""
    looked = threading.Event()

    def work() -> None:
        try:
            wait_and_agree()
            looked.set()
            watch = KeyWatch()
            while not watch.is_other():
                connections.close_all()  # one less for the database to keep
                time.sleep(LOOK_EVERY)
            refused(_text([SECRETS]))
        except (OtherKeysError, DatabaseError, InterfaceError) as error:
            refused(database_problems.sentence(error) or str(error))
        finally:
            looked.set()
            connections.close_all()

    threading.Thread(target=work, name="same keys", daemon=True).start()
    return looked


def finding() -> Finding:
    """The doctor's check: whether our keys are the database's, and whether a machine came with others."""
    if other := difference():
        return wrong(_text(other, ""), ADVICE)
    lately = StrangeMachine.objects.filter(seen_at__gt=Now() - REMEMBERED).order_by("host")
    if names := sorted({f"{row.host} ({row.place})" for row in lately}):
        return wrong(
            f"With other keys, and therefore without work: {', '.join(names)}.",
            "Give them the same WAYBILL_SECRET_KEY and WAYBILL_SECRETS_KEYS as this machine, or copies of the files in "
            "keys/, and start Waybill there.",
        )
    return ok("Those of this machine are the database's.")


def _takes(kind: str, mine: list[str]) -> bool:
    """Whether our keys of a kind are the database's; a key newer than all known ones is stored."""
    known = _known(kind)
    are_same = _are_same(kind, mine, known)
    if are_same and mine[0] not in known:
        _add(kind, mine[0])
    return are_same


def _are_same(kind: str, mine: list[str], known: list[str]) -> bool:
    """Whether we have the newest key that the database knows; older keys could not read everything."""
    return not known or known[0] in mine or _may_change(kind)


def _known(kind: str) -> list[str]:
    return list(KeyInUse.objects.filter(kind=kind).order_by("-added_at", "-pk").values_list("fingerprint", flat=True))


def _may_change(kind: str) -> bool:
    """Whether a key may be replaced: the signing key, while no process works with the earlier one."""
    return kind == SIGNING and not Heartbeat.objects.filter(seen_at__gt=Now() - heartbeats.SILENT_AFTER).exists()


def _add(kind: str, fingerprint: str) -> None:
    if kind == SIGNING:
        KeyInUse.objects.filter(kind=kind).delete()
    KeyInUse.objects.update_or_create(kind=kind, fingerprint=fingerprint, defaults={"added_at": Now()})


def _note(other: list[str]) -> None:
    """Store whether this machine came with other keys."""
    host, place = socket.gethostname(), str(settings.DATA_DIR)
    if other:
        StrangeMachine.objects.update_or_create(host=host, place=place, defaults={"seen_at": Now()})
    else:
        StrangeMachine.objects.filter(host=host, place=place).delete()


def _text(other: list[str], advice: str = ADVICE) -> str:
    names = " and ".join(NAMES[kind] for kind in other)
    return f"The keys of this machine ({names}) are not those of its database, so it takes no work. {advice}".strip()


def _print(key: str) -> str:
    """Return a fingerprint, which tells keys apart and reveals nothing about them."""
    return hashlib.sha256(b"waybill key\0" + key.encode()).hexdigest()[:16]
