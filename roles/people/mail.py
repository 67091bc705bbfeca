"""The invitation by e-mail, if the operator has set up mail."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from roles import reader
from roles.models import Invitation, User
from roles.ui.words import exact_time

log = logging.getLogger(__name__)


def send_link(invitation: Invitation, url: str) -> str:
    """Send `url` to the invited address; return "" if that worked, else why no mail went out."""
    if not settings.MAIL_IS_SET_UP:
        return _("No e-mail was sent.")
    with reader.reading(_invited(invitation), invitation.environment):
        subject, text = _words(invitation, url)
    try:
        send_mail(" ".join(subject.split()), text, None, [invitation.email])
    except (SMTPException, OSError, ValueError) as error:  # the last one for an address that no mail can go to
        log.warning("An invitation could not be sent: %s", type(error).__name__)
        return _("No e-mail was sent: the mail server did not accept it.")
    return ""


def _invited(invitation: Invitation) -> User | None:
    """Return the person here who has the address, if exactly one does."""
    found = User.objects.filter(email__iexact=invitation.email)[:2]
    return found[0] if len(found) == 1 else None


def _words(invitation: Invitation, url: str) -> tuple[str, str]:
    """Return subject and text."""
    values = {
        "name": invitation.invited_by,
        "environment": invitation.environment,
        "role": invitation.get_role_display(),
        "until": exact_time(invitation.expires_at),
        "url": url,
    }
    subject = _("%(name)s invites you to %(environment)s in Waybill")
    text = _(
        "%(name)s invites you to %(environment)s in Waybill as %(role)s.\n\nOpen this link to accept. It works once, "
        "until %(until)s:\n%(url)s\n\nIf you didn't expect this invitation, ignore this e-mail."
    )
    return subject % values, text % values
