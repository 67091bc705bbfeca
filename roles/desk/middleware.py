"""Refuses every change and all files of customers' data to staff who see the portal as a role."""

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from roles.access import seeing
from roles.frame.framed import framed

SAFE = ("GET", "HEAD", "OPTIONS")


class SeeingMiddleware:
    """Must come after the sign-in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: Any, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse | None:
        """Answer 403 if the view is refused."""
        slug = kwargs.get("environment")
        if slug is None or not request.user.is_authenticated:
            return None
        seeing.remember(request.user, request.session)
        if not seeing.role_of(request.user, slug):
            return None
        if request.method not in SAFE:
            return _refused(request, str(seeing.NO_CHANGE))
        if request.resolver_match.view_name in seeing.FILES_OF_DATA:
            return _refused(request, str(seeing.NO_DATA))
        return None


def _refused(request: Any, text: str) -> HttpResponse:
    if getattr(request, "htmx", None):
        trigger = json.dumps({"notice": {"tone": "warning", "text": text}})
        return HttpResponse(status=403, headers={"HX-Trigger": trigger})
    return framed(request, "403.html", {"title": _("Not available to support"), "text": text}, status=403)
