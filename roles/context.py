"""What every page needs to draw its frame."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from roles.light import light_of
from roles.models import Environment
from roles.permissions import Permission

# (group, [(label, URL name, icon, permission)]); an item is current while its app's pages are open.
NAVIGATION = (
    ("Data", (("Tables", "segments:tables", "table"), ("Exports", "exports:list", "exports"))),
    ("Insights", (("Segments", "segments:list", "segments"),)),
    ("Settings", (("Connections", "connections:list", "connections"),)),
)


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return environment, access, light, the environments to switch to and the navigation, below /e/ only."""
    access = getattr(request, "access", None)
    if access is None:
        return {"is_demo": settings.DEMO}
    slug = access.environment.slug
    return {
        "is_demo": settings.DEMO,
        "environment": access.environment,
        "access": access,
        "light": SimpleLazyObject(lambda: light_of(access)),
        "environments": SimpleLazyObject(lambda: list(Environment.objects.of(access.user))),
        "navigation": _navigation(request, slug),
        "section_url_name": _section(request),
        "can_manage_connections": access.has_permission(Permission.MANAGE_CONNECTIONS),
    }


def _navigation(request: HttpRequest, slug: str) -> list[dict[str, Any]]:
    current = _section(request)
    labels = {
        "Data": _("Data"),
        "Insights": _("Insights"),
        "Settings": _("Settings"),
        "Tables": _("Tables"),
        "Exports": _("Exports"),
        "Segments": _("Segments"),
        "Connections": _("Connections"),
    }
    return [
        {
            "label": labels[group],
            "items": [
                {
                    "label": labels[label],
                    "url": reverse(name, kwargs={"environment": slug}),
                    "icon": icon,
                    "is_current": name == current,
                }
                for label, name, icon in items
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
