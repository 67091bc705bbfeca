"""The forms of the front door."""

from typing import Any

from allauth.account import forms
from django.utils.translation import gettext_lazy as _


class LoginForm(forms.LoginForm):
    """User name or e-mail, and password; the answer does not tell which of them is wrong."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login, password = self.fields["login"], self.fields["password"]
        login.label = _("User name or e-mail")
        login.widget.attrs = {"autofocus": True, "autocomplete": "username"}
        password.widget.attrs = {"autocomplete": "current-password"}
        password.help_text = ""
