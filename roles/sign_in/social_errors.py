"""Why a single sign-on did not let somebody in, for the page that says so."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class SignInRefusedError(Exception):
    """Nobody was let in. `title` and `text` are for the person, `reason` for the operator's log: no secrets in it."""

    title: str | Promise = _("You are not logged in")
    text: str | Promise = _("Log in again.")
    status = 403

    def __init__(self, reason: str = "", text: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        if text:
            self.text = text


class ProviderError(SignInRefusedError):
    """The provider does not answer, which may be over in some minutes."""

    title = _("Single sign-on does not work at the moment")
    text = _("The provider gave no usable answer. Try again in a few minutes, then tell whoever operates Waybill.")
    status = 502


class SetupError(ProviderError):
    """The provider's answers or our settings of it are wrong, and stay so until somebody changes them."""

    title = _("Single sign-on is not set up correctly")
    text = _("Trying again will not help. Tell whoever operates Waybill; the log says what is wrong.")


class ExpiredError(ProviderError):
    """The provider no longer knows what it sent the browser back with."""

    title = _("You are not logged in")
    text = _("The provider did not accept this log-in. Log in again; if it stays so, tell whoever operates Waybill.")


class TokenError(SignInRefusedError):
    """What the provider's answer proves is not what was asked for."""

    text = _("What came back from the provider cannot be trusted. Log in again; if it stays so, tell whoever operates "
             "Waybill.")  # fmt: skip


class UnknownStateError(SignInRefusedError):
    """The answer belongs to no log-in that this browser began."""

    text = _("The log-in took too long, or was begun elsewhere. Log in again.")
    status = 400


class DeniedError(SignInRefusedError):
    """The person or the provider broke off."""

    text = _("The provider did not let you in, or you canceled. Log in again, or ask whoever manages its accounts.")


class DeactivatedError(SignInRefusedError):
    """The account was switched off here."""

    title = _("Your account is switched off")
    text = _("Your account was switched off in Waybill. Ask whoever operates it to switch it on again.")
