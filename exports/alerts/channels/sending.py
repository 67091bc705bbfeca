"""Sends one message by the way of its channel."""

import time
from collections.abc import Callable

from django.views.decorators.debug import sensitive_variables

from exports.alerts.channels.mailing import Answers, mail
from exports.alerts.channels.posting import post, refusal_of_chat
from exports.alerts.channels.signing import signed_headers
from exports.alerts.errors import NotDeliveredError
from exports.alerts.messages import AlertMessage, body_of, message_of
from exports.models import AlertChannel, AlertDelivery, ChannelKind
from roles import reader
from roles.messages import said as _
from roles.secrets.store import UnreadableSecretError

# What says no in the body of an answer that says yes in its head.
REFUSALS = {ChannelKind.SLACK: refusal_of_chat, ChannelKind.TEAMS: refusal_of_chat}
HEADERS = {"Content-Type": "application/json", "User-Agent": "Waybill"}


def send(delivery: AlertDelivery, keep: Callable[[Answers], None]) -> None:
    """Send `delivery`; `keep` stores what became of each mail. Raises NotDeliveredError."""
    if delivery.channel.kind == ChannelKind.EMAIL:
        mail(delivery, keep)
        return
    with reader.reading(None, delivery.channel.environment):
        message = message_of(delivery)
        body = body_of(message, delivery.channel.kind)
    _post(delivery.channel, message, body)


@sensitive_variables()
def _post(channel: AlertChannel, message: AlertMessage, body: bytes) -> None:
    try:
        secrets = channel.secrets
    except UnreadableSecretError as error:
        raise NotDeliveredError(error.message, is_permanent=error.is_permanent) from None
    headers = HEADERS
    if channel.kind == ChannelKind.WEBHOOK:
        try:
            headers = HEADERS | signed_headers(secrets.get("signing", ""), message.id, int(time.time()), body)
        except ValueError:
            raise NotDeliveredError(_("The signing secret is not valid. Replace it.")) from None
    post(secrets.get("url", ""), body, headers, refusal_of=REFUSALS.get(ChannelKind(channel.kind)))
