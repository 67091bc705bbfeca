"""What support does with accounts: end their sessions, switch them off and on. Each is in the audit log."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from roles.audit import audit
from roles.models import User


class NotForYouError(Exception):
    """Support may not change this account; the text says why."""


def end_sessions(user: User, *, by: User) -> int:
    """End every session of `user`; return their number."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        keys = _session_keys(user)
        Session.objects.filter(session_key__in=keys).delete()
        UserSession.objects.filter(user=user).delete()
        audit.record(None, "end sessions", user, by=by, changes={"sessions": len(keys)})
    return len(keys)


def switch(user: User, *, on: bool, by: User) -> None:
    """Switch the account of `user` on or off. Switching off ends their sessions. Raises NotForYouError."""
    if user == by:
        raise NotForYouError(_("Your own account was left out."))
    if user.is_superuser and not by.is_superuser:
        raise NotForYouError(
            _("“%(name)s” was left out: only a superuser can switch a superuser on or off.") % {"name": user}
        )
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, is_active=not on).update(is_active=on)
        if changed:
            audit.record(None, "activate" if on else "deactivate", user, by=by, changes={"is_active": [not on, on]})
        if changed and not on:
            end_sessions(user, by=by)


def _session_keys(user: User) -> list[str]:
    """Return the keys of the user's live sessions, read from the sessions themselves, which alone are certain."""
    living: QuerySet[Session] = Session.objects.filter(expire_date__gt=timezone.now())
    mine = str(user.pk)
    return [one.session_key for one in living.iterator() if one.get_decoded().get("_auth_user_id") == mine]
