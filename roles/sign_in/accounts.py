"""Local accounts: create one, and sign somebody in, with the same checks as everywhere else."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from roles import lookalikes
from roles.audit import audit
from roles.fields import AddressField, LineField, NameField
from roles.models import User
from roles.validators import one_line, visible_name

NAME_LENGTH = 150  # characters, of a name and of a user name
FIELDS = ("name", "username", "email", "password")


def create_account(*, name: str, username: str, email: str, password: str, by: User | None = None) -> User:
    """Make a local account and record it; `by` None: the person themselves.

    Raises ValidationError with the wrong fields of name, username, email and password.
    """
    first, last = split_name(name)
    username = User.normalize_username(username.strip())
    user = User(username=username, email=email.strip().lower(), first_name=first, last_name=last)
    validate_account(user, password)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
            audit.record(None, "create account", user, by=by or user)
    except IntegrityError:
        raise ValidationError({"username": _("This user name is taken. Choose another one.")}) from None
    return user


def validate_account(user: User, password: str) -> None:
    """Raise ValidationError, by field, unless `user` can be saved as a new account with `password`."""
    checks = {
        "name": lambda: _check_name(user),
        "username": lambda: _check_username(user.username, user.email),
        "email": lambda: _check_email(user.email),
        "password": lambda: password_validation.validate_password(password, user),
    }
    errors = {}
    for name, check in checks.items():
        try:
            check()
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)


def sign_in(request: HttpRequest, user: User, redirect_url: str = "") -> HttpResponse:
    """Sign `user` in as the log-in page does (second factor, sessions, audit) and return where that leads."""
    return perform_login(request, Login(user=user, redirect_url=redirect_url or None))


class AccountForm(forms.Form):
    """The data of a new local account; `save` creates it. A given `email` (of an invitation) is fixed.

    With `email` given (an invitation's) the address is fixed.
    """

    name = NameField(label=gettext_lazy("Your name"), max_length=NAME_LENGTH)
    username = LineField(
        label=gettext_lazy("User name"),
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("Letters, digits and @ . + - _ only. Log in with it or with your e-mail address."),
    )
    email = AddressField(label=gettext_lazy("E-mail"))
    password = forms.CharField(
        label=gettext_lazy("Password"), strip=False, widget=forms.PasswordInput,
        help_text=gettext_lazy("At least 8 characters, not a common password."),
    )  # fmt: skip

    def __init__(self, *args: Any, email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field, autocomplete in zip(FIELDS, ("name", "username", "email", "new-password"), strict=True):
            self.fields[field].widget.attrs["autocomplete"] = autocomplete
        if email:
            self.fields["email"].initial, self.fields["email"].disabled = email, True

    def clean(self) -> dict[str, Any]:
        """Find all errors before anything is created."""
        values = {name: self.cleaned_data.get(name, "") for name in FIELDS}
        first, last = split_name(values["name"])
        username = User.normalize_username(values["username"])
        user = User(username=username, email=values["email"].lower(), first_name=first, last_name=last)
        try:
            validate_account(user, values["password"])
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                if name not in self.errors:
                    self.add_error(name, messages)
        return self.cleaned_data

    def save(self, by: User | None = None) -> User:
        """Create the account. Raises ValidationError if the user name was taken a moment ago."""
        return create_account(**{name: self.cleaned_data[name] for name in FIELDS}, by=by)


def split_name(name: str) -> tuple[str, str]:
    """Return a name as first and last name; one word is a first name."""
    first, _space, last = " ".join(name.split()).rpartition(" ")
    return (first, last) if first else (last, "")


def _check_name(user: User) -> None:
    _need(user.first_name, _("Enter your name."))
    visible_name(user.get_full_name())


def _need(value: str, text: str) -> None:
    if not value:
        raise ValidationError(text)


def _check_username(username: str, email: str) -> None:
    """Refuse user names that are invalid, taken, or look like another's."""
    _need(username, _("Choose a user name."))
    if len(username) > NAME_LENGTH:
        raise ValidationError(_("At most 150 characters."))
    if "@" in username and username.lower() != email.lower():
        raise ValidationError(
            _("A user name in the form of an address must be your own address. Choose one without @.")
        )
    get_adapter().clean_username(username)
    try:
        lookalikes.refuse(username, User.objects.values_list("username", flat=True))
    except ValidationError as error:
        raise ValidationError(error.messages) from None


def _check_email(email: str) -> None:
    validate_email(email)
    one_line(email)
    if User.objects.filter(Q(email__iexact=email) | Q(username__iexact=email)).exists():
        raise ValidationError(_("This address already has an account. Log in with it."))
