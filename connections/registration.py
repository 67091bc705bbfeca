"""What the rooms below are told of connections when the app is ready: section, limits, audit words, places."""

from django.utils.translation import gettext_lazy as _

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
    "connection": Noun(_("Connection"), _("the connection")),
}
ACTIONS = {
    "share": Words(_("Share"), _("{who} changed who can use {what}: {value}"), "sharing"),
    "agree": Words(_("Agree"), _("{who} agreed to data leaving through {what}")),
}


def register() -> None:
    """Add all of it; a second time changes nothing."""
    navigation.add(Section(Group.SETTINGS, 10, _("Connections"), "connections:list", "connections"))
    limits.add(LIMITS)
    sentences.add(NOUNS, ACTIONS)
    changes.add_names(
        **{
            "is_check_ok": _("Test passed"),
            "named": _("Named contributors"),
            "sharing": _("Who can use it"),
        }
    )
    places.add(Connection, "connections:edit", Permission.MANAGE_CONNECTIONS)
