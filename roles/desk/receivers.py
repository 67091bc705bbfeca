"""Logging out also ends seeing as a role."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver

from roles.access import seeing
from roles.models import User


@receiver(user_logged_out)
def end_with_the_session(request: Any, user: User | None, **_kwargs: Any) -> None:
    """Record the end in the audit log; the session itself ends a moment later."""
    if user is not None:
        seeing.stop(request.session, by=user)
