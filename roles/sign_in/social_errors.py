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

    title = _("Single sign-on is currently unavailable")
    text = _(
        "The provider's answer was not usable. Try again in a few minutes; if it fails again, contact your Waybill "
        "operator."
    )
    status = 502


class SetupError(ProviderError):
    """The provider's answers or our settings of it are wrong, and stay so until somebody changes them."""

    title = _("Single sign-on is not set up correctly")
    text = _("Trying again won't help. Contact your Waybill operator; the log has the cause.")


class ExpiredError(ProviderError):
    """The provider no longer knows what it sent the browser back with."""

    title = _("You are not logged in")
    text = _("The provider rejected this login. Log in again; if it fails again, contact your Waybill operator.")


class TokenError(SignInRefusedError):
    """What the provider's answer proves is not what was asked for."""

    text = _(
        "The provider's answer could not be verified. Log in again; if it fails again, contact your Waybill "
        "operator."
    )  # fmt: skip


class UnknownStateError(SignInRefusedError):
    """The answer belongs to no log-in that this browser began."""

    text = _("The login took too long or started in another browser. Log in again.")
    status = 400


class DeniedError(SignInRefusedError):
    """The person or the provider broke off."""

    text = _("The provider denied access, or you canceled. Log in again, or ask your provider's administrator.")


class DeactivatedError(SignInRefusedError):
    """The account was switched off here."""

    title = _("Your account is switched off")
    text = _("Your Waybill account is switched off. Ask your Waybill operator to switch it on.")
