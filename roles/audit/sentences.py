"""What each action of the audit log is called, as a sentence and as a choice of the filter."""

from functools import cache
from typing import Any, NamedTuple

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from roles.audit.changes import value_of
from roles.models import AuditEvent


class Words(NamedTuple):
    """`choice` for the filter; `said` with {who} and {what}, and {value} of the change named `of`."""

    choice: Any
    said: Any
    of: str = ""


OBJECTS: dict[str, Any] = {
    "alertchannel": _("the channel for alerts"),
    "connection": _("the connection"),
    "environment": _("the environment"),
    "export": _("the export"),
    "grouprole": _("the group"),
    "invitation": _("the invitation of"),
    "roleassignment": _("the role of"),
    "segment": _("the segment"),
    "table": _("the table"),
    "user": "",
}
OBJECT_TYPES: dict[str, Any] = {
    "alertchannel": _("Channel for alerts"),
    "connection": _("Connection"),
    "environment": _("Environment"),
    "export": _("Export"),
    "grouprole": _("Group"),
    "invitation": _("Invitation"),
    "roleassignment": _("Role"),
    "segment": _("Segment"),
    "table": _("Table"),
    "user": _("Person"),
}
ACTIONS: dict[str, Words] = {
    "create": Words(_("Add"), _("{who} added {what}")),
    "change": Words(_("Change"), _("{who} changed {what}")),
    "remove": Words(_("Remove"), _("{who} removed {what}")),
    "share": Words(_("Share"), _("{who} changed who can use {what}: {value}"), "sharing"),
    "agree": Words(_("Agree"), _("{who} agreed to data leaving through {what}")),
    "test": Words(_("Test"), _("{who} tested {what}")),
    "switch": Words(_("Switch"), _("{who} switched {what}: {value}"), "switch"),
    "schedule": Words(_("Schedule"), _("{who} changed the schedule of {what}: {value}"), "schedule"),
    "detach": Words(_("Detach connection"), _("{who} detached the connection of {what}")),
    "run": Words(_("Ask for a run"), _("{who} asked for a run of {what}")),
    "cancel": Words(_("Cancel a run"), _("{who} canceled a run of {what}")),
    "start run": Words(_("Start of a run"), _("A run of {what} started")),
    "end run": Words(_("End of a run"), _("A run of {what} ended: {value}"), "state"),
    "interrupt run": Words(_("Interruption of a run"), _("A run of {what} was interrupted and starts again")),
    "postpone run": Words(_("Failed try of a run"), _("A run of {what} failed and is tried again")),
    "switch off schedule": Words(
        _("Schedule that was switched off"), _("The schedule of {what} was switched off: {value}"), "problem"
    ),
    "miss occurrences": Words(
        _("Missed occurrences"), _("{what} missed occurrences of its schedule: {value}"), "count"
    ),
    "pause": Words(_("Pause"), _("{who} paused {what}: {value}"), "note"),
    "resume": Words(_("Resume"), _("{who} let {what} go on")),
    "hold run": Words(_("Hold of a run"), _("A run of {what} waits for a person")),
    "let go": Words(_("Let a held run go"), _("{who} let a held run of {what} go: {value}"), "why"),
    "drop": Words(_("Drop a held run"), _("{who} dropped a held run of {what}: {value}"), "why"),
    "download": Words(_("Download"), _("{who} downloaded from {what}")),
    "download audit": Words(_("Download the audit log"), _("{who} downloaded the audit log")),
    "import": Words(_("Import"), _("{who} imported {what}: {value} rows"), "row_count"),
    "ask for refresh": Words(_("Ask for a refresh"), _("{who} asked for a refresh of {what}")),
    "start refresh": Words(_("Start of a refresh"), _("A refresh of {what} started")),
    "refresh": Words(_("End of a refresh"), _("A refresh of {what} ended: {value} members"), "member_count"),
    "fail refresh": Words(_("Failed refresh"), _("A refresh of {what} failed")),
    "stop refresh": Words(_("Stopped refresh"), _("A refresh of {what} was stopped")),
    "add relationship": Words(_("Add a relationship"), _("{who} related {what} to another table")),
    "remove relationship": Words(_("Remove a relationship"), _("{who} removed a relationship of {what}")),
    "choose shown": Words(
        _("Choose columns for viewers"), _("{who} chose the columns of {what} that viewers see: {value}"), "shown"
    ),
    "environment.create": Words(_("Make an environment"), _("{who} made {what}")),
    "give role": Words(_("Give a role"), _("{who} gave {what} a role: {value}"), "role"),
    "change role": Words(_("Change a role"), _("{who} changed the role of {what}: {value}"), "role"),
    "remove role": Words(_("Remove a role"), _("{who} removed {what} from the environment")),
    "give role by group": Words(_("Give a role by group"), _("A group gave {what} a role: {value}"), "role"),
    "change role by group": Words(
        _("Change a role by group"), _("A group changed the role of {what}: {value}"), "role"
    ),
    "remove role by group": Words(_("Remove a role by group"), _("{what} lost the role of a group")),
    "add group role": Words(_("Give a group a role"), _("{who} gave {what} a role: {value}"), "role"),
    "change group role": Words(_("Change a group's role"), _("{who} changed the role of {what}: {value}"), "role"),
    "remove group role": Words(_("Remove a group's role"), _("{who} took the role of {what}")),
    "invite": Words(_("Invite"), _("{who} invited {what}")),
    "renew invitation": Words(_("Renew an invitation"), _("{who} renewed {what}")),
    "accept invitation": Words(_("Accept an invitation"), _("{who} accepted {what}")),
    "withdraw invitation": Words(_("Withdraw an invitation"), _("{who} withdrew {what}")),
    "rotate_secrets": Words(_("Rotate secrets"), _("The keys of stored secrets were rotated for {what}")),
    "follow provider": Words(_("Follow a new name or address"), _("{what} has a new name or address at the provider")),
    "create account": Words(_("Make an account"), _("{who} made the account of {what}")),
    "sign in": Words(_("Sign-in"), _("{who} signed in")),
    "sign out": Words(_("Sign-out"), _("{who} signed out")),
    "change password": Words(_("Change a password"), _("{who} changed their password")),
    "reset password": Words(_("Reset a password"), _("{who} set a new password by a mailed link")),
    "turn on second factor": Words(_("Turn on a second factor"), _("{who} turned on a second factor")),
    "turn off second factor": Words(_("Turn off a second factor"), _("{who} turned off the second factor of {what}")),
    "renew recovery codes": Words(_("Renew recovery codes"), _("{who} made new recovery codes")),
    "use recovery code": Words(_("Use a recovery code"), _("{who} used a recovery code")),
    "end session": Words(_("End a session"), _("{who} ended a session: {value}"), "browser"),
    "see as": Words(_("Look as support"), _("{who}, of support, looks at {what} as: {value}"), "role"),
    "stop seeing as": Words(_("End of a look as support"), _("{who}, of support, no longer looks at {what}")),
    "queue anew": Words(_("Queue a run anew"), _("{who}, of support, queued a run of {what} anew")),
    "end stuck run": Words(_("End a stuck run"), _("{who}, of support, ended a stuck run of {what}")),
    "ask for system refresh": Words(_("Ask for a system refresh"), _("{who} asked for a refresh of all of {what}")),
    "start due system refresh": Words(_("Due system refresh"), _("A system refresh of {what} fell due")),
    "start system refresh": Words(_("Start of a system refresh"), _("A system refresh of {what} started")),
    "end system refresh": Words(
        _("End of a system refresh"), _("A system refresh of {what} ended: {value}"), "refresh_state"
    ),
    "skip system refresh": Words(_("Skipped system refresh"), _("A system refresh of {what} was skipped")),
    "switch off system refresh": Words(
        _("System refresh switched off"), _("The system refresh of {what} was switched off: {value}"), "problem"
    ),
    "cancel system refresh": Words(_("Cancel a system refresh"), _("{who} canceled a system refresh of {what}")),
    "schedule system refresh": Words(
        _("Schedule of the system refresh"), _("{who} changed when {what} is refreshed: {value}"), "recurrence"
    ),
    "change zone": Words(_("Change the time zone"), _("{who} changed the time zone of {what}: {value}"), "zone"),
    "change language": Words(_("Change the language"), _("{who} changed the language of {what}: {value}"), "language"),
    "fail sign-in": Words(_("Failed sign-in"), _("A sign-in of {what} failed")),
}


