"""What each action of the audit log is called, as a sentence and as a choice of the filter."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from roles.audit.changes import number_of, value_of
from roles.models import AuditEvent


class Noun(NamedTuple):
    """A type of objects: `choice` is its name in the filter, `said` its name, with {name}, in a sentence."""

    choice: Any
    said: Any


class Words(NamedTuple):
    """The words of an action.

    `choice` names it in the filter. `said` is its sentence with {who}, {what} or the bare {name}, followed by the new
    value of the change named `of`. `counted` is the whole sentence if that value is a number.
    """

    choice: Any
    said: Any
    of: str = ""
    counted: Callable[[int], str] | None = None


NOUNS: dict[str, Noun] = {
    "environment": Noun(_("Environment"), _("the environment {name}")),
    "grouprole": Noun(_("Group"), _("the group {name}")),
    "invitation": Noun(_("Invitation"), _("the invitation for {name}")),
    "roleassignment": Noun(_("Role"), _("the role of {name}")),
    "user": Noun(_("Person"), "{name}"),
}
ACTIONS: dict[str, Words] = {
    "create": Words(_("Add"), _("{who} added {what}")),
    "change": Words(_("Change"), _("{who} changed {what}")),
    "remove": Words(_("Remove"), _("{who} removed {what}")),
    "test": Words(_("Test"), _("{who} tested {what}")),
    "download": Words(_("Download"), _("{who} downloaded from {what}")),
    "download audit": Words(_("Download audit log"), _("{who} downloaded the audit log")),
    "environment.create": Words(_("Create environment"), _("{who} created {what}")),
    "give role": Words(_("Assign role"), _("{who} assigned a role to {what}"), "role"),
    "change role": Words(_("Change role"), _("{who} changed the role of {what}"), "role"),
    "remove role": Words(_("Remove role"), _("{who} removed {what} from the environment")),
    "give role by group": Words(_("Assign role through group"), _("A group gave {what} a role"), "role"),
    "change role by group": Words(_("Change role through group"), _("A group changed the role of {what}"), "role"),
    "remove role by group": Words(_("Remove role through group"), _("{what} lost the role of a group")),
    "add group role": Words(_("Assign role to group"), _("{who} assigned a role to {what}"), "role"),
    "change group role": Words(_("Change role of group"), _("{who} changed the role of {what}"), "role"),
    "remove group role": Words(_("Remove role of group"), _("{who} removed the role of {what}")),
    "invite": Words(_("Invite"), _("{who} invited {name}")),
    "renew invitation": Words(_("Renew invitation"), _("{who} renewed {what}")),
    "accept invitation": Words(_("Accept invitation"), _("{who} accepted {what}")),
    "withdraw invitation": Words(_("Withdraw invitation"), _("{who} withdrew {what}")),
    "rotate_secrets": Words(_("Rotate secrets"), _("The keys of stored secrets were rotated for {what}")),
    "follow provider": Words(_("Update name or address"), _("{what} has a new name or address at the provider")),
    "create account": Words(_("Create account"), _("{who} created the account of {what}")),
    "sign in": Words(_("Login"), _("{who} logged in")),
    "sign out": Words(_("Logout"), _("{who} logged out")),
    "change password": Words(_("Change password"), _("{who} changed their password")),
    "reset password": Words(_("Reset password"), _("{who} set a new password through an e-mailed link")),
    "turn on second factor": Words(_("Turn on second factor"), _("{who} turned on a second factor")),
    "turn off second factor": Words(_("Turn off second factor"), _("{who} turned off the second factor of {what}")),
    "renew recovery codes": Words(_("Renew recovery codes"), _("{who} created new recovery codes")),
    "use recovery code": Words(_("Use recovery code"), _("{who} used a recovery code")),
    "end session": Words(_("End session"), _("{who} ended a session"), "browser"),
    "see as": Words(_("View as support"), _("{who} (support) started to view {what} as"), "role"),
    "stop seeing as": Words(_("End view as support"), _("{who} (support) stopped viewing {what}")),
    "change zone": Words(_("Change time zone"), _("{who} changed the time zone of {what}"), "zone"),
    "change language": Words(_("Change language"), _("{who} changed the language of {what}"), "language"),
    "fail sign-in": Words(_("Failed login"), _("A login of {what} failed")),
}


def register(nouns: Mapping[str, Noun], actions: Mapping[str, Words]) -> None:
    """Add the words of an app's events: its objects by the names of their models, and its actions."""
    NOUNS.update(nouns)
    ACTIONS.update(actions)


def choice(action: str) -> str:
    """Return the action's name in the filter."""
    return str(ACTIONS[action].choice) if action in ACTIONS else _as_words(action)


def object_type(name: str) -> str:
    """Return the name of a type of objects."""
    return str(NOUNS[name].choice) if name in NOUNS else _as_words(name)


def sentence(event: AuditEvent) -> SafeString:
    """Return the event in plain words, with the object's name emphasised."""
    name = format_html('<strong translate="no">{}</strong>', event.object_name)
    template, parts = _said(event)
    what = format_html(_object(event.object_type, get_language()), name=name)
    return format_html(template, **parts, what=what, name=name)


def plain_sentence(event: AuditEvent) -> str:
    """Return the event in plain words, as text."""
    template, parts = _said(event)
    what = _object(event.object_type, get_language()).format(name=event.object_name)
    return template.format(**parts, what=what, name=event.object_name)


def _said(event: AuditEvent) -> tuple[str, dict[str, str]]:
    """Return the sentence, with its value if the change has one, and the values of its gaps."""
    words = ACTIONS.get(event.action)
    if words is None:
        return gettext("{who}: {action} · {what}"), {"who": who(event), "action": _as_words(event.action)}
    value, number = value_of(event, words.of), number_of(event, words.of)
    parts = {"who": who(event), "value": value}
    if words.counted and number is not None:
        return words.counted(number), parts
    return _template(event.action, bool(value), get_language()), parts


def who(event: AuditEvent) -> str:
    """Return the person's name, or Waybill's name for what the system did."""
    return event.actor_name or "Waybill"


# A download asks for the same words for each of its rows.
@cache
def _template(action: str, has_value: bool, _language: str | None) -> str:
    said = str(ACTIONS[action].said)
    return gettext("%(sentence)s: {value}") % {"sentence": said} if has_value else said


@cache
def _object(type_: str, _language: str | None) -> str:
    return str(NOUNS[type_].said) if type_ in NOUNS else gettext("%(type)s {name}") % {"type": _as_words(type_)}


def _as_words(name: str) -> str:
    """Return an unregistered name in words."""
    words = name.replace("_", " ").replace(".", " ").strip()
    return words[:1].upper() + words[1:]
