"""Sends the mails of one message: one to each person, so that each answer of the mail server is about one person.

What a person's answer was is kept at once (AlertDelivery.answers): a later try leaves out those who have their mail.
"""

from collections.abc import Callable, Mapping
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException, SMTPSenderRefused
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from exports.alerts.errors import NotDeliveredError
from exports.alerts.messages import AlertMessage, message_of
from exports.models import AlertChannel, AlertDelivery
from roles import reader
from roles.messages import Message, joined, listed
from roles.messages import said as _
from roles.messages import said_many as ngettext
from roles.models import User

Answers = dict[str, int]
TAKEN, NO_ADDRESS, GOING_AWAY = AlertDelivery.TAKEN, AlertDelivery.NO_ADDRESS, 421


def mail(delivery: AlertDelivery, keep: Callable[[Answers], None]) -> None:
    """Send one mail to each of its people who has none yet; `keep` stores their answers. Raises NotDeliveredError."""
    if not settings.MAIL_IS_SET_UP:
        raise NotDeliveredError(_("E-mail is not set up. Ask your Waybill operator to set WAYBILL_EMAIL_URL."))
    people = list(members(delivery.channel))
    if not any(person.email for person in people):
        raise NotDeliveredError(_("No person of this channel can get e-mail: they left the environment or have no "
                                  "address."))  # fmt: skip
    answers: Answers = {str(pk): code for pk, code in delivery.answers.items() if not _may_pass(code)}
    try:
        with get_connection() as line:
            for person in people:
                if str(person.pk) not in answers:
                    answers[str(person.pk)] = _send_to(person, delivery, line)
                    keep(answers)
    except (SMTPException, OSError) as error:
        text = _("The mail server did not accept the message.")
        raise NotDeliveredError(text, is_permanent=_code_of(error) >= 500) from None
    _judge(people, answers)


def members(channel: AlertChannel) -> Any:
    """Return its people who still have a role in the environment, with and without an address."""
    people = User.objects.filter(pk__in=channel.people.all(), is_active=True)
    return people.filter(role_assignments__environment=channel.environment).order_by("pk").distinct()


def not_reached(people: Mapping[str, User], answers: Answers) -> list[Message]:
    """Return a sentence for those whom the mail server refused, and one for those who are tried again."""
    refused = {pk: code for pk, code in answers.items() if pk in people and code != TAKEN and not _may_pass(code)}
    later = {pk: code for pk, code in answers.items() if pk in people and _may_pass(code)}
    said = []
    if refused:
        text = ngettext("%(n)d person was not reached: %(who)s.", "%(n)d people were not reached: %(who)s.",
                        len(refused))  # fmt: skip
        said.append(text % {"who": _named(people, refused)})
    if later:
        text = ngettext("%(n)d person is not reached yet: %(who)s. Trying again for them only.",
                        "%(n)d people are not reached yet: %(who)s. Trying again for them only.",
                        len(later))  # fmt: skip
        said.append(text % {"who": _named(people, later)})
    return said


def _send_to(person: User, delivery: AlertDelivery, line: Any) -> int:
    """Send one mail; return the mail server's answer. Raises SMTPException, OSError where that is about all mails."""
    if not person.email:
        return NO_ADDRESS
    with reader.reading(person, delivery.channel.environment):
        mail = _as_mail(message_of(delivery), person, line)
    try:
        mail.send()
    except SMTPSenderRefused:
        raise
    except (SMTPRecipientsRefused, SMTPResponseException) as error:
        if _code_of(error) == GOING_AWAY:
            raise
        return _code_of(error)
    except ValueError:  # of the library: no mail can go to that address
        return NO_ADDRESS
    return TAKEN


def _as_mail(message: AlertMessage, person: User, line: Any) -> EmailMessage:
    subject = " ".join(f"[Waybill] {message.title} ({message.environment})".split())
    text = f"{message.text}\n\n{message.link}\n"
    headers = {"Message-ID": f"<{message.id}.{person.pk}@waybill>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(subject, text, None, to=[person.email], headers=headers, connection=line)


def _judge(people: list[User], answers: Answers) -> None:
    """Raise NotDeliveredError unless everybody has their mail."""
    said = not_reached({str(person.pk): person for person in people}, answers)
    if said:
        is_waiting = any(map(_may_pass, answers.values()))
        raise NotDeliveredError(joined(said), is_permanent=not is_waiting, is_about_some=True)


def _named(people: Mapping[str, User], answers: Answers) -> Any:
    no_address = _("no valid e-mail address")
    return listed(
        _("%(person)s (%(why)s)") % {"person": str(people[pk]), "why": str(code) if code else no_address}
        for pk, code in answers.items()
    )


def _may_pass(code: int) -> bool:
    return 400 <= code < 500


def _code_of(error: Exception) -> int:
    """Return what the mail server answered; 0 for nothing."""
    if isinstance(error, SMTPRecipientsRefused):
        return max((code for code, _text in error.recipients.values()), default=0)
    return error.smtp_code if isinstance(error, SMTPResponseException) else 0
