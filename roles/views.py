"""The home page, the health check, and the error pages."""

import json
import re
from contextlib import suppress
from typing import Any

from django.db import OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from roles import reader
from roles.access.policy import access_of, enter, public, signed_in
from roles.frame import navigation
from roles.models import Environment


@signed_in
def home(request: Any) -> HttpResponse:
    """Lead to the home page of the user's first environment."""
    environment = Environment.objects.of(request.user).first()
    if environment is None:
        return render(request, "no_environment.html", status=403)
    return redirect(navigation.home(), environment=environment.slug)


@signed_in
def environment_home(request: Any, environment: str) -> HttpResponse:
    """Lead to the home page of one environment."""
    return redirect(navigation.home(), environment=access_of(request.user, environment).environment.slug)


@public
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if this process reaches its database, else 503, for a load balancer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except OperationalError:
        return JsonResponse({"status": "database unreachable"}, status=503)
    return JsonResponse({"status": "ok"})


@public
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Explain a refused form: the page was open too long, or cookies are off."""
    if getattr(request, "htmx", None):  # another tab logged in: static/session.js brings the forms up to date
        text = _("Not saved: this page is from before your login. It is now up to date; try again.")
        trigger = json.dumps({"session:stale": True, "notice": {"tone": "warning", "text": text}})
        return HttpResponse(status=403, headers={"HX-Trigger": trigger})
    context = {"title": _("This form has expired"), "text": _("Open the page again and repeat the last step.")}
    return render(request, "403.html", context, status=403)


def missing(request: Any, exception: Exception) -> HttpResponse:
    """Say that there is nothing here, inside the frame of the environment where the user has a role in it.

    A view has looked that role up already; only an address that no view answers to costs a query.
    """
    if request.resolver_match is None:
        reader.activate_for(request)
        place = re.match(r"/e/([\w-]+)/", request.path_info)
        if place and request.user.is_authenticated:
            with suppress(Http404):
                enter(request, place[1])
    return render(request, "404.html", status=404)
