"""Alerts of one export: how many are open, which channels got them, and which get the next one."""

from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.alerts.standing import standing_of, with_standing
from exports.models import Alert, AlertDelivery, DeliveryState, Export
from roles.ui.locales import listing


@dataclass(frozen=True)
class AlertSummary:
    """What the export's details say about alerts.

    `told` are the channels of the messages of open alerts, by what became of them; `next` those that can take the
    next one, `broken` those that should and cannot.
    """

    open: int
    told: dict[str, list[str]]
    next: list[str]
    broken: list[str]

    @property
    def text(self) -> str:
        """All of it, in sentences."""
        count = ngettext("%(n)d open alert.", "%(n)d open alerts.", self.open) % {"n": self.open}
        return " ".join([count if self.open else _("No open alerts."), *self._told(), *self._to_come()])

    def _told(self) -> list[str]:
        sentences = {
            DeliveryState.SENT: _("Sent to %(names)s."),
            DeliveryState.PARTLY: _("Sent to some people of %(names)s."),
            DeliveryState.WAITING: _("Not sent yet to %(names)s."),
            DeliveryState.FAILED: _("Not delivered to %(names)s."),
        }
        return [
            text % {"names": listing(self.told[state])} for state, text in sentences.items() if self.told.get(state)
        ]

    def _to_come(self) -> list[str]:
        if self.next:
            sentence = _("New alerts also go to %(names)s.") % {"names": listing(self.next)}
        else:
            sentence = _("New alerts show under the bell only.") if self.told else _("Alerts show under the bell only.")
        return [sentence, *([_("%(names)s cannot send now.") % {"names": listing(self.broken)}] if self.broken else [])]


def alert_summary(export: Export) -> AlertSummary:
    """Return what applies to `export`; a constant number of queries."""
    opened = Alert.objects.filter(export=export, closed_at=None)
    told: dict[str, list[str]] = {}
    messages = AlertDelivery.objects.filter(alert__in=opened, is_recovery=False)
    for state, name in messages.order_by("channel__name").values_list("state", "channel__name").distinct():
        told.setdefault(state, []).append(name)
    channels = with_standing(export.environment).filter(Q(is_for_all=True) | Q(exports=export), is_on=True).distinct()
    able: dict[bool, list[str]] = {True: [], False: []}
    for channel in channels:
        able[standing_of(channel).can_send].append(channel.name)
    return AlertSummary(opened.count(), told, able[True], able[False])
