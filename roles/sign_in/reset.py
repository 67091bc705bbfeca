"""A new password by mail: a link to the account's own address, valid once and for a short time."""

import logging
import smtplib

from allauth.account.forms import default_token_generator
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from roles import reader
from roles.models import User
from roles.net import portal

SEND = "roles.sign_in.reset.send_links"
logger = logging.getLogger(__name__)


def ask_for_link(email: str) -> None:
    """Let a worker find the account and mail it, so that the answer takes as long without an account."""
    async_task(SEND, email, cluster="chores", save=False)


def send_links(email: str, *_of_an_earlier_version: str) -> int:
    """Mail a link to each active local account of `email`; return their number. Failed mails are logged."""
    users = [user for user in filter_users_by_email(email, is_active=True, for_login=True) if has_local_password(user)]
    return sum(_send_link(user, email) for user in users)


def has_local_password(user: User) -> bool:
    """Whether `user` may log in with a password of this installation."""
    return user.has_usable_password() and (settings.LOCAL_LOGIN or user.is_staff)


def _send_link(user: User, email: str) -> bool:
    key = default_token_generator.make_token(user)
    url = portal.link("account_reset_password_from_key", uidb36=user_pk_to_url_str(user), key=key)
    words = {"user": user, "url": url, "hours": settings.PASSWORD_RESET_TIMEOUT // 3600}
    with reader.reading(user):
        subject = _("Set a new password for Waybill")
        text = render_to_string("account/email/reset_password.txt", words)
    try:
        send_mail(subject, text, None, [email])
    except (OSError, ValueError, smtplib.SMTPException) as error:  # ValueError for an address that no mail can go to
        logger.error("The link to set a new password was not mailed: %s.", type(error).__name__)
        return False
    return True
