"""Where Waybill differs from django-allauth."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from roles.audit.origin import client_address
from roles.models import User
from roles.sign_in import devices, recording, tries
from roles.typed import typed_path

WRONG = _("Wrong user name or password.")
NO_ADDRESS = "::"  # of a client on a socket of this machine


class AccountAdapter(DefaultAccountAdapter):
    """Accounts come from invitations or single sign-on, never from a sign-up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
        "enter_current_password": _("Wrong password. Enter your current password."),
        "incorrect_password": _("Wrong password. Try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Redirect only to pages of this site."""
        return bool(typed_path(url, context.request.get_host()))

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: the next page shows the result."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the audit log shows."""
        return client_address(request) or NO_ADDRESS

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Check a password, unless there were too many wrong ones. Raises TooSoonError."""
        typed = credentials.get("email") or credentials.get("username") or ""
        attempt = tries.count_try(request, "password", account_of(**credentials), typed)
        user = super().authenticate(request, **credentials)
        if user is not None:
            attempt.take_back()
        return user

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count nothing: `authenticate` does."""

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a wrong password; for an unknown account, not even the typed name."""
        recording.failed(account_of(**credentials), "password")

    def login(self, request: HttpRequest, user: Any) -> None:
        """Begin the session, unless the account was switched off between password and code."""
        if not user.is_active:
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: Any, **others: Any) -> Any:
        """Mark the browser as known, so that other people's wrong tries do not lock it out."""
        response = super().post_login(request, user, **others)
        devices.remember(request, response, user)
        return response

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Say that the account is switched off, and forget the attempt."""
        request.session.flush()
        return redirect("account_inactive")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Go back to one's account."""
        return reverse("account")


def account_of(username: str = "", email: str = "", **_others: Any) -> User | None:
    """Return the account with this user name or e-mail address, in any case."""
    if "\0" in username + email:  # which no text in the database can hold
        return None
    user = get_user_by_username(username) if username else None
    users = filter_users_by_email(email or username, for_login=True) if user is None and (email or username) else []
    return user or min(users, key=lambda each: each.pk, default=None)
