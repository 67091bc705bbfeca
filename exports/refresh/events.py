"""What the audit log keeps of system refreshes and their schedule."""

from typing import Any

from exports.models import RefreshState, RefreshTrigger, SystemRefresh
from exports.refresh.signals import refresh_changed
from roles.audit import audit
from roles.audit.changes import add_values
from roles.models import User


def register_values() -> None:
    """Let the audit page show what is chosen from a list in its words."""
    add_values(refresh_state=dict(RefreshState.choices), started_by=dict(RefreshTrigger.choices))


def record(refresh: SystemRefresh, action: str, *, by: User | None = None, **facts: Any) -> None:
    """Write the event `action` by `by` (None: Waybill), in the caller's transaction, and tell the listeners."""
    started = {"started_by": refresh.trigger, "refresh": str(refresh.uuid)}
    due = {"due": refresh.due.isoformat()} if refresh.due else {}
    audit.record(refresh.environment, action, refresh.environment, by=by, changes=facts | started | due)
    refresh_changed.send(SystemRefresh, refresh=refresh)
