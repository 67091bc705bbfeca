"""Leases: one worker at a time works on a row (a run, a part of a system refresh, a message of an alert).

A claim gives the row a new token, and a time of the database's clock until which it is the worker's. The worker renews
that in time. Every change is one conditional UPDATE on the token, so that a worker that lost its lease changes nothing.
Each claim counts when it is made: a row whose workers die is given up after some of them.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from exports.models.leased import Leased, LeasedQuerySet

Row = TypeVar("Row", bound=Leased)

LASTS = timedelta(seconds=settings.RUN_LEASE_SECONDS)  # a lease that its worker renews
RENEW_EVERY = LASTS.total_seconds() / 6
MOST_CLAIMS = 3
ALWAYS = Q()
UNOWNED: dict[str, Any] = {"token": None, "lease_until": None}


@dataclass(frozen=True)
class Claim:
    """A row that this process owns as long as its lease lasts."""

    pk: int
    token: uuid.UUID


@dataclass(frozen=True)
class Lease(Generic[Row]):
    """How the rows of one model are leased: for how long, and how often at most."""

    model: type[Row]
    lasts: timedelta = LASTS
    most_claims: int = MOST_CLAIMS
    counter: str = "claims"  # the column that counts claims

    def free(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Those of `rows` that no other transaction has locked, locked until the end of this one."""
        return rows.select_for_update(skip_locked=True, of=("self",))

    def given(self, token: uuid.UUID) -> dict[str, Any]:
        """Return the values of a row that `token` takes; the claim counts."""
        return {"token": token, **self.prolonged(), self.counter: F(self.counter) + 1}

    def prolonged(self) -> dict[str, Any]:
        """Return the values of a row whose lease is renewed."""
        return {"lease_until": Now() + self.lasts}

    def take(self, rows: QuerySet[Row], **values: Any) -> Claim | None:
        """Claim the first free one of `rows` and write `values`, in the caller's transaction; None if there is none."""
        pk = self.free(rows).values_list("pk", flat=True).first()
        if pk is None:
            return None
        token = uuid.uuid4()
        self._rows.filter(pk=pk).update(state=self.model.OWNED_IN, **self.given(token), **values)
        return Claim(pk, token)

    def renew(self, claim: Claim) -> bool:
        """Prolong the lease; False without it."""
        return self.update(claim, **self.prolonged())

    def update(self, claim: Claim, only_if: Q = ALWAYS, /, **values: Any) -> bool:
        """Write `values` to the row; False, and nothing written, without the lease or if `only_if` does not hold."""
        return bool(self._rows.owned_by(claim.token).filter(only_if, pk=claim.pk).update(**values))

    def end(self, claim: Claim, **values: Any) -> bool:
        """Write `values` and end the lease; False, and nothing written, without it."""
        return self.update(claim, **values, **UNOWNED)

    def give_back(self, claim: Claim, **values: Any) -> bool:
        """End the lease because the worker stops. The claim does not count, since it did the row no harm."""
        return self.end(claim, **{self.counter: F(self.counter) - 1}, **values)

    def is_spent(self, row: Row) -> bool:
        """Whether the row was claimed as often as it may be."""
        return bool(getattr(row, self.counter) >= self.most_claims)

    def put_back(self, lost: LeasedQuerySet[Row], *, waiting: dict[str, Any], given_up: dict[str, Any]) -> None:
        """Put back `lost` rows with the values `waiting`. Those claimed too often get the values `given_up`."""
        is_spent = Q(**{f"{self.counter}__gte": self.most_claims})
        lost.filter(is_spent).update(**given_up, **UNOWNED)
        lost.exclude(is_spent).update(**waiting, **UNOWNED)

    def shorten(self) -> int:
        """Shorten leases that end too late because the database's clock was ahead when they were given."""
        too_long = self._rows.filter(lease_until__gt=Now() + self.lasts)
        return too_long.update(**self.prolonged())

    @property
    def _rows(self) -> LeasedQuerySet[Row]:
        return LeasedQuerySet(self.model)


class Renewal:
    """Renews one lease in time while the work goes on."""

    def __init__(self, renew: Callable[[], bool]) -> None:
        self._renew, self._renewed = renew, time.monotonic()

    def is_refused(self) -> bool:
        """Renew the lease if it is time; whether that failed because somebody else owns the row."""
        if time.monotonic() - self._renewed <= RENEW_EVERY:
            return False
        is_renewed = self._renew()
        if is_renewed:
            self._renewed = time.monotonic()
        return not is_renewed

    def has_run_out(self) -> bool:
        """Whether the lease ended while the database was away."""
        return time.monotonic() - self._renewed > LASTS.total_seconds()
