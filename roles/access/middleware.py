"""Deny by default: a view without an access policy is not called, and most views need a sign-in."""

import codecs
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from roles.typed import typed_path


class TextMiddleware:
    """Refuse requests that are not UTF-8: other texts fit neither into a page nor into the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.encoding and codecs.lookup(request.encoding).name != "utf-8":
            request.encoding = "utf-8"  # for the page that says so, which reads the query
            raise BadRequest("The request is not in UTF-8.")
        return self.get_response(request)


class SignInRequiredMiddleware:
    """Send visitors to the log-in page, unless the view is public."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    def process_view(
        self, request: Any, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Answer in place of the view when the visitor may not call it."""
        policy = getattr(view, "access_policy", None)
        if policy == "public" or request.resolver_match.app_name == "admin":
            return None  # Django admin asks for staff itself
        if policy is None:
            raise PermissionDenied(f"{request.path} states no access policy.")
        if request.user.is_authenticated:
            return None
        if SESSION_KEY in request.session:
            request.session.flush()  # of somebody who was switched off: switched on again, they are not back at once
        if request.htmx:
            # A log-in page inside a panel would be lost work; the whole page goes there, or the person is asked to
            # log in beside it (static/session.js).
            here = typed_path(request.htmx.current_url, request.get_host()) or "/"
            return HttpResponseClientRedirect(redirect_to_login(here).url)
        here = typed_path(request.get_full_path(), request.get_host()) or "/"
        answer = redirect_to_login(here, resolve_url(settings.LOGIN_URL))
        # Without scripts what was sent is lost, which the log-in page then says.
        return answer if request.method == "GET" else redirect(f"{answer.url}&lost=1")
