"""Sends one message by the way of its channel."""

import time
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import translation
from django.views.decorators.debug import sensitive_variables

from exports.alerts.channels.posting import post
from exports.alerts.channels.signing import signed_headers
from exports.alerts.errors import NotDeliveredError
from exports.alerts.messages import AlertMessage, body_of, message_of
from exports.models import AlertChannel, AlertDelivery, ChannelKind
from roles import language
from roles.messages import said as _
from roles.models import User
from roles.secrets.store import UnreadableSecretError

HEADERS = {"Content-Type": "application/json", "User-Agent": "Waybill"}


def send(delivery: AlertDelivery) -> None:
    """Send `delivery`. Raises NotDeliveredError."""
    if delivery.channel.kind == ChannelKind.EMAIL:
        _mail(delivery)
        return
    with language.reading(None, delivery.channel.environment):
        message = message_of(delivery)
        body = body_of(message, delivery.channel.kind)
    _post(delivery.channel, message, body)


def recipients(channel: AlertChannel) -> dict[str, list[str]]:
    """Return the addresses of its people who still have a role in the environment, by the language that they read."""
    people = User.objects.filter(pk__in=channel.people.all(), is_active=True).exclude(email="")
    found: dict[str, list[str]] = {}
    for person in people.filter(role_assignments__environment=channel.environment):
        found.setdefault(language.of_reader(person, channel.environment), []).append(person.email)
    return found


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
            raise NotDeliveredError(_("The signing secret is none. Replace it.")) from None
    post(secrets.get("url", ""), body, headers)


def _mail(delivery: AlertDelivery) -> None:
    """One mail to all of its people who read one language; they do not see each other's addresses."""
    if not settings.MAIL_IS_SET_UP:
        raise NotDeliveredError(_("E-mail is not set up. Whoever operates Waybill can set WAYBILL_EMAIL_URL."))
    to = recipients(delivery.channel)
    if not to:
        raise NotDeliveredError(_("None of its people can be mailed: they left the environment or have no address."))
    try:
        for code, addresses in to.items():
            with translation.override(code):
                mail = _as_mail(message_of(delivery), addresses, code if len(to) > 1 else "")
            mail.send()
    except (SMTPException, OSError) as error:
        raise NotDeliveredError(_("The mail server did not take it."), is_permanent=_is_refused(error)) from None
    except ValueError:  # of the library, which quotes the address
        text = _("One of its people has an address that no mail can go to. Correct it, or take the person out.")
        raise NotDeliveredError(text) from None


def _as_mail(message: AlertMessage, to: list[str], part: str) -> EmailMessage:
    subject = " ".join(f"[Waybill] {message.title} ({message.environment})".split())
    text = f"{message.text}\n\n{message.link}\n"
    headers = {
        "To": "undisclosed-recipients:;",
        "Message-ID": f"<{message.id}{part and f'.{part}'}@waybill>",
        "Auto-Submitted": "auto-generated",
    }
    return EmailMessage(subject, text, None, bcc=to, headers=headers)


def _is_refused(error: Exception) -> bool:
    """Whether the mail server said no for good."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= 500 for code, _text in error.recipients.values())
    return isinstance(error, SMTPResponseException) and error.smtp_code >= 500
