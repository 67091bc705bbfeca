"""Your account: one's name and role, password, second factor and sessions."""

from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as factor
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.usersessions.models import UserSession
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from roles import language, reader, zones
from roles.access.policy import signed_in
from roles.edits.edit import About, Edit, again_if_moved
from roles.edits.parts import Part, parts_of
from roles.models import User
from roles.sign_in import devices, sessions
from roles.sign_in.adapter import NO_ADDRESS
from roles.sign_in.views import WaitMixin


class ReadingForm(forms.Form):
    """The language, where there is a choice, and the time zone in which one reads."""

    language = language.LanguageField(
        label=gettext_lazy("Language"),
        empty=gettext_lazy("As the environment"),
        help_text=gettext_lazy(
            "Language of pages and e-mails. “As the environment” uses the environment's language or, if none is "
            "set, your browser's."
        ),
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        required=False,
        widget=forms.Select(attrs={"translate": "no"}),  # names of zones
        help_text=gettext_lazy("Pages and mails show times in it. Schedules keep their own."),
        error_messages={"invalid_choice": gettext_lazy("Choose a time zone from the list.")},
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        initial = {"language": user.language, "time_zone": user.time_zone}
        super().__init__(*args, **{"initial": initial} | kwargs)
        if not language.is_a_choice():
            del self.fields["language"]
        self.fields["time_zone"].choices = [("", _environments_zone(user)), *_zones_for(user)]  # type: ignore[attr-defined]


def _environments_zone(user: User) -> str:
    """Say which zone the environments of `user` have, if it is one."""
    name = reader.zone_of_environments(user)
    return _("Environment’s (%(zone)s)") % {"zone": name} if name else _("Each environment’s own")


def _zones_for(user: User) -> list[Any]:
    """Return the zones to choose from, with the one that the user has chosen earlier."""
    also = [name] if (name := zones.name_of(user.time_zone)) else []
    return zones.grouped(timezone.now(), also)


@signed_in
@require_safe
def show(request: Any) -> HttpResponse:
    """The page *Your account*."""
    return show_account(request, ReadingForm(request.user), _compared(request))


def show_account(request: Any, reading_form: ReadingForm, edit: Edit, *, status: int = 200) -> HttpResponse:
    """Return the page with `reading_form`."""
    user = request.user
    factors = {found.type: found for found in Authenticator.objects.filter(user=user)}
    recovery_codes = factors.get(Authenticator.Type.RECOVERY_CODES)
    alive = sessions.sessions_of(user)[: sessions.MOST]
    context = {
        "roles": user.role_assignments.select_related("environment").order_by("environment__name"),
        "factor": factors.get(Authenticator.Type.TOTP),
        "codes_left": _codes_left(recovery_codes),
        "reading_form": reading_form,
        "edit": edit,
        "sessions": [_shown(found, request.session.session_key) for found in alive],
    }
    return render(request, "account/account.html", context, status=status)


def _codes_left(recovery_codes: Authenticator | None) -> int:
    """Return how many codes are unused, without reading the secret that they come from."""
    used = recovery_codes.data["used_mask"].bit_count() if recovery_codes else settings.MFA_RECOVERY_CODE_COUNT
    return settings.MFA_RECOVERY_CODE_COUNT - used


def _shown(session: Any, current: str) -> dict[str, Any]:
    return {
        "pk": session.pk,
        "browser": sessions.name_of(session.user_agent),
        "address": "" if session.ip == NO_ADDRESS else session.ip,
        "since": session.created_at,
        "seen_at": session.last_seen_at,
        "is_this": session.session_key == current,
    }


def _compared(request: Any, post: QueryDict | None = None) -> Edit:
    form = ReadingForm(User.objects.get(pk=request.user.pk))
    return Edit(About("reading", request.user), parts_of(form), post, parts_of(form, post) if post is not None else {})


def _locked(request: Any) -> dict[str, Part]:
    return parts_of(ReadingForm(User.objects.select_for_update(no_key=True).get(pk=request.user.pk)))


@signed_in
@require_POST
@again_if_moved
def choose_reading(request: Any) -> HttpResponse:
    """Store the language and the time zone of one's choice."""
    edit = _compared(request, request.POST)
    form = ReadingForm(request.user, edit.data)
    if not form.is_valid() or not edit.is_settled:
        return show_account(request, form, edit, status=422)
    with edit.held(lambda: _locked(request)):
        for name, value in form.cleaned_data.items():
            setattr(request.user, name, value)
        request.user.save(update_fields=list(form.cleaned_data))
    reader.activate_for(request)
    is_about_both = "language" in form.cleaned_data
    messages.success(request, _("Language and time zone saved.") if is_about_both else _("Time zone saved."))
    return redirect("account")


@signed_in
@require_POST
def end_session(request: Any, pk: int) -> HttpResponse:
    """End one of one's own sessions; this one ends by logging out."""
    found = sessions.sessions_of(request.user).filter(pk=pk) if pk < 2**63 else UserSession.objects.none()
    session = found.first()
    if session is None:
        raise Http404
    if session.session_key != request.session.session_key:
        sessions.end(found, by=request.user)
        words = {"browser": sessions.name_of(session.user_agent)}
        messages.success(request, _("Session with %(browser)s ended.") % words)
    return redirect("account")


@signed_in
@require_POST
def end_other_sessions(request: Any) -> HttpResponse:
    """End all of one's sessions but this one."""
    ended = sessions.end_others(request)
    messages.success(request, ngettext("%(n)d session ended.", "%(n)d sessions ended.", ended) % {"n": ended})
    return redirect("account")


class ChangePasswordView(WaitMixin, account.PasswordChangeView):
    """A new password for people who have one here; their other sessions end."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send people who sign in elsewhere back: they have no password here."""
        if not request.user.has_usable_password():
            return redirect("account")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it, and end the other sessions."""
        response = super().form_valid(form)
        sessions.end_others(self.request)
        devices.remember(self.request, response, self.request.user)
        messages.success(self.request, _("Password changed. Your other sessions ended."))
        return response


class ActivateFactorView(WaitMixin, totp.ActivateTOTPView):
    """The QR code and the first code."""

    def get_success_url(self) -> str:
        """Lead to the recovery codes, or to the account if they have been shown."""
        return reverse("mfa_view_recovery_codes" if self.did_generate_recovery_codes else "account")


class DeactivateFactorView(totp.DeactivateTOTPView):
    """Turns the second factor off."""

    success_url = reverse_lazy("account")

    def form_valid(self, form: Any) -> HttpResponse:
        """Turn it off and say so."""
        messages.success(self.request, _("Second factor turned off. You now log in with your password only."))
        return super().form_valid(form)


class CodeView(WaitMixin, factor.AuthenticateView):
    """The code at the log-in."""


class RecoveryCodesView(recovery.ViewRecoveryCodesView):
    """The recovery codes, shown once, also as a text to keep."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the codes as a file."""
        context = super().get_context_data(**kwargs)
        return context | {"file": "%0D%0A".join(context["unused_codes"])}


change_password = ChangePasswordView.as_view()
activate_factor = ActivateFactorView.as_view()
deactivate_factor = DeactivateFactorView.as_view()
authenticate = CodeView.as_view()
recovery_codes = RecoveryCodesView.as_view()
