"""What the dispatchers do each second for active system refreshes. Any number of dispatchers may do it."""

import logging

from django.db import InterfaceError, OperationalError

from exports.models import REFRESHES_UNDER_WAY, SystemRefresh
from exports.refresh.step import step

logger = logging.getLogger(__name__)


def advance_all() -> None:
    """Advance each active system refresh. An error in one does not stop the others."""
    for pk in SystemRefresh.objects.filter(state__in=REFRESHES_UNDER_WAY).values_list("pk", flat=True):
        try:
            step(pk)
        except (OperationalError, InterfaceError):  # the database is away
            raise
        except Exception:
            logger.exception("System refresh %s could not go on", pk)
