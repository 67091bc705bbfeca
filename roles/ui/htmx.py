"""Answers to htmx: one template serves the page and its fragments; the server names the fragment."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django_htmx.middleware import HtmxDetails


def sent(request: HttpRequest) -> QueryDict:
    """Return what a form sent, or what the address says where nothing was sent."""
    return request.POST if request.method == "POST" else request.GET


def render(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    partial: str = "",
    target: str = "",
    status: int = 200,
) -> TemplateResponse:
    """Return `template`, or its `partial` when htmx asks for the element `target`."""
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    wants_partial = partial and htmx and htmx.target == target
    name = f"{template}#{partial}" if wants_partial else template
    return TemplateResponse(request, name, dict(context or {}), status=status)


def render_panel(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> TemplateResponse:
    """Return the panel `template#panel` into the open dialog, or as a whole page without htmx."""
    return render(request, template, context, partial="panel", target="panel", status=status)


def done(request: HttpRequest, url: str, text: str, *, changed: str) -> HttpResponse:
    """Answer a successful action: close the panel, let lists that listen to `changed` reload, say `text`.

    Without htmx: a message and a redirect to `url`.
    """
    if not getattr(request, "htmx", None):
        messages.success(request, text)
        return HttpResponseRedirect(url)
    triggers = {"panel:close": True, changed: True, "announce": text}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(triggers)})


def notice(text: str, *, tone: str, changed: str, items: Sequence[str] = ()) -> HttpResponse:
    """Answer an htmx action with a notice that stays, `items` as a list below its text; lists of `changed` reload."""
    triggers = {"panel:close": True, changed: True, "notice": {"tone": tone, "text": text, "items": list(items)}}
    return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(triggers)})
