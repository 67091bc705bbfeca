"""Opens and closes alerts, once for each change. If two processes see a change, database constraints decide."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from exports.alerts import outbox
from exports.models import Alert, AlertKind, Export, Run, SystemRefresh
from roles.messages import Message
from roles.models import Environment


def open_alert(
    environment: Environment,
    kind: AlertKind,
    text: Message,
    *,
    export: Export | None = None,
    run: Run | None = None,
    refresh: SystemRefresh | None = None,
) -> None:
    """Open an alert of `export`, or of the environment, and send it. Does nothing if one of its kind is open."""
    place: dict[str, Any] = {"environment": environment, "export": export, "kind": kind}
    if Alert.objects.filter(**place, closed_at=None).exists():
        return
    try:
        with transaction.atomic():
            alert = Alert.objects.create(**place, text=text.masked(), run=run, refresh=refresh)
            outbox.add_messages(alert, is_recovery=False)
    except IntegrityError:  # somebody else opened it in this moment
        return


def close_alerts(alerts: QuerySet[Alert], text: Message) -> None:
    """Close the open ones of `alerts`, and tell the channels that were told of them."""
    for alert in alerts.filter(closed_at=None).order_by("pk"):
        with transaction.atomic():
            mine = Alert.objects.filter(pk=alert.pk, closed_at=None)
            if mine.update(closed_at=Now(), changed_at=Now(), closing_text=text.masked()):
                outbox.add_messages(alert, is_recovery=True)
