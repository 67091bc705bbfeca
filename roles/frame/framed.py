"""Error pages in the frame of the environment that the request was for."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from roles.access.policy import enter


def framed(
    request: Any, template: str, context: Mapping[str, Any], *, status: int, headers: dict[str, str] | None = None
) -> HttpResponse:
    """Render `template`; costs one query unless a view has already looked up the user's role."""
    place = re.match(r"/e/([\w-]+)/", request.path_info)
    user = getattr(request, "user", None)
    if place and user and user.is_authenticated and not hasattr(request, "access"):
        with suppress(Http404):
            enter(request, place[1])
    return HttpResponse(render_to_string(template, dict(context), request), status=status, headers=headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that a request was too large (413) or cannot be read (400)."""
    text, status = _("The request could not be read. Open the page again and repeat the last step."), 400
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        text = _("The request is too large for Waybill. Send less: shorter texts, or fewer selected rows.")
        status = 413
    if getattr(request, "htmx", None):
        trigger = json.dumps({"notice": {"tone": "danger", "text": text}})
        return HttpResponse(status=status, headers={"HX-Trigger": trigger})
    return framed(request, "400.html", {"text": text}, status=status)
