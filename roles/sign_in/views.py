"""The pages of the front door, where they differ from django-allauth's own."""

from typing import Any

from allauth.account import views as account
from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_lazy

from roles import limits
from roles.sign_in import sessions
from roles.sign_in.forms import AskForLinkForm
from roles.sign_in.reset import ask_for_link

DEMO_LOGINS = (
    {"username": "ada", "role": gettext_lazy("Administrator")},
    {"username": "carl", "role": gettext_lazy("Contributor")},
    {"username": "vera", "role": gettext_lazy("Viewer")},
)
DEMO_PASSWORD = "waybill-demo"  # noqa: S105 - printed on the demo's log-in page
TOO_MANY = ("too_many_login_attempts", "rate_limited")


class LoginView(account.LoginView):
    """The log-in page; the demo's says with whom one can log in."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the demo's log-ins where this is a demo."""
        logins = {"demo_logins": DEMO_LOGINS, "demo_password": DEMO_PASSWORD} if settings.DEMO else {}
        return super().get_context_data(**kwargs) | logins

    def form_invalid(self, form: Any) -> HttpResponse:
        """Answer 429 to whoever tried too often."""
        response = super().form_invalid(form)
        response.status_code = status_of(form)
        return response


class SetPasswordView(account.PasswordResetFromKeyView):
    """The page of the mailed link; it leads back to the log-in, and whoever was signed in is out."""

    def form_valid(self, form: Any) -> HttpResponse:
        """End the account's sessions, and say what to do next."""
        super().form_valid(form)
        sessions.end(sessions.sessions_of(self.reset_user), by=self.reset_user)
        get_adapter()._delete_login_attempts_cached_email(self.request, username=self.reset_user.username)
        messages.success(self.request, gettext("Your password is set. Log in with it."))
        return redirect("account_login")

    def get_success_url(self) -> str:
        """Return where `form_valid` goes, too."""
        return settings.LOGIN_URL


def reset_password(request: HttpRequest) -> HttpResponse:
    """Ask for a link by mail; the answer is the same whether there is such an account or not."""
    form = AskForLinkForm(request.POST or None)
    can_send = settings.MAIL_IS_SET_UP
    if request.method != "POST" or not can_send or not form.is_valid():
        return render(request, "account/password_reset.html", {"form": form, "can_send": can_send})
    email = form.cleaned_data["email"]
    if not ratelimit.consume(request, action="reset_password", key=email):
        return too_many(request)
    ask_for_link(request, email)
    text = gettext("If there is an account with this address, a link to set a new password is on its way to it.")
    messages.info(request, text)
    return redirect("account_login")


def inactive(request: HttpRequest) -> HttpResponse:
    """Say that an account is switched off."""
    return render(request, "account/account_inactive.html", status=403)


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer 429 to whoever asks the front door too often."""
    return limits.too_many(request, 60)


def status_of(form: Any) -> int:
    """Return the status of the page with a form that was refused."""
    codes = {error.code for errors in form.errors.as_data().values() for error in errors}
    return 429 if codes & set(TOO_MANY) else 200


login = LoginView.as_view()
set_password = SetPasswordView.as_view()
