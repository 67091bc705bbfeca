"""Records in the audit log what people do when they sign in."""

from typing import Any

from allauth.account import signals as account
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.contrib.auth import signals as auth
from django.http import HttpRequest
from django.utils.translation import gettext_noop

from roles.audit import audit
from roles.models import User

# Stands for whoever is not known here: what was typed as a name may be a password.
NOBODY = User(pk=0, username=gettext_noop("unknown person"))
TOTP, RECOVERY = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES


def failed(user: User | None, step: str) -> None:
    """Record a refused sign-in; `step` is "password" or "code"."""
    audit.record(None, "fail sign-in", user or NOBODY, by=None, changes={"step": step})


def signed_in(request: HttpRequest, user: User, **_others: Any) -> None:
    """Record a sign-in and how it was proved."""
    methods = [found["method"] for found in get_authentication_records(request, user)]
    audit.record(None, "sign in", user, by=user, changes={"with": ", ".join(dict.fromkeys(methods))})


def signed_out(request: HttpRequest, user: User | None, **_others: Any) -> None:
    """Record that somebody signed out."""
    if user is not None:
        audit.record(None, "sign out", user, by=user)


def password_changed(request: HttpRequest, user: User, **_others: Any) -> None:
    """Record that the password changed."""
    audit.record(None, "change password", user, by=user)


def password_reset(request: HttpRequest, user: User, **_others: Any) -> None:
    """Record that the password changed through a mailed link."""
    audit.record(None, "reset password", user, by=user)


def factor_added(user: User, authenticator: Authenticator, **_others: Any) -> None:
    """Record a second factor; its recovery codes come with it."""
    if authenticator.type == TOTP:
        audit.record(None, "turn on second factor", user, by=user)


def factor_removed(user: User, authenticator: Authenticator, **_others: Any) -> None:
    """Record that the second factor was removed."""
    if authenticator.type == TOTP:
        audit.record(None, "turn off second factor", user, by=user)


def codes_renewed(user: User, **_others: Any) -> None:
    """Record new recovery codes."""
    audit.record(None, "renew recovery codes", user, by=user)


def factor_used(user: User, authenticator: Authenticator, **_others: Any) -> None:
    """Record that a recovery code was used."""
    if authenticator.type == RECOVERY:
        audit.record(None, "use recovery code", user, by=user)


def code_refused(user: User, **_others: Any) -> None:
    """Record a wrong code."""
    failed(user, "code")


RECEIVERS = (
    (account.user_logged_in, signed_in),
    (auth.user_logged_out, signed_out),
    (account.password_changed, password_changed),
    (account.password_set, password_changed),
    (account.password_reset, password_reset),
    (mfa.authenticator_added, factor_added),
    (mfa.authenticator_removed, factor_removed),
    (mfa.authenticator_reset, codes_renewed),
    (mfa.authenticator_used, factor_used),
    (mfa.authentication_failed, code_refused),
)


def connect() -> None:
    """Connect the receivers; called once, when the app is ready."""
    for signal, receiver in RECEIVERS:
        signal.connect(receiver, dispatch_uid=f"waybill {receiver.__name__}")
