"""The alerts of an environment as a list: those that are open first."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from exports.alerts.messages import path_of
from exports.models import Alert, AlertKind, Export
from roles.access.policy import Access
from roles.typed import typed_id

PAGE_SIZE = 50
RESOLVED = {
    AlertKind.FAILED: _("Resolved: failed (permanent)"),
    AlertKind.HELD: _("Resolved: held"),
    AlertKind.SKIPPED: _("Resolved: skipped"),
    AlertKind.LATE: _("Resolved: late"),
    AlertKind.NEVER_STARTED: _("Resolved: never started"),
}
TONES: dict[str, str] = {
    AlertKind.FAILED: "danger",
    AlertKind.HELD: "held",
    AlertKind.SKIPPED: "warning",
    AlertKind.LATE: "warning",
    AlertKind.NEVER_STARTED: "danger",
}
ICONS: dict[str, str] = {AlertKind.SKIPPED: "minus-circle", AlertKind.LATE: "clock", AlertKind.NEVER_STARTED: "clock"}


class AlertLine(NamedTuple):
    """One alert as it is shown."""

    alert: Alert
    url: str
    is_unread: bool = False

    @property
    def tone(self) -> str:
        """The colour of its kind; one that is closed is told in green."""
        return "success" if self.alert.closed_at else TONES[self.alert.kind]

    @property
    def icon(self) -> str:
        """The icon of its kind, "" for the tone's."""
        return "" if self.alert.closed_at else ICONS.get(self.alert.kind, "")

    @property
    def label(self) -> str:
        """Its kind, in words."""
        return str(RESOLVED[AlertKind(self.alert.kind)]) if self.alert.closed_at else self.alert.get_kind_display()

    @property
    def text(self) -> str:
        """What happened last."""
        return str(self.alert.closing_text if self.alert.closed_at else self.alert.text)


@dataclass(frozen=True)
class AlertListing:
    """One page of the list with what was asked for."""

    page: Page[Alert]
    lines: list[AlertLine]
    status: str
    kind: str
    export: Export | None
    counts: dict[str, int]

    @property
    def is_filtered(self) -> bool:
        """Whether a filter hides some alerts."""
        return bool(self.status or self.kind or self.export)

    @property
    def kinds(self) -> list[tuple[str, str, int]]:
        """The kinds that there are: value, words, how many."""
        return [(value, str(label), self.counts[value]) for value, label in AlertKind.choices if self.counts[value]]


def alert_line(alert: Alert) -> AlertLine:
    """Return the alert ready to be shown; `since`, where it was asked for, tells what is unread."""
    since = getattr(alert, "since", None)
    return AlertLine(alert, path_of(alert), bool(since and alert.changed_at > since))


def list_alerts(access: Access, query: QueryDict) -> AlertListing:
    """Return the page of alerts that `query` asks for (status, kind, export, page)."""
    mine = Alert.objects.filter(environment=access.environment)
    export = _export(access, query.get("export", ""))
    if export:
        mine = mine.filter(export=export)
    counts = _counts(mine)
    status = query.get("status", "") if query.get("status") in ("open", "closed") else ""
    kind = query.get("kind", "") if query.get("kind") in AlertKind.values else ""
    if status:
        mine = mine.filter(closed_at__isnull=status == "open")
    if kind:
        mine = mine.filter(kind=kind)
    order = mine.order_by(F("closed_at").desc(nulls_first=True), "-pk")
    page = Paginator(order.select_related("export", "environment", "run"), PAGE_SIZE).get_page(query.get("page"))
    return AlertListing(page, [alert_line(alert) for alert in page], status, kind, export, counts)


def _counts(alerts: Any) -> dict[str, int]:
    """How many there are: all, open, closed and of each kind; one query."""
    wanted = {kind: Count("pk", filter=Q(kind=kind)) for kind in AlertKind.values}
    counts: dict[str, int] = alerts.aggregate(all=Count("pk"), open=Count("pk", filter=Q(closed_at=None)), **wanted)
    return counts | {"closed": counts["all"] - counts["open"]}


def _export(access: Access, text: str) -> Export | None:
    number = typed_id(text)
    return Export.objects.filter(environment=access.environment, pk=number).first() if number else None
