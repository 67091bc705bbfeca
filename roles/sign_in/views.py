"""The pages for signing in, where they differ from django-allauth's."""

from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as factor
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_lazy

from roles.net import limits
from roles.sign_in import devices, sessions, tries
from roles.sign_in.adapter import account_of
from roles.sign_in.forms import AskForLinkForm
from roles.sign_in.reset import ask_for_link

DEMO_LOGINS = (
    {"username": "ada", "role": gettext_lazy("Administrator")},
    {"username": "carl", "role": gettext_lazy("Contributor")},
    {"username": "vera", "role": gettext_lazy("Viewer")},
)
DEMO_PASSWORD = "waybill-demo"  # noqa: S105 - printed on the demo's log-in page


class WaitMixin:
    """A view whose form can be sent too often: the answer is then 429, with the seconds to wait."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again."""
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]
        if seconds := seconds_to_wait(form):
            response.status_code, response.headers["Retry-After"] = 429, str(seconds)
        return response


class LoginView(WaitMixin, account.LoginView):
    """The log-in page; the demo's shows its accounts."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the demo's accounts in the demo."""
        logins = {"demo_logins": DEMO_LOGINS, "demo_password": DEMO_PASSWORD} if settings.DEMO else {}
        return super().get_context_data(**kwargs) | logins

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Log in, unless too many forms come from this address."""
        seconds = tries.count_form(request, account_of(request.POST.get("login", "").strip()))
        return limits.too_many(request, seconds) if seconds else super().post(request, *args, **kwargs)


class ReauthenticateView(WaitMixin, account.ReauthenticateView):
    """The password again."""


class ReauthenticateByCodeView(WaitMixin, factor.ReauthenticateView):
    """A code again."""


class SetPasswordView(account.PasswordResetFromKeyView):
    """The page of the mailed link; leads to the log-in and ends the account's sessions."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Set the password, unless too many forms come from this address."""
        seconds = tries.count_form(request, None)
        return limits.too_many(request, seconds) if seconds else super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """End the account's sessions, and say what to do next."""
        super().form_valid(form)
        sessions.end(sessions.sessions_of(self.reset_user), by=self.reset_user)
        tries.clear_password_tries(self.reset_user)
        messages.success(self.request, gettext("Password set. Log in with it."))
        response = redirect("account_login")
        if not is_mfa_enabled(self.reset_user):  # else who reads its mail would have a new count of codes each time
            devices.remember(self.request, response, self.reset_user)
        return response

    def get_success_url(self) -> str:
        """Return the address that `form_valid` leads to."""
        return settings.LOGIN_URL


def reset_password(request: HttpRequest) -> HttpResponse:
    """Ask for a link by mail; the answer does not reveal whether there is such an account."""
    form = AskForLinkForm(request.POST or None)
    can_send = settings.MAIL_IS_SET_UP
    if request.method != "POST" or not can_send or not form.is_valid():
        return render(request, "account/password_reset.html", {"form": form, "can_send": can_send})
    email = form.cleaned_data["email"]
    try:
        tries.count_try(request, "reset", account_of(email=email), email)
    except tries.TooSoonError as error:
        return limits.too_many(request, error.seconds)
    ask_for_link(email)
    text = gettext("If an account uses this address, we sent it a link to set a new password.")
    messages.info(request, text)
    return redirect("account_login")


def inactive(request: HttpRequest) -> HttpResponse:
    """Say that an account is switched off."""
    return render(request, "account/account_inactive.html", status=403)


def seconds_to_wait(form: Any) -> int:
    """Return the seconds until a refused form may be sent again; 0 if it was refused for another reason."""
    errors = [error for each in form.errors.as_data().values() for error in each]
    return max((error.params["seconds"] for error in errors if error.code == tries.TOO_SOON), default=0)


login = LoginView.as_view()
set_password = SetPasswordView.as_view()
reauthenticate = ReauthenticateView.as_view()
reauthenticate_by_code = ReauthenticateByCodeView.as_view()
