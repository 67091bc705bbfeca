"""What pages of other parts need to know of exports."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from connections.models import Connection
from exports.alerts.bell import bell_of
from roles.access.policy import Access
from roles.permissions import Permission


def exporting(request: HttpRequest) -> dict[str, Any]:
    """Return where exports are, whether the user may add one, and the bell (asked for where wanted); below /e/ only."""
    access = getattr(request, "access", None)
    if access is None:
        return {}
    return {
        "exports_url": reverse("exports:list", kwargs={"environment": access.environment.slug}),
        "can_add_exports": SimpleLazyObject(lambda: _can_add_exports(access)),
        "bell": SimpleLazyObject(lambda: bell_of(access)),
    }


def _can_add_exports(access: Access) -> bool:
    if not access.has_permission(Permission.ADD_EXPORTS):
        return False
    # Administrators add a connection on the way.
    return access.has_permission(Permission.MANAGE_CONNECTIONS) or Connection.objects.usable_by(access).exists()
