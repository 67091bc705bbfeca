"""Registers connections with the apps below: section, limits, audit words, object pages."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from connections.destinations.registry import destinations
from connections.models import Connection
from roles.audit import changes, sentences
from roles.audit.pages import places
from roles.audit.sentences import Noun, Words
from roles.frame import navigation
from roles.frame.navigation import Group, Section
from roles.net import limits
from roles.net.limits import Limit
from roles.permissions import Permission

LIMITS = {
    "connections:set_up": Limit(120),
    "connections:edit": Limit(120),
    "connections:test": Limit(60),
}
NOUNS = {
    "connection": Noun(_("Connection"), _("the connection {name}")),
}
ACTIONS = {
    "share": Words(_("Share"), _("{who} changed who can use {what}"), "sharing"),
    "agree": Words(_("Agree"), _("{who} agreed that data leaves through {what}")),
}


def _setting(name: str) -> Any:
    """Return what the first type that has the setting `name` calls it."""
    forms = [form for type_ in destinations().values() for form in (type_.settings_form, type_.export_form)]
    return next((form.base_fields[name].label for form in forms if name in form.base_fields), "")


def register() -> None:
    """Register all of it; a second call changes nothing."""
    navigation.register(Section(Group.SETTINGS, 10, _("Connections"), "connections:list", "connections"))
    limits.register(LIMITS)
    sentences.register(NOUNS, ACTIONS)
    changes.add_names(
        **{
            "agreement": _("Agreement"),
            "is_check_ok": _("Test passed"),
            "connection": _("Connection"),
            "most_at_once": _("Concurrent runs"),
            "secrets": _("Secrets"),
            "named": _("Named contributors"),
            "sharing": _("Who can use it"),
        }
    )
    changes.add_values(secrets={"changed": _("changed")}, agreement={"given": _("given")})
    changes.add_settings(_setting)
    places.register(Connection, "connections:edit", Permission.MANAGE_CONNECTIONS)
