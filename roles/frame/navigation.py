"""The sections of the portal: each app adds its own when it is ready."""

from typing import Any, NamedTuple

from django.db.models import TextChoices
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from roles.access.policy import Access
from roles.permissions import Permission


class Group(TextChoices):
    """The headings of the navigation, in their order."""

    DATA = "data", _("Data")
    INSIGHTS = "insights", _("Insights")
    SETTINGS = "settings", _("Settings")


class Section(NamedTuple):
    """A section, shown to those with its permission.

    It is current while a page of its app is open; where an app has several, `pages` is how the names of its pages
    begin. Sections stand in the order of `place` within their group.
    """

    group: Group
    place: int
    label: Any  # lazy text
    url_name: str
    icon: str
    permission: Permission = Permission.VIEW
    pages: str = ""
    is_home: bool = False


SECTIONS: list[Section] = []


def register(*sections: Section) -> None:
    """Add sections; each replaces one with the same address."""
    names = {section.url_name for section in sections}
    kept = [section for section in SECTIONS if section.url_name not in names]
    order = list(Group)
    SECTIONS[:] = sorted([*kept, *sections], key=lambda section: (order.index(section.group), section.place))


def home() -> str:
    """Return the URL name of the section that opens first."""
    return next(section.url_name for section in SECTIONS if section.is_home)


def current(request: HttpRequest) -> str:
    """Return the URL name of the section of the open page."""
    match = request.resolver_match
    if match is None or not match.namespaces:
        return home()
    app, name = match.namespaces[-1], match.url_name or ""
    found = [
        section for section in SECTIONS if section.url_name.startswith(f"{app}:") and name.startswith(section.pages)
    ]
    return max(found, key=lambda section: len(section.pages)).url_name if found else f"{app}:list"


def shown(request: HttpRequest, access: Access) -> list[dict[str, Any]]:
    """Return the groups with the sections that the user may open."""
    open_now, slug = current(request), access.environment.slug
    return [
        {
            "label": group.label,
            "items": [
                {
                    "label": section.label,
                    "url": reverse(section.url_name, kwargs={"environment": slug}),
                    "icon": section.icon,
                    "is_current": section.url_name == open_now,
                }
                for section in SECTIONS
                if section.group == group and access.has_permission(section.permission)
            ],
        }
        for group in Group
    ]
