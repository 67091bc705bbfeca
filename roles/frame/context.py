"""What every page needs to draw its frame."""

from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from roles.access.policy import Access
from roles.frame.light import light_of
from roles.models import Environment
from roles.permissions import Permission


class Item(NamedTuple):
    """A section of the portal, shown to those with its permission; it is current while its app's pages are open."""

    label: Any  # lazy text
    url_name: str
    icon: str
    permission: Permission = Permission.VIEW


NAVIGATION = (
    (
        _("Data"),
        (Item(_("Tables"), "segments:tables", "table"), Item(_("Exports"), "exports:list", "exports")),
    ),
    (_("Insights"), (Item(_("Segments"), "segments:list", "segments"),)),
    (
        _("Settings"),
        (
            Item(_("Connections"), "connections:list", "connections"),
            Item(_("Alerts"), "alerts:list", "bell"),
            Item(_("System"), "system:list", "system"),
            Item(_("Permissions"), "people:list", "people", Permission.MANAGE_PEOPLE),
            Item(_("Audit"), "audit:list", "audit", Permission.READ_AUDIT),
        ),
    ),
)


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
        "environments": SimpleLazyObject(lambda: list(Environment.objects.of(access.user))),
        "navigation": _navigation(request, access),
        "section_url_name": _section(request),
        "can_manage_connections": access.has_permission(Permission.MANAGE_CONNECTIONS),
    }


def _navigation(request: HttpRequest, access: Access) -> list[dict[str, Any]]:
    """Return the groups with the sections that the user may open."""
    current, slug = _section(request), access.environment.slug
    return [
        {
            "label": group,
            "items": [
                {
                    "label": item.label,
                    "url": reverse(item.url_name, kwargs={"environment": slug}),
                    "icon": item.icon,
                    "is_current": item.url_name == current,
                }
                for item in items
                if access.has_permission(item.permission)
            ],
        }
        for group, items in NAVIGATION
    ]


def _section(request: HttpRequest) -> str:
    """The URL name of the section that the open page belongs to."""
    match = request.resolver_match
    if match is None or not match.namespaces:
        return "exports:list"
    if match.namespaces[-1] == "segments":
        return "segments:tables" if (match.url_name or "").startswith("table") else "segments:list"
    return f"{match.namespaces[-1]}:list"
