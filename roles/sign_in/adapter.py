"""What Waybill decides differently from django-allauth."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from roles.auditing.origin import client_address
from roles.models import User
from roles.sign_in import recording

WRONG = _("User name or password is wrong.")
NO_ADDRESS = "::"  # of a client on a socket of this machine


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by invitation or single sign-on, never by signing up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
        "too_many_login_attempts": _("Too many attempts. Wait a few minutes, then try again."),
        "rate_limited": _("Too many attempts. Wait a few minutes, then try again."),
        "enter_current_password": _("This is not your password. Enter the one that you use now."),
        "incorrect_password": _("This is not your password. Try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up by themselves."""
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: the page that follows shows what happened."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the audit log shows, too."""
        return client_address(request) or NO_ADDRESS

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count attempts by account, whichever of its names is typed and under whatever host."""
        user = account_of(**credentials)
        typed = credentials.get("email") or credentials.get("username") or ""
        return f"account {user.pk}" if user else f"typed {typed.lower()}"

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a wrong password; of an account that is not there, not even what was typed."""
        recording.failed(account_of(**credentials), "password")

    def login(self, request: HttpRequest, user: Any) -> None:
        """Begin the session, unless the account was switched off between password and code."""
        if not user.is_active:
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
        super().login(request, user)

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Say that the account is switched off, and keep nothing of the attempt."""
        request.session.flush()
        return redirect("account_inactive")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Go back to one's account."""
        return reverse("account")


def account_of(username: str = "", email: str = "", **_others: Any) -> User | None:
    """Return the account that somebody means, by user name or e-mail in whatever case."""
    user = get_user_by_username(username) if username else None
    users = filter_users_by_email(email or username, for_login=True) if user is None and (email or username) else []
    return user or min(users, key=lambda each: each.pk, default=None)
