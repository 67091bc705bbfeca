"""Composes names that were stored before names had one composition (NFC); for migrations."""

import logging
from typing import Any

from django.db import DataError, IntegrityError, transaction

from roles.validators import composed

logger = logging.getLogger(__name__)


def compose(model: Any, *fields: str) -> None:
    """Compose `fields` of every row of `model`. A name that would be too long or not unique stays and is logged."""
    for row in model.objects.order_by("pk").only("pk", *fields).iterator():
        for field in fields:
            value = composed(getattr(row, field))
            if value != getattr(row, field):
                _update(row, field, value)


def _update(row: Any, field: str, value: str) -> None:
    try:
        with transaction.atomic():
            type(row).objects.filter(pk=row.pk).update(**{field: value})
    except (IntegrityError, DataError):
        logger.warning(
            "%s %s keeps its %s as it was written: composed (NFC) it would be that of another, or too long.",
            row._meta.verbose_name, row.pk, field,
        )  # fmt: skip