def choice(action: str) -> str:
    """Return the action's name in the filter."""
    return str(ACTIONS[action].choice) if action in ACTIONS else _as_words(action)


def object_type(name: str) -> str:
    """Return the name of a type of objects."""
    return str(OBJECT_TYPES.get(name) or _as_words(name))


def sentence(event: AuditEvent) -> SafeString:
    """Say the event in plain words, the name of what it is about emphasised."""
    words, (template, parts) = _words_of(event), _said(event)
    what = format_html("{}{}<strong>{}</strong>", words, " " if words else "", event.object_name)
    return format_html(template, **parts, what=what)


def plain_sentence(event: AuditEvent) -> str:
    """Say the event in plain words, as text."""
    template, parts = _said(event)
    return template.format(**parts, what=f"{_words_of(event)} {event.object_name}".lstrip())


def _said(event: AuditEvent) -> tuple[str, dict[str, str]]:
    """Return the sentence, without its value where the change has none, and what goes into its places."""
    words = ACTIONS.get(event.action)
    if words is None:
        return _now("{who}: {action} · {what}"), {"who": who(event), "action": _as_words(event.action)}
    said, value = _template(event.action, get_language()), value_of(event, words.of)
    return said if value else said.partition(": {value}")[0], {"who": who(event), "value": value}


def who(event: AuditEvent) -> str:
    """Return the person's name, or Waybill's own for what nobody in particular did."""
    return event.actor_name or _now("Waybill")


def _words_of(event: AuditEvent) -> str:
    """Return what stands before the object's name; "" before a person's."""
    return _object(event.object_type, get_language())


# A download asks for the same words for each of its rows.
@cache
def _template(action: str, _language: str | None) -> str:
    return str(ACTIONS[action].said)


@cache
def _object(type_: str, _language: str | None) -> str:
    known = OBJECTS.get(type_)
    return _as_words(type_) if known is None else str(known)


def _as_words(name: str) -> str:
    """Return a name that this module does not know as a person would write it."""
    words = name.replace("_", " ").replace(".", " ").strip()
    return words[:1].upper() + words[1:]
