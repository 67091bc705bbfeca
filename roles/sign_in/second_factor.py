"""Codes as the second factor: their secrets are encrypted at rest, and each code works once."""

from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import forms as base
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY, generate_totp_secret
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from roles.secrets import store
from roles.sign_in import tries
from roles.sign_in.forms import plain

# A code is accepted for this long: its own half minute, and as many before and after as are tolerated.
SECONDS = 30 * (2 * settings.MFA_TOTP_TOLERANCE + 1)


class MFAAdapter(DefaultMFAAdapter):
    """Encrypts the secrets of codes in the database, like those of connections."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is wrong or was already used. Enter the current code."),
        "cannot_generate_recovery_codes": _("Turn on the second factor first."),
        "unreadable": _("The second factor of this account cannot be read. Ask your Waybill operator to remove it."),
    }

    def encrypt(self, text: str) -> str:
        """Return `text` encrypted with the installation's keys."""
        return store.encrypt({"text": text})

    def decrypt(self, encrypted_text: str) -> str:
        """Return what `encrypt` was given. Raises UnreadableSecretError."""
        return store.decrypt(encrypted_text)["text"]


class OnceMixin:
    """A form that takes a code; a used code is refused for as long as it is valid."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        take_code(self)  # type: ignore[arg-type]

    def clean_code(self: Any) -> str:
        """Return the code, or refuse it. Raises TooSoonError."""
        attempt = tries.count_try(context.request, "code", self.user)
        try:
            code: str = super().clean_code()  # type: ignore[misc]
        except store.UnreadableSecretError:
            raise MFAAdapter().validation_error("unreadable") from None
        is_totp = self.authenticator.type == Authenticator.Type.TOTP
        if is_totp and not cache.add(f"waybill:code:{self.user.pk}:{normal(code)}", "1", timeout=SECONDS):
            raise MFAAdapter().validation_error("incorrect_code")
        attempt.take_back()
        return code


class AuthenticateForm(OnceMixin, base.AuthenticateForm):
    """The code at the log-in."""


class ReauthenticateByCodeForm(OnceMixin, base.ReauthenticateForm):
    """The code before a sensitive action."""


class ActivateForm(totp.ActivateTOTPForm):
    """The first code; the new secret waits in the session, encrypted, because sessions are in the database."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        forms.Form.__init__(self, *args, **kwargs)
        self.secret = self._kept_secret() if self.is_bound else self._new_secret()
        take_code(self)

    def clean_code(self) -> str:
        """Return the code, or refuse it. Raises TooSoonError."""
        attempt = tries.count_try(context.request, "code", self.user)
        code: str = super().clean_code()
        attempt.take_back()
        return code

    def _kept_secret(self) -> str:
        kept = context.request.session.get(SECRET_SESSION_KEY)
        try:
            return MFAAdapter().decrypt(kept) if kept else self._new_secret()
        except store.UnreadableSecretError:
            return self._new_secret()

    def _new_secret(self) -> str:
        secret = generate_totp_secret()
        context.request.session[SECRET_SESSION_KEY] = MFAAdapter().encrypt(secret)
        return secret


def take_code(form: forms.Form) -> None:
    """Lay out the field `code` for digits, on telephones too."""
    plain(form, code=_("Code"))
    attributes = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "spellcheck": "false"}
    form.fields["code"].widget.attrs = attributes


def normal(code: str) -> str:
    """Return a code without the blanks and hyphens that people type."""
    return "".join(letter for letter in code if letter.isdigit())
