"""What the rooms below are told of exports when the app is ready: sections, limits, audit words, places."""

from django.utils.translation import gettext_lazy as _

from exports.formats.form import label_of
from exports.models import Export
from roles.access import seeing
from roles.audit import changes, sentences
from roles.audit.pages import places
from roles.audit.sentences import Noun, Words
from roles.frame import navigation
from roles.frame.navigation import Group, Section
from roles.net import limits
from roles.net.limits import Limit
from roles.permissions import Permission

LIMITS = {
    "alerts:test": Limit(60),  # each may send a mail
    "exports:run": Limit(120),
    "exports:run_all": Limit(30),
    "exports:test": Limit(60),
    "exports:file": Limit(120, reading=True),
    "exports:history_download": Limit(30, reading=True),
    "system:refresh_all": Limit(30),
}
NOUNS = {
    "alertchannel": Noun(_("Channel for alerts"), _("the channel for alerts {name}")),
    "export": Noun(_("Export"), _("the export {name}")),
}
ACTIONS = {
    "detach": Words(_("Detach connection"), _("{who} detached the connection of {what}")),
    "run": Words(_("Request run"), _("{who} requested a run of {what}")),
    "cancel": Words(_("Cancel run"), _("{who} canceled a run of {what}")),
    "start run": Words(_("Start run"), _("A run of {what} started")),
    "end run": Words(_("End run"), _("A run of {what} ended"), "state"),
    "interrupt run": Words(_("Interrupt run"), _("A run of {what} was interrupted and restarts")),
    "postpone run": Words(_("Failed attempt"), _("An attempt to run {what} failed and is retried")),
    "switch off schedule": Words(_("Schedule switched off"), _("The schedule of {what} was switched off"), "problem"),
    "plan schedule anew": Words(_("Schedule recalculated"), _("The next run of {what} was recalculated"), "next_due"),
    "correct wait": Words(_("Corrected wait"), _("A run of {what} had waited too long and starts now")),
    "miss occurrences": Words(_("Missed runs"), _("{what} missed scheduled runs"), "count"),
    "pause": Words(_("Pause"), _("{who} paused {what}"), "note"),
    "resume": Words(_("Resume"), _("{who} resumed {what}")),
    "hold run": Words(_("Hold run"), _("A run of {what} was held")),
    "let go": Words(_("Release held run"), _("{who} released a held run of {what}"), "why"),
    "drop": Words(_("Discard held run"), _("{who} discarded a held run of {what}"), "why"),
    "queue anew": Words(_("Queue run again"), _("{who} (support) queued a run of {what} again")),
    "end stuck run": Words(_("End stuck run"), _("{who} (support) ended a stuck run of {what}")),
    "schedule": Words(_("Schedule"), _("{who} changed the schedule of {what}"), "schedule"),
    "switch": Words(_("Switch"), _("{who} switched {what}"), "switch"),
    "ask for system refresh": Words(_("Request system refresh"), _("{who} requested a refresh of {what}")),
    "start due system refresh": Words(_("Scheduled system refresh"), _("A system refresh of {what} was due")),
    "start system refresh": Words(_("Start system refresh"), _("A system refresh of {what} started")),
    "end system refresh": Words(_("End system refresh"), _("A system refresh of {what} ended"), "refresh_state"),
    "skip system refresh": Words(_("Skip system refresh"), _("A system refresh of {what} was skipped")),
    "switch off system refresh": Words(
        _("System refresh switched off"), _("The system refresh of {what} was switched off"), "problem"
    ),
    "plan system refresh anew": Words(
        _("System refresh recalculated"), _("The next system refresh of {what} was recalculated"), "next_due"
    ),
    "cancel system refresh": Words(_("Cancel system refresh"), _("{who} canceled a system refresh of {what}")),
    "schedule system refresh": Words(
        _("System refresh schedule"), _("{who} changed the refresh schedule of {what}"), "recurrence"
    ),
}


def register() -> None:
    """Add all of it; a second time changes nothing."""
    navigation.register(
        Section(Group.DATA, 20, _("Exports"), "exports:list", "exports", is_home=True),
        Section(Group.SETTINGS, 20, _("Alerts"), "alerts:list", "bell"),
        Section(Group.SETTINGS, 30, _("System"), "system:list", "system"),
    )
    limits.register(LIMITS)
    sentences.register(NOUNS, ACTIONS)
    changes.add_names(
        **{
            "rows": _("Rows sent"),
            "alert_kind": _("Alert kind"),
            "attempt": _("Attempt"),
            "channel": _("Channel"),
            "due": _("Due"),
            "exports": _("Exports"),
            "is_for_all": _("For all exports"),
            "kinds": _("Kinds"),
            "most_removals": _("Maximum removals"),
            "next_due": _("Next due"),
            "not_before": _("Not before"),
            "people": _("People"),
            "recurrence": _("Recurrence"),
            "refresh": _("Refresh"),
            "refresh_state": _("Refresh state"),
            "runs": _("Runs"),
            "schedule": _("Schedule"),
            "segments": _("Segments"),
            "sends_nothing": _("Sends nothing"),
            "started_by": _("Started by"),
            "tables": _("Tables"),
            "tells_recovery": _("Notifies when resolved"),
            "tolerance": _("Tolerance"),
            "trigger": _("Trigger"),
            "people_sent": _("People sent"),
            "records_sent": _("Records sent"),
            "refreshes_segments": _("Refreshes segments first"),
        }
    )
    changes.add_settings(label_of)
    places.register(Export, "exports:edit", Permission.VIEW)
    seeing.FILES_OF_DATA.add("exports:file")
