"""What pages of other parts need to know of exports."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from connections.models import Connection
from roles.access import Access
from roles.permissions import Permission


def exporting(request: HttpRequest) -> dict[str, Any]:
    """Return whether the user may add an export, asked for only where a template wants to know; below /e/ only."""
    access = getattr(request, "access", None)
    return {"can_add_exports": SimpleLazyObject(lambda: _can_add_exports(access))} if access else {}


def _can_add_exports(access: Access) -> bool:
    if not access.has_permission(Permission.ADD_EXPORTS):
        return False
    # Administrators add a connection on the way.
    return access.has_permission(Permission.MANAGE_CONNECTIONS) or Connection.objects.usable_by(access).exists()
