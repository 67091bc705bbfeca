"""The forms for signing in."""

from typing import TYPE_CHECKING, Any

from allauth.account import forms
from allauth.core import context
from django.forms import Form
from django.utils.translation import gettext_lazy as _

from roles.sign_in import tries
from roles.sign_in.adapter import account_of
from roles.validators import composed

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

NEW_PASSWORD_HELP = _("At least 8 characters; not a common password, and not similar to your name or e-mail.")


class LoginForm(forms.LoginForm):
    """User name or e-mail, and password; the answer does not say which of them is wrong."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, login=_("User name or e-mail"), password=_("Password"))
        self.fields["login"].widget.attrs |= {"autocomplete": "username", "spellcheck": "false"}
        wanted = "password" if self.data.get("login") else "login"  # after a wrong password only that is typed again
        self.fields[wanted].widget.attrs["autofocus"] = True

    def clean_login(self) -> str:
        """Compose the typed name, like stored names."""
        return composed(super().clean_login())

    def user_credentials(self) -> dict[str, str]:
        """Identify the account by its user name, so that each attempt checks one password."""
        credentials = super().user_credentials()
        account = account_of(**credentials)
        return {"username": account.username, "password": credentials["password"]} if account else credentials


class ChangePasswordForm(forms.ChangePasswordForm):
    """A new password, for people who know the old one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, oldpassword=_("Current password"), password1=_("New password"), password2=_("Repeat new password"))
        self.fields["password1"].help_text = NEW_PASSWORD_HELP

    def clean_oldpassword(self) -> str:
        """Return the old password, whose tries are limited here too. Raises TooSoonError."""
        attempt = tries.count_try(context.request, "password", self.user)
        password: str = super().clean_oldpassword()
        attempt.take_back()
        return password


class ResetPasswordForm(forms.ResetPasswordKeyForm):
    """A new password, for people who have the mailed link."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, password1=_("New password"), password2=_("Repeat new password"))
        self.fields["password1"].help_text = NEW_PASSWORD_HELP


class ReauthenticateForm(forms.ReauthenticateForm):
    """The password again, before a sensitive action."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, password=_("Password"))
        self.fields["password"].widget.attrs["autofocus"] = True


class AskForLinkForm(Form):
    """The address to which a link is sent if an account has it."""

    email = forms.EmailField(label=_("E-mail"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, email=_("E-mail"))


def plain(form: Form, **labels: "StrOrPromise") -> None:
    """Give the fields our labels, without placeholders and help."""
    for name, label in labels.items():
        field = form.fields[name]
        field.label, field.help_text = label, ""
        field.widget.attrs.pop("placeholder", None)
