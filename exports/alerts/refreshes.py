"""Alerts about the system refresh itself: they are of the environment, not of an export."""

from typing import Any

from django.db.models import QuerySet
from django.dispatch import receiver

from exports.alerts import words
from exports.alerts.opening import close_alerts, open_alert
from exports.models import Alert, AlertKind, PartKind, PartState, RefreshState, SystemRefresh
from exports.refresh.signals import refresh_changed
from roles.messages import Message
from roles.messages import said as _

WELL = (RefreshState.SUCCEEDED, RefreshState.WARNED)


@receiver(refresh_changed)
def on_refresh(*, refresh: SystemRefresh, **_more: Any) -> None:
    """Open and close what the state of a refresh means, in the transaction that brought it there."""
    refresh = SystemRefresh.objects.select_related("environment").get(pk=refresh.pk)
    if refresh.state == RefreshState.RUNNING and refresh.is_late:
        _open(refresh, AlertKind.LATE, words.refresh_late(refresh))
    elif refresh.state == RefreshState.SKIPPED:
        _open(refresh, AlertKind.SKIPPED, words.refresh_trouble(refresh, []))
    elif refresh.state == RefreshState.FAILED or (refresh.state == RefreshState.WARNED and _failed(refresh)):
        _open(refresh, AlertKind.FAILED, words.refresh_trouble(refresh, _failed(refresh)))
    elif refresh.state in WELL:
        _recover(refresh)


def _recover(refresh: SystemRefresh) -> None:
    kinds = [AlertKind.FAILED, AlertKind.SKIPPED] + ([] if refresh.is_late else [AlertKind.LATE])
    close_alerts(_of_environment(refresh).filter(kind__in=kinds), _("A system refresh succeeded."))


def _failed(refresh: SystemRefresh) -> list[str]:
    """The names of tables and segments that failed; exports have alerts of their own."""
    own = refresh.parts.filter(state=PartState.FAILED).exclude(kind=PartKind.EXPORT)
    return list(own.values_list("name", flat=True))


def _of_environment(refresh: SystemRefresh) -> QuerySet[Alert]:
    return Alert.objects.filter(environment=refresh.environment_id, export=None)


def _open(refresh: SystemRefresh, kind: AlertKind, text: Message) -> None:
    open_alert(refresh.environment, kind, text, refresh=refresh)
