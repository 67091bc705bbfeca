"""The audit log as CSV for a spreadsheet: in batches, whatever its length, and with nothing it would compute."""

import json
from collections.abc import Iterator

from django.db.models import QuerySet

from roles.audit.changes import changes_as_json
from roles.audit.pages.listing import in_batches
from roles.audit.sentences import plain_sentence
from roles.models import AuditEvent
from roles.net.spreadsheet import BOM, as_lines

COLUMNS = (
    "id", "time", "person", "person_id", "through", "from", "request", "action", "what", "object_type", "object_id",
    "object", "run", "changes",
)  # fmt: skip


def as_csv(found: QuerySet[AuditEvent]) -> Iterator[bytes]:
    """Yield the events, newest first, as CSV (UTF-8 with BOM); times are ISO 8601 in UTC, changes JSON."""
    yield BOM + as_lines([list(COLUMNS)])
    for batch in in_batches(found):
        yield as_lines([_row(event) for event in batch])


def _row(event: AuditEvent) -> list[str]:
    return [
        str(event.pk),
        event.at.isoformat(timespec="milliseconds"),
        event.actor_name,
        str(event.actor_id or ""),
        event.through,
        event.origin,
        event.request_id,
        event.action,
        plain_sentence(event),
        event.object_type,
        event.object_id,
        event.object_name,
        str(event.run or ""),
        json.dumps(changes_as_json(event), ensure_ascii=False) if event.changes else "",
    ]
