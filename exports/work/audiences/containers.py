"""Which container each segment fills, and that one run at a time works on it."""

import secrets

import psycopg
from django.db import connection, transaction

from connections.destinations.base import DeliveryError
from connections.destinations.base.audiences import AudienceDestination
from exports.models import AudienceContainer, Export
from roles.messages import said as _
from roles.secrets import store
from segments.models import Segment
from segments.warehouse import ledger

LOCK_SPACE = 0x0A0D  # of PostgreSQL's advisory locks
BUSY = 15.0  # seconds until a run that found another one at work looks again


def container_of(export: Export, destination: AudienceDestination, segment: Segment) -> AudienceContainer:
    """Return the container that the segment fills, noted here before the target has it."""
    found, is_new = AudienceContainer.objects.get_or_create(
        environment=export.environment,
        type=destination.slug,
        account=destination.account(),
        key=destination.container_key(export.settings, segment.pk),
        defaults={"connection": export.connection, "name": segment.name, "sealed_key": _new_key()},
    )
    if is_new:
        with transaction.atomic(), connection.cursor() as cursor:
            ledger.make_partition(cursor, found.pk)
    return found


def key_of(container: AudienceContainer) -> bytes:
    """Return what its identities are made with. Raises UnreadableSecretError."""
    return bytes.fromhex(store.decrypt(container.sealed_key)["key"])


def _new_key() -> str:
    return store.encrypt({"key": secrets.token_hex(32)})


def lock_all(containers: list[AudienceContainer], session: psycopg.Connection) -> None:
    """Let no other run work on them while `session` is open. Raises DeliveryError, which passes, if one does."""
    for pk in sorted({one.pk for one in containers}):
        row = session.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, pk]).fetchone()
        if not (row and row[0]):
            message = _("Another export is sending to the same audience. This run waits for it.")
            raise DeliveryError(message, retry_after=BUSY)
