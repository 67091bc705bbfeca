"""The invitation by e-mail, where the operator has set mail up."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from roles.models import Invitation
from roles.ui.words import exact_time

log = logging.getLogger(__name__)


def send_link(invitation: Invitation, url: str) -> bool:
    """Send `url` to the invited address; False where mail is not set up or was refused."""
    if not settings.MAIL_IS_SET_UP:
        return False
    values = {
        "name": invitation.invited_by,
        "environment": invitation.environment,
        "role": invitation.get_role_display(),
        "until": exact_time(invitation.expires_at),
        "url": url,
    }
    subject = _("%(name)s invites you to %(environment)s in Waybill") % values
    text = _(
        "%(name)s invites you to %(environment)s in Waybill as %(role)s.\n\n"
        "Open this link to accept. It works once, until %(until)s:\n%(url)s\n\n"
        "If you did not expect this, leave it alone: nothing happens."
    )
    try:
        send_mail(" ".join(subject.split()), text % values, None, [invitation.email])
    except (SMTPException, OSError) as error:
        log.warning("An invitation could not be sent: %s", type(error).__name__)
        return False
    return True
