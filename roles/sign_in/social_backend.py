"""Who may log in with a password."""

from typing import Any

from allauth.account import auth_backends
from django.conf import settings
from django.http import HttpRequest


class AuthenticationBackend(auth_backends.AuthenticationBackend):
    """A password, by user name or e-mail; with WAYBILL_LOCAL_LOGIN=0 only of operators."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:
        """Return the account whose password this is; None where it is wrong or does not count."""
        user = super().authenticate(request, **credentials)
        return user if user is None or settings.LOCAL_LOGIN or getattr(user, "is_staff", False) else None
