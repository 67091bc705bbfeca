"""Seeing an environment as a role would see it: read-only, without customers' data, for an hour at most.

What is seen is kept in the session. It counts for nothing once the session has ended or the person is no longer
staff, and costs other people no query.
"""

import time
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from roles.audit import audit
from roles.models import Environment, User
from roles.roles import Role

KEY = "seen_as"
MOST_SECONDS = 3600
FILES_OF_DATA: set[str] = set()  # names of addresses that hand out customers' data; apps add theirs
NO_DATA = _("Support staff cannot see customer data. Ask an administrator of this environment.")
NO_CHANGE = _("You are viewing as support and cannot change anything.")


def start(session: SessionBase, environment: Environment, role: Role, *, by: User) -> None:
    """Show `environment` to `by` as `role` sees it; this replaces what they saw before."""
    with transaction.atomic():
        stop(session, by=by)
        audit.record(environment, "see as", environment, by=by, changes={"role": role.value})
        session[KEY] = {"environment": environment.slug, "role": role.value, "until": time.time() + MOST_SECONDS}
        session.save()


def stop(session: SessionBase, *, by: User) -> Environment | None:
    """End what `by` sees, if anything, and return its environment."""
    seen = session.get(KEY)
    environment = Environment.objects.filter(slug=seen["environment"]).first() if seen else None
    if seen is None:
        return None
    with transaction.atomic():
        if environment:
            audit.record(environment, "stop seeing as", environment, by=by, changes={"role": seen["role"]})
        del session[KEY]
        session.save()
    return environment


def remember(user: Any, session: SessionBase) -> None:
    """Tell `role_of` during this request which role a member of staff sees with."""
    seen = session.get(KEY)
    if seen and user.is_staff and time.time() < seen["until"]:
        user.seen_as = (seen["environment"], seen["role"])


def role_of(user: Any, slug: str) -> str:
    """Return the role with which `user` sees the environment `slug`; "" for almost everybody."""
    environment, role = getattr(user, "seen_as", ("", ""))
    return role if environment == slug else ""
