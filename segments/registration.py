"""Registers tables and segments with the apps below: sections, limits, audit words, object pages."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from roles.audit import changes, sentences
from roles.audit.pages import places
from roles.audit.sentences import Noun, Words
from roles.frame import navigation
from roles.frame.navigation import Group, Section
from roles.net import limits
from roles.net.limits import Limit
from roles.permissions import Permission
from segments.models import Segment, Table


def _rows_imported(number: int) -> str:
    return ngettext("{who} imported {what}: {value} row", "{who} imported {what}: {value} rows", number)


def _members_found(number: int) -> str:
    return ngettext("A refresh of {what} ended: {value} member", "A refresh of {what} ended: {value} members", number)


NOUNS = {
    "segment": Noun(_("Segment"), _("the segment {name}")),
    "table": Noun(_("Table"), _("the table {name}")),
}
ACTIONS = {
    "import": Words(_("Import"), _("{who} imported {what}"), "row_count", _rows_imported),
    "ask for refresh": Words(_("Request refresh"), _("{who} requested a refresh of {what}")),
    "start refresh": Words(_("Start refresh"), _("A refresh of {what} started")),
    "refresh": Words(_("End refresh"), _("A refresh of {what} ended"), "member_count", _members_found),
    "fail refresh": Words(_("Failed refresh"), _("A refresh of {what} failed")),
    "stop refresh": Words(_("Stopped refresh"), _("A refresh of {what} was stopped")),
    "add relationship": Words(_("Add relationship"), _("{who} linked {what} to another table")),
    "remove relationship": Words(_("Remove relationship"), _("{who} removed a relationship of {what}")),
    "choose shown": Words(
        _("Choose columns for viewers"), _("{who} chose the columns of {what} that viewers see"), "shown"
    ),
}


def register() -> None:
    """Register all of it; a second call changes nothing."""
    navigation.register(
        Section(Group.DATA, 10, _("Tables"), "segments:tables", "table", pages="table"),
        Section(Group.INSIGHTS, 10, _("Segments"), "segments:list", "segments"),
    )
    limits.register({"segments:refresh": Limit(120)})
    sentences.register(NOUNS, ACTIONS)
    changes.add_names(
        **{
            "conditions": _("Rules"),
            "match": _("Match"),
            "relationship": _("Relationship"),
            "table": _("Table"),
            "table_id": _("Table"),
            "as": _("Sent as"),
            "member_count": _("Members"),
            "projected_fields": _("Attributes of contacts"),
            "row_count": _("Rows in the table"),
            "shown": _("Columns shown to viewers"),
        }
    )
    places.register(Segment, "segments:edit", Permission.VIEW)
    places.register(Table, "segments:table", Permission.VIEW)
