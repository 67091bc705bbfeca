"""The outbox of alerts. A message is stored in the transaction of its alert, sent under a lease and retried.

If its worker dies, another worker sends the message again with the same id, by which a receiver
knows it. All times are the database's.
"""

import logging
import random
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django_q.tasks import async_task

from exports.alerts.errors import NotDeliveredError
from exports.models import Alert, AlertChannel, AlertDelivery, DeliveryState
from exports.models.leased import LeasedQuerySet
from exports.runs.lease import Claim, Lease
from roles.messages import said as _

logger = logging.getLogger(__name__)

TASK = "exports.alerts.tasks.send"
CLUSTER = "chores"
MOST_TRIES = 5
WAITS = (30, 120, 600, 3600)  # seconds before the second try and those after it
# Longer than the cluster lets a task go on, so nobody renews it; each try is a claim.
LEASE = Lease(AlertDelivery, timedelta(minutes=11), MOST_TRIES, "tries")
LONGEST_WAIT = timedelta(hours=2)  # a receiver gets up to an hour, and a wait is never quite the same
WORK_SECONDS = 240  # of one task; what is left then is the next one's
NUDGE_AFTER = timedelta(seconds=3)


class _LeaseLostError(Exception):
    """Another worker has the message now: this one sends no more of it."""


def add_messages(alert: Alert, *, is_recovery: bool) -> None:
    """Store a message to each channel that `alert` opened or closed, in the transaction of that change."""
    channels = _who_was_told(alert) if is_recovery else _who_is_told(alert)
    messages = [AlertDelivery(alert=alert, channel=channel, is_recovery=is_recovery) for channel in channels]
    if messages:
        AlertDelivery.objects.bulk_create(messages)
        nudge()


def add_test(channel: AlertChannel) -> AlertDelivery:
    """Store a test message, also for a channel that is off."""
    message = AlertDelivery.objects.create(channel=channel)
    nudge()
    return message


def nudge() -> None:
    """Queue the task that sends messages, after the current transaction commits."""
    transaction.on_commit(lambda: async_task(TASK, save=False, cluster=CLUSTER))


def nudge_if_waiting() -> None:
    """Queue the task if messages wait that nobody sends. A message whose workers die again and again has failed."""
    # Those without a lease were claimed by a version of Waybill that did not lease messages.
    lost = AlertDelivery.objects.lost() | _sendable().filter(tries__gte=MOST_TRIES)
    given_up = {"state": DeliveryState.FAILED, "error": _("Sending was interrupted too often.")}
    LEASE.put_back(lost, waiting={}, given_up=given_up)
    if _sendable().filter(not_before__lt=Now() - NUDGE_AFTER).exists():
        nudge()


def correct_times() -> None:
    """Send messages now that would wait longer than any may, because the database's clock was ahead."""
    LEASE.shorten()
    waiting = AlertDelivery.objects.filter(state=DeliveryState.WAITING, not_before__gt=Now() + LONGEST_WAIT)
    waiting.update(not_before=Now())


def send_waiting() -> None:
    """Send all messages that are due. A channel that refuses one gets no other until the next call."""
    refused: set[int] = set()
    end = time.monotonic() + WORK_SECONDS
    while time.monotonic() < end and (claimed := _claim(refused)):
        message, claim = claimed
        if not _send(message, claim):
            refused.add(message.channel_id)


def _who_is_told(alert: Alert) -> QuerySet[AlertChannel]:
    channels = AlertChannel.objects.filter(environment=alert.environment_id, is_on=True, kinds__contains=[alert.kind])
    return channels.filter(Q(is_for_all=True) | Q(exports=alert.export_id, exports__isnull=False)).distinct()


def _who_was_told(alert: Alert) -> QuerySet[AlertChannel]:
    told = AlertDelivery.objects.filter(alert=alert, is_recovery=False)
    return AlertChannel.objects.filter(pk__in=told.values("channel"), is_on=True, tells_recovery=True)


def _sendable() -> LeasedQuerySet[AlertDelivery]:
    """The messages that are due and not leased. A recovery is not sent before its alert.

    A channel gets one at a time: a receiver that does not answer keeps one worker at most.
    """
    waiting = AlertDelivery.objects.filter(state=DeliveryState.WAITING)
    earlier = waiting.filter(alert=OuterRef("alert"), channel=OuterRef("channel"), is_recovery=False)
    busy = waiting.exclude(token=None).values("channel")
    free = waiting.filter(not_before__lte=Now(), token=None).exclude(channel__in=busy)
    return free.exclude(Q(is_recovery=True) & Exists(earlier))


@transaction.atomic
def _claim(refused: Collection[int]) -> tuple[AlertDelivery, Claim] | None:
    """Claim the message that has waited longest."""
    free = _sendable().filter(tries__lt=MOST_TRIES).exclude(channel__in=refused)
    claim = LEASE.take(free.order_by("not_before", "pk"))
    if claim is None:
        return None
    related = ("channel__environment", "alert__export", "alert__environment", "alert__run")
    return AlertDelivery.objects.select_related(*related).get(pk=claim.pk), claim


def _send(message: AlertDelivery, claim: Claim) -> bool:
    """Send one message and record the result."""
    from exports.alerts.channels.sending import send

    def keep(answers: dict[str, int]) -> None:
        message.answers = dict(answers)
        if not LEASE.update(claim, answers=message.answers):
            raise _LeaseLostError

    try:
        if message.alert is not None and not message.channel.is_on:
            raise NotDeliveredError(_("The channel was switched off before the message was sent."))
        send(message, keep)
    except NotDeliveredError as error:
        _record_failure(message, claim, error)
        return error.is_about_some
    except _LeaseLostError:
        return False
    except Exception as error:  # else it would be tried for ever, and end this task each time
        # Without its text, which may quote an address.
        logger.error("Message %s of an alert: %s", message.uuid, type(error).__name__)
        text = _("Waybill could not send the message. Your Waybill operator finds the error in the log.")
        _record_failure(message, claim, NotDeliveredError(text, is_permanent=False))
        return False
    if not LEASE.end(claim, state=DeliveryState.SENT, sent_at=Now(), error=""):
        return False
    AlertChannel.objects.filter(pk=message.channel_id).update(last_sent_at=Now(), last_error="")
    return True


def _record_failure(message: AlertDelivery, claim: Claim, error: NotDeliveredError) -> None:
    """Plan the next try, or end the message as failed. A test is tried again only for some of its people."""
    is_test = message.alert is None and not error.is_about_some
    is_over = error.is_permanent or is_test or message.tries >= MOST_TRIES
    state = DeliveryState.PARTLY if message.has_reached_some else DeliveryState.FAILED
    values: dict[str, Any] = {"error": error.message}
    values |= {"state": state} if is_over else {"not_before": Now() + _wait(message.tries, error)}
    if message.has_reached_some:
        values |= {"sent_at": Coalesce("sent_at", Now())}
    if not LEASE.end(claim, **values):
        return
    channel = AlertChannel.objects.filter(pk=message.channel_id)
    if message.channel.is_on:
        channel.update(last_error=error.message)
    if message.has_reached_some and message.sent_at is None:
        channel.update(last_sent_at=Now())


def _wait(tries: int, error: NotDeliveredError) -> timedelta:
    """How long to wait after so many tries: a growing backoff with jitter, at least what the receiver asked for."""
    seconds = WAITS[min(tries, len(WAITS)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
    return timedelta(seconds=max(seconds, error.retry_after or 0.0))
