"""Messages on their way: written with what they tell of, claimed by one worker at a time, tried again when refused.

A worker that dies in the middle leaves its message to another one after a while; the message then carries the same
id again, by which a receiver knows it. All times are the database's.
"""

import logging
import random
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from exports.alerts.errors import NotDeliveredError
from exports.models import Alert, AlertChannel, AlertDelivery, DeliveryState

logger = logging.getLogger(__name__)

TASK = "exports.alerts.tasks.send"
CLUSTER = "chores"
MOST_TRIES = 5
WAITS = (30, 120, 600, 3600)  # seconds before the second try and those after it
LEASE = timedelta(minutes=11)  # longer than the cluster lets a task go on
WORK_SECONDS = 240  # of one task; what is left then is the next one's
NUDGE_AFTER = timedelta(seconds=3)


def put(alert: Alert, *, is_recovery: bool) -> None:
    """Write the messages that `alert` opened, or closed, in the transaction of that change."""
    channels = _who_was_told(alert) if is_recovery else _who_is_told(alert)
    messages = [AlertDelivery(alert=alert, channel=channel, is_recovery=is_recovery) for channel in channels]
    if messages:
        AlertDelivery.objects.bulk_create(messages)
        nudge()


def put_test(channel: AlertChannel) -> AlertDelivery:
    """Write a test message; whether the channel is on does not matter."""
    message = AlertDelivery.objects.create(channel=channel)
    nudge()
    return message


def nudge() -> None:
    """Have the messages sent, once the current transaction is committed."""
    transaction.on_commit(lambda: async_task(TASK, save=False, cluster=CLUSTER))


def nudge_if_waiting() -> None:
    """Wake the cluster where messages wait that nobody sends; what ends its worker each time is given up."""
    spent = _sendable().filter(tries__gte=MOST_TRIES)
    spent.update(state=DeliveryState.FAILED, error=_("Its sending was broken off again and again."))
    if _sendable().filter(not_before__lt=Now() - NUDGE_AFTER).exists():
        nudge()


def send_waiting() -> None:
    """Send what can be sent now; a channel that refused one rests until the next call."""
    refused: set[int] = set()
    end = time.monotonic() + WORK_SECONDS
    while time.monotonic() < end and (message := _claim(refused)):
        if not _send(message):
            refused.add(message.channel_id)


def _who_is_told(alert: Alert) -> QuerySet[AlertChannel]:
    channels = AlertChannel.objects.filter(environment=alert.environment_id, is_on=True, kinds__contains=[alert.kind])
    return channels.filter(Q(is_for_all=True) | Q(exports=alert.export_id, exports__isnull=False)).distinct()


def _who_was_told(alert: Alert) -> QuerySet[AlertChannel]:
    told = AlertDelivery.objects.filter(alert=alert, is_recovery=False)
    return AlertChannel.objects.filter(pk__in=told.values("channel"), is_on=True, tells_recovery=True)


def _sendable() -> QuerySet[AlertDelivery]:
    """Those whose time has come; that all is well again is not said before what was wrong."""
    waiting = AlertDelivery.objects.filter(state=DeliveryState.WAITING)
    earlier = waiting.filter(alert=OuterRef("alert"), channel=OuterRef("channel"), is_recovery=False)
    return waiting.filter(not_before__lte=Now()).exclude(Q(is_recovery=True) & Exists(earlier))


def _claim(refused: Collection[int]) -> AlertDelivery | None:
    """Take the message that has waited longest; its try counts, so that a crash of the machine counts, too."""
    with transaction.atomic():
        free = _sendable().filter(tries__lt=MOST_TRIES).exclude(channel__in=refused).order_by("not_before", "pk")
        message = free.select_for_update(skip_locked=True, of=("self",)).first()
        if message is None:
            return None
        values = {"tries": F("tries") + 1, "not_before": Now() + LEASE}
        AlertDelivery.objects.filter(pk=message.pk).update(**values)
    related = ("channel__environment", "alert__export", "alert__environment", "alert__run")
    return AlertDelivery.objects.select_related(*related).get(pk=message.pk)


def _send(message: AlertDelivery) -> bool:
    """Send one message and keep how it went."""
    from exports.alerts.channels.sending import send

    try:
        if message.alert is not None and not message.channel.is_on:
            raise NotDeliveredError(_("The channel was switched off before it was sent."))
        send(message)
    except NotDeliveredError as error:
        _keep_failure(message, error)
        return False
    except Exception as error:  # else it would be tried for ever, and end this task each time
        # Without its text, which may quote an address.
        logger.error("Message %s of an alert: %s", message.uuid, type(error).__name__)
        text = _("Waybill could not send it. Whoever operates Waybill finds the kind of error in its log.")
        _keep_failure(message, NotDeliveredError(text, is_permanent=False))
        return False
    _keep(message, state=DeliveryState.SENT, sent_at=Now(), error="")
    AlertChannel.objects.filter(pk=message.channel_id).update(last_sent_at=Now(), last_error="")
    return True


def _keep_failure(message: AlertDelivery, error: NotDeliveredError) -> None:
    """Plan the next try, or give the message up."""
    is_over = error.is_permanent or message.alert is None or message.tries >= MOST_TRIES
    values: dict[str, Any] = {"error": str(error)}
    values |= {"state": DeliveryState.FAILED} if is_over else {"not_before": Now() + _wait(message.tries, error)}
    _keep(message, **values)
    if message.channel.is_on:
        AlertChannel.objects.filter(pk=message.channel_id).update(last_error=str(error))


def _keep(message: AlertDelivery, **values: Any) -> None:
    """Write how the try went, unless another worker took the message over."""
    mine = AlertDelivery.objects.filter(pk=message.pk, state=DeliveryState.WAITING, tries=message.tries)
    mine.update(**values)


def _wait(tries: int, error: NotDeliveredError) -> timedelta:
    """How long to wait after the try of that number: as asked by the receiver, else growing, never quite the same."""
    seconds = WAITS[min(tries, len(WAITS)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
    return timedelta(seconds=max(seconds, error.retry_after or 0.0))
