"""Re-encrypts every stored secret with the newest key, and says when the older keys can be removed.

Each batch is a transaction of its own: whoever is killed is simply started again. Rows are locked while they are
re-encrypted, and a value that has the newest key already is left alone.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.db import connection, models, transaction
from django.utils import timezone

from roles.audit import audit
from roles.models import AuditEvent, Environment
from roles.secrets import key_file
from roles.secrets.store import (
    SECRET_FIELDS,
    TOKEN_START,
    SecretField,
    Server,
    encrypt,
    is_readable,
    keys,
    keys_path,
    ring,
    unseal,
)

BATCH = 100
ACTION = "rotate_secrets"
# A form that is open, or a request under way, may still bring a value that has an older key.
GRACE = timedelta(minutes=30)
LOCK = 0x5EC4E75  # PostgreSQL's advisory lock of rotations


class AlreadyRotatingError(Exception):
    """Another process is rotating secrets."""


@dataclass
class Report:
    """How many values were re-encrypted or had the newest key, and which rows no key can read."""

    rotated: int = 0
    current: int = 0
    unreadable: list[str] = field(default_factory=list)


@contextmanager
def exclusive() -> Iterator[None]:
    """Let no other process rotate meanwhile. Raises AlreadyRotatingError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise AlreadyRotatingError
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def rotate() -> Report:
    """Re-encrypt every value that has an older key."""
    report = Report()
    for secret_field in SECRET_FIELDS:
        last: Any = 0
        while last is not None:
            last = _rotate_batch(secret_field, last, report)
    return report


def add_key(path: Path) -> None:
    """Insert a new key before those in the file. Raises OSError."""
    with transaction.atomic():
        record_everywhere("added")
        key_file.replace(path, [key_file.new_key(), *key_file.read(path)])


def drop_old_keys(path: Path) -> None:
    """Keep only the newest key in the file; the caller made sure that nothing needs another. Raises OSError."""
    with transaction.atomic():
        record_everywhere("older removed")
        key_file.replace(path, key_file.read(path)[:1])


def older_keys_needed_until() -> datetime:
    """Return when the last values that could have an older key have been written."""
    rotations = AuditEvent.objects.filter(action=ACTION, changes__has_key="rotated")
    times = list(rotations.order_by("-at").values_list("at", flat=True)[:1])
    if path := keys_path():
        times.append(datetime.fromtimestamp(path.stat().st_mtime, tz=UTC))
    return max(times, default=timezone.now() - GRACE) + GRACE


def record_everywhere(what: str) -> None:
    """Record a change of the keys in the audit log of every environment."""
    for environment in Environment.objects.all():
        audit.record(environment, ACTION, environment, by=None, changes={"keys": what})


def _rotate_batch(secret_field: SecretField, after: Any, report: Report) -> Any:
    """Re-encrypt the rows after the id `after`; return the last row's id, None if there are no more."""
    model = apps.get_model(secret_field.model)
    waiting = model._default_manager.filter(pk__gt=after).order_by("pk").select_related(*secret_field.related)
    with transaction.atomic():
        rows = list(waiting.select_for_update(of=("self",))[:BATCH])
        renewed: Counter[tuple[Environment | None, models.Model]] = Counter()
        for row in rows:
            environment, target = secret_field.about(row)
            renewed[environment, environment or target] += _renew(secret_field, row, report)
        _record(renewed)
    return rows[-1].pk if rows else None


def _record(renewed: "Counter[tuple[Environment | None, models.Model]]") -> None:
    """Record how many values were re-encrypted: per environment, or per row without one."""
    for (environment, target), count in renewed.items():
        if count:
            audit.record(environment, ACTION, target, by=None, changes={"rotated": count})


def _renew(secret_field: SecretField, row: models.Model, report: Report) -> int:
    """Re-encrypt the row's values that have an older key; return their number."""
    work = _Renewal(ring(), Fernet(keys()[0]), secret_field.server_of(row) if secret_field.server_of else None)
    after = work.of(getattr(row, secret_field.field), is_token=True)
    report.rotated, report.current = report.rotated + work.rotated, report.current + work.current
    if work.unreadable:
        report.unreadable.append(_name(secret_field, row))
    if work.rotated:
        type(row)._default_manager.filter(pk=row.pk).update(**{secret_field.field: after})
    return work.rotated


def _name(secret_field: SecretField, row: models.Model) -> str:
    """Return the row's kind, name and environment."""
    environment, target = secret_field.about(row)
    where = f" in {environment}" if environment else ""
    return f"{row._meta.verbose_name} “{target}”{where}"


@dataclass
class _Renewal:
    """The re-encryption of the values of one row."""

    ring: MultiFernet
    newest: Fernet
    server: Server | None
    rotated: int = 0
    current: int = 0
    unreadable: int = 0

    def of(self, value: Any, *, is_token: bool = False) -> Any:
        """Return `value` with every token in it re-encrypted; a text inside JSON need not be a token."""
        if isinstance(value, dict):
            return {name: self.of(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        if isinstance(value, str) and value and (is_token or value.startswith(TOKEN_START)):
            return self._renewed(value)
        return value

    def _renewed(self, text: str) -> str:
        if not is_readable(text):
            self.unreadable += 1
            return text
        is_unbound = self.server is not None and unseal(text).server is None
        if not is_unbound and _opens(self.newest, text):
            self.current += 1
            return text
        self.rotated += 1
        return encrypt(unseal(text).values, self.server) if is_unbound else self.ring.rotate(text.encode()).decode()


def _opens(key: Fernet, text: str) -> bool:
    try:
        key.decrypt(text.encode())
    except InvalidToken:
        return False
    return True
