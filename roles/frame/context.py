"""What every page needs for its frame."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from roles.frame import navigation
from roles.frame.light import light_of
from roles.permissions import Permission


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return environment, access, light, the environments to switch to and the navigation, below /e/ only."""
    access = getattr(request, "access", None)
    if access is None:
        return {"is_demo": settings.DEMO}
    return {
        "is_demo": settings.DEMO,
        "environment": access.environment,
        "access": access,
        "light": SimpleLazyObject(lambda: light_of(access)),
        "environments": access.environments,
        "navigation": navigation.shown(request, access),
        "panel_url": getattr(request, "panel", ""),
        "section_url_name": navigation.current(request),
        "can_manage_connections": access.has_permission(Permission.MANAGE_CONNECTIONS),
    }
