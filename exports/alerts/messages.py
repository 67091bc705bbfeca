"""The content of a message, in the format of each kind of channel."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.models import Alert, AlertDelivery, AlertKind, ChannelKind
from roles.net import portal

OPENED = {
    AlertKind.FAILED: gettext_lazy("%(about)s: failed (permanent)"),
    AlertKind.HELD: gettext_lazy("%(about)s: held"),
    AlertKind.SKIPPED: gettext_lazy("%(about)s: skipped"),
    AlertKind.LATE: gettext_lazy("%(about)s: late"),
    AlertKind.NEVER_STARTED: gettext_lazy("%(about)s: never started"),
}
RECOVERED = {
    AlertKind.FAILED: gettext_lazy("%(about)s: resolved (was failed)"),
    AlertKind.HELD: gettext_lazy("%(about)s: resolved (was held)"),
    AlertKind.SKIPPED: gettext_lazy("%(about)s: resolved (was skipped)"),
    AlertKind.LATE: gettext_lazy("%(about)s: resolved (was late)"),
    AlertKind.NEVER_STARTED: gettext_lazy("%(about)s: resolved (was never started)"),
}


@dataclass(frozen=True)
class AlertMessage:
    """One message: `event` is alert.opened, alert.closed or alert.test; `about` is None for a test."""

    id: str
    event: str
    title: str
    text: str
    link: str
    environment: Any
    about: Alert | None


def message_of(delivery: AlertDelivery) -> AlertMessage:
    """Return the content of `delivery`."""
    alert, environment = delivery.alert, delivery.channel.environment
    if alert is None:
        title = _("Test of the channel “%(name)s”") % {"name": delivery.channel}
        text = _("This is a test. Alerts of %(environment)s arrive here.") % {"environment": environment}
        event, link = "alert.test", portal.link("alerts:list", environment=environment.slug)
    else:
        event = "alert.closed" if delivery.is_recovery else "alert.opened"
        title, text = _title(alert, is_recovery=delivery.is_recovery), _text(alert, delivery.is_recovery)
        link = url_of(alert)
    return AlertMessage(str(delivery.uuid), event, title, text, link, environment, alert)


def url_of(alert: Alert) -> str:
    """Return the address of the page that says more, in full."""
    return portal.link_to(path_of(alert))


def path_of(alert: Alert) -> str:
    """Return the path of the page that says more: the run's, the export's, or the list of alerts."""
    own: dict[str, Any] = {"environment": alert.environment.slug}
    if alert.export_id is None:
        return reverse("alerts:list", kwargs=own)
    own |= {"pk": alert.export_id}
    if alert.run is None:
        return reverse("exports:progress", kwargs=own)
    return reverse("exports:run_progress", kwargs=own | {"uuid": alert.run.uuid})


def body_of(message: AlertMessage, kind: str) -> bytes:
    """Return the JSON that a webhook of that kind takes."""
    body = {ChannelKind.SLACK: _for_slack, ChannelKind.TEAMS: _for_teams}.get(ChannelKind(kind), _standard)(message)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _standard(message: AlertMessage) -> dict[str, Any]:
    """The payload of docs/alerts.md."""
    alert, environment = message.about, message.environment
    data: dict[str, Any] = {
        "title": message.title,
        "text": message.text,
        "url": message.link,
        "environment": {"slug": environment.slug, "name": environment.name},
    }
    if alert is not None:
        data |= {
            "alert": alert.pk,
            "kind": alert.kind,
            "export": {"id": alert.export.pk, "name": alert.export.name} if alert.export else None,
            "run": str(alert.run.uuid) if alert.run else None,
            "opened_at": _moment(alert.opened_at),
            "closed_at": _moment(alert.closed_at),
        }
    return {"type": message.event, "timestamp": _moment(timezone.now()), "data": data}


def _for_slack(message: AlertMessage) -> dict[str, Any]:
    """Plain texts in blocks, so that no name becomes a mention; `text` is what notifications show."""
    line = {"type": "section", "text": {"type": "plain_text", "text": message.text[:2900] or message.title}}
    head = {"type": "header", "text": {"type": "plain_text", "text": message.title[:150]}}
    words = _("Open in Waybill")
    link = {"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{message.link}|{words}>"}]}
    return {"text": _escaped(f"{message.title}: {message.text}"), "blocks": [head, line, link]}


def _for_teams(message: AlertMessage) -> dict[str, Any]:
    """An adaptive card; rich text blocks, because the others read Markdown."""
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [_rich(message.title, weight="Bolder"), _rich(message.text)],
        "actions": [{"type": "Action.OpenUrl", "title": _("Open in Waybill"), "url": message.link}],
    }
    content_type = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": content_type, "contentUrl": None, "content": card}]}


def _rich(text: str, **look: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look}]}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _title(alert: Alert, *, is_recovery: bool) -> str:
    """Say what it is about: “Weekly call list: failed (permanent)”."""
    about = alert.export.name if alert.export else _("System refresh")
    titles = RECOVERED if is_recovery else OPENED
    return str(titles[AlertKind(alert.kind)]) % {"about": about}


def _text(alert: Alert, is_recovery: bool) -> str:
    return str(alert.closing_text if is_recovery else alert.text)


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
