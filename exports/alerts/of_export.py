"""Alerts of one export: how many are open, and who is told."""

from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.models import Alert, AlertChannel, Export


@dataclass(frozen=True)
class AlertSummary:
    """What the export's details say about alerts."""

    open: int
    channels: list[str]

    @property
    def text(self) -> str:
        """Both in words."""
        count = ngettext("%(n)d open", "%(n)d open", self.open) % {"n": self.open} if self.open else _("none open")
        if not self.channels:
            return _("%(count)s; counted on the bell, nobody else is told") % {"count": count}
        return _("%(count)s; also sent to %(names)s") % {"count": count, "names": ", ".join(self.channels)}


def alert_summary(export: Export) -> AlertSummary:
    """Return what applies to `export`; two queries."""
    channels = AlertChannel.objects.filter(environment=export.environment_id, is_on=True)
    mine = channels.filter(Q(is_for_all=True) | Q(exports=export)).distinct()
    opened = Alert.objects.filter(export=export, closed_at=None).count()
    return AlertSummary(opened, list(mine.values_list("name", flat=True)))
