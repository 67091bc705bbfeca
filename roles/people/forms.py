"""The forms of Settings > Permissions."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import QueryDict
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from roles.fields import LineField
from roles.models import Environment, GroupRole, RoleAssignment, User
from roles.people.invitations import DAYS, USUAL_DAYS
from roles.roles import DESCRIPTIONS, Role

LONGEST = 254  # characters of an e-mail address


def role_field(label: Any) -> forms.ChoiceField:
    """Return a choice of roles, each with its purpose."""
    choices = [(role.value, format_lazy("{}: {}", role.label, DESCRIPTIONS[role])) for role in Role]
    missing = {"required": _("Choose a role.")}
    return forms.ChoiceField(label=label, choices=choices, widget=forms.RadioSelect, error_messages=missing)


class AddForm(forms.Form):
    """Whom to add: an account by its exact user name or e-mail address, or an invitation for an address.

    After `is_valid`, `user` is the account that was found; without one the address is asked to be invited first.
    """

    person = LineField(
        label=_("User name or e-mail"),
        error_messages={"required": _("Enter a user name or an e-mail address.")},
        max_length=LONGEST,
        help_text=_("Exactly as in their account. If an address has no account, you can create an invitation."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "input"}),
    )
    role = role_field(_("Role"))
    days = forms.TypedChoiceField(label=_("Link expires in"), coerce=int)

    def __init__(self, environment: Environment, by: User, data: QueryDict | None = None) -> None:
        if data is not None and "days" not in data:  # the first round does not ask; the second offers the usual
            data = data.copy()
            data["days"] = str(USUAL_DAYS)
        super().__init__(data)
        self.environment, self.by = environment, by
        self.user: User | None = None
        self.is_unknown = False  # an address to which an invitation can be made
        self.fields["days"].choices = [(n, ngettext("%d day", "%d days", n) % n) for n in DAYS]  # type: ignore[attr-defined]
        self.fields["role"].initial = Role.VIEWER

    def clean(self) -> dict[str, Any]:
        """Look for the account, unless an invitation was asked for."""
        cleaned = super().clean() or {}
        if person := cleaned.get("person", "").strip():
            self._look_for(person)
        return cleaned

    def _look_for(self, person: str) -> None:
        found = accounts_called(person)
        if len(found) > 1:
            self.add_error("person", _("Several accounts use this e-mail address. Enter the user name instead."))
        elif found:
            self.user = found[0]
            self._refuse_members(self.user)
        elif is_email(person):
            self.is_unknown = True
        else:
            self.add_error("person", _("Account not found. Enter an e-mail address to create an invitation."))

    def _refuse_members(self, user: User) -> None:
        own = RoleAssignment.objects.filter(environment=self.environment, user=user).first()
        if own and (not own.group or user == self.by):
            text = _("%(name)s already has the role %(role)s. Change it in the list.")
            self.add_error("person", text % {"name": user, "role": own.get_role_display()})


def accounts_called(text: str) -> list[User]:
    """Return the accounts with this exact user name, else with this e-mail address in any case; two at most.

    What looks like an address is one first: a user name like it may be somebody else's.
    """
    able = User.objects.filter(is_active=True)
    named, addressed = able.filter(username=text)[:1], able.filter(email__iexact=text)[:2] if text else []
    if "@" not in text:
        return list(named) or list(addressed)
    return [one for one in named if one.email.lower() == text.lower()] or list(addressed) or list(named)


def is_email(text: str) -> bool:
    """Whether `text` is an e-mail address."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


class OwnRoleMixin(forms.Form):
    """Asks people to confirm a change of their own role: `own`, None for other people's roles."""

    myself = forms.BooleanField(required=False)
    own: RoleAssignment | None

    def ask_oneself(self, own: RoleAssignment | None) -> None:
        """Show the confirmation if it is the person's own role."""
        self.own = own
        if own:
            self.fields["myself"].label = own_label(own)
        else:
            del self.fields["myself"]

    def clean(self) -> dict[str, Any]:
        """Require the confirmation if another role was chosen."""
        cleaned = super().clean() or {}
        if self.own and cleaned.get("role", self.own.role) != self.own.role and not cleaned.get("myself"):
            self.add_error("myself", _("Tick this too: you are changing your own role."))
        return cleaned


class ChangeForm(OwnRoleMixin, forms.Form):
    """Another role for one or several people."""

    role = role_field(_("New role"))

    def __init__(self, people: list[RoleAssignment], by: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ask_oneself(next((one for one in people if one.user_id == by.pk), None))
        roles = {one.role for one in people}
        if len(roles) == 1:
            self.fields["role"].initial = roles.pop()


def own_label(own: RoleAssignment, *, removing: bool = False) -> str:
    """Return the label of the confirmation for changing or removing one's own role."""
    text = _("I am %(name)s and change my own role. I may not be able to undo it.")
    if removing:
        text = _("I am %(name)s and remove myself. I cannot undo it.")
    return str(text % {"name": own.user})


class GroupForm(OwnRoleMixin, forms.ModelForm):
    """A group of the single sign-on, and the role that it gives."""

    role = role_field(_("Role"))

    class Meta:
        model = GroupRole
        fields = ["group", "role"]
        labels = {"group": _("Group")}
        error_messages = {"group": {"required": _("Enter the group's name.")}}
        help_texts = {"group": _("Exactly as the identity provider spells it, including capitals.")}
        widgets = {"group": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "input"})}

    def __init__(self, own: RoleAssignment | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ask_oneself(own)
        if self.instance.pk:
            self.fields["group"].disabled = True
        else:
            self.fields["role"].initial = Role.VIEWER

    def clean_group(self) -> str:
        """Refuse a group that already has a role."""
        group = self.cleaned_data["group"].strip()
        if not self.instance.pk and self._is_taken(group):
            raise ValidationError(_("This group already has a role. Change it in the list."))
        return group

    def _is_taken(self, group: str) -> bool:
        return GroupRole.objects.filter(environment=self.instance.environment, group=group).exists()
