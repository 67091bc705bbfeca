"""The columns of a row that one worker at a time works on."""

import uuid
from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models.functions import Now

_Row_co = TypeVar("_Row_co", bound=models.Model, covariant=True)


class LeasedQuerySet(models.QuerySet[_Row_co]):
    """Rows that workers own for a while. All times are the database's."""

    def owned_by(self, token: uuid.UUID) -> Self:
        """The row that the holder of `token` still owns; empty once it lost its lease."""
        return self._owned().filter(token=token)

    def lost(self) -> Self:
        """Those whose worker has shown no sign of life for the length of a lease."""
        return self._owned().filter(lease_until__lt=Now())

    def _owned(self) -> Self:
        return self.filter(state=self.model.OWNED_IN)  # type: ignore[attr-defined]


class Leased(models.Model):
    """A row that a worker owns for the length of a lease; `exports.runs.lease` gives, renews and ends leases.

    `token` is new with every claim, so that a worker that lost its lease changes nothing.
    """

    OWNED_IN: ClassVar[str]  # the state of a row that a worker owns

    token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True
