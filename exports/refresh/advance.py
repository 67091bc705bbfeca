"""What the dispatchers do each second for system refreshes that are under way; any number of them may."""

import logging

from django.db import InterfaceError, OperationalError

from exports.models import REFRESHES_UNDER_WAY, SystemRefresh
from exports.refresh.step import step

logger = logging.getLogger(__name__)


def advance_all() -> None:
    """Let each system refresh go on; one that fails leaves the others alone."""
    for pk in SystemRefresh.objects.filter(state__in=REFRESHES_UNDER_WAY).values_list("pk", flat=True):
        try:
            step(pk)
        except (OperationalError, InterfaceError):  # the database is away
            raise
        except Exception:
            logger.exception("System refresh %s could not go on", pk)
