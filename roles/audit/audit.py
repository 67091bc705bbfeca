"""One call that writes the audit log, inside the transaction of what it records."""

import uuid
from typing import Any

from django.db import models

from roles.audit import origin
from roles.messages.field import masked_in_json
from roles.models import AuditEvent, Environment, User


def record(
    environment: Environment | None,
    action: str,
    target: models.Model,
    *,
    by: User | None,
    changes: dict[str, Any] | None = None,
    run: uuid.UUID | None = None,
) -> None:
    """Note that `by` (None: the system) did `action` to `target`; `changes` maps field names to [before, after].

    A single value in `changes` is one without a before; values may be messages, of which no person's value is kept.
    `run` is the id of the run that it is about.
    """
    where = origin.current()
    AuditEvent.objects.create(
        environment=environment,
        environment_slug=environment.slug if environment else "",
        environment_name=environment.name if environment else "",
        actor=by,
        actor_name=str(by) if by else "",
        through=where.through,
        origin=where.place,
        request_id=where.request_id,
        action=action,
        object_type=target._meta.model_name or "",
        object_id=str(target.pk),
        object_name=str(target)[:200],
        run=run,
        changes=masked_in_json(changes or {}),
    )
