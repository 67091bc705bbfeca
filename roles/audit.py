"""One call that writes the audit log, inside the transaction of what it records."""

from typing import Any

from django.db import models

from roles.models import AuditEvent, Environment, User


def record(
    environment: Environment | None,
    action: str,
    target: models.Model,
    *,
    by: User | None,
    changes: dict[str, Any] | None = None,
) -> None:
    """Note that `by` (None: the system) did `action` to `target`; `changes` maps field names to before/after."""
    AuditEvent.objects.create(
        environment=environment,
        actor=by,
        actor_name=str(by) if by else "",
        action=action,
        object_type=target._meta.model_name or "",
        object_id=str(target.pk),
        object_name=str(target)[:200],
        changes=changes or {},
    )
