"""Deny by default: a view that states no access policy is not called, and most need a sign-in."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect


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
        """Answer for the view where the visitor may not call it."""
        policy = getattr(view, "access_policy", None)
        if policy == "public" or request.resolver_match.app_name == "admin":
            return None  # Django admin asks for staff itself
        if policy is None:
            raise PermissionDenied(f"{request.path} states no access policy.")
        if request.user.is_authenticated:
            return None
        if request.htmx:
            # A log-in page inside a panel would be lost work; the whole page goes there instead.
            here = request.htmx.current_url_abs_path or "/"
            return HttpResponseClientRedirect(redirect_to_login(here).url)
        return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
