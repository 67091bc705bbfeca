"""The filters in the address of a history. Each uses an index, however many runs there are."""

import re
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThanOrEqual, In, LessThan
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models import MOMENT, Export, Run, RunQuerySet, Trigger
from exports.models.states import STATES
from roles.models import Environment
from roles.typed import typed_day, typed_id
from roles.validators import composed

LONGEST_TEXT = 200
MOST_NAMED = 100  # exports whose runs are looked up one by one
CUSTOM = "custom"
LAST_DAY = "24h"
PERIODS = {LAST_DAY: timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
PERIOD_CHOICES = (
    ("", _("Any time")),
    (LAST_DAY, _("Last 24 hours")),
    ("7d", _("Last 7 days")),
    ("30d", _("Last 30 days")),
    (CUSTOM, _("From – to")),
)
_ID = re.compile(r"[0-9a-f]{6,32}")


@dataclass(frozen=True)
class Filters:
    """The filters of a history. A value that makes no sense is ignored. `since` and `until` are days, both included."""

    q: str = ""
    status: str = ""
    trigger: str = ""
    period: str = ""
    since: str = ""
    until: str = ""
    export: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """Read the filters from a query."""
        texts = {one.name: query.get(one.name, "").replace("\0", "")[:LONGEST_TEXT].strip() for one in fields(cls)}
        kept = {name: text for name, text in texts.items() if text and _is_understood(name, text)}
        is_custom = kept.get("period", CUSTOM) == CUSTOM and ("since" in kept or "until" in kept)
        if is_custom:
            return cls(**kept | {"period": CUSTOM})
        return cls(**{name: text for name, text in kept.items() if name not in ("since", "until") and text != CUSTOM})

    def as_dict(self) -> dict[str, str]:
        """Return the active filters by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}

    def asked(self) -> Q:
        """Return the condition on runs, without the search."""
        condition = Q(state=self.status) if self.status else Q()
        if self.trigger:
            condition &= Q(trigger=self.trigger)
        if self.export:
            condition &= Q(export=typed_id(self.export))
        if self.period in PERIODS:
            condition &= Q(GreaterThanOrEqual(MOMENT, Now() - PERIODS[self.period]))
        if self.since:
            condition &= Q(GreaterThanOrEqual(MOMENT, midnight(date.fromisoformat(self.since))))
        if self.until:
            condition &= Q(LessThan(MOMENT, midnight(date.fromisoformat(self.until) + timedelta(days=1))))
        return condition


def runs_of(environment: Environment, filters: Filters, export: Export | None = None) -> RunQuerySet:
    """Return the runs of the environment, or of one `export`, that the filters ask for, in no order."""
    mine = Run.objects.filter(export=export) if export else Run.objects.filter(environment=environment)
    found = mine.filter(filters.asked())
    return found.filter(_called(environment, composed(filters.q), export)) if filters.q else found


def midnight(day: date) -> datetime:
    """Return when `day` begins in the zone in which times are shown."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def _called(environment: Environment, text: str, export: Export | None) -> Q:
    """Return the condition that the run's id begins with `text` or its export's name contains it."""
    by_id = _begins_with(text)
    if export is not None:
        return by_id or Q(pk__in=[])
    names = Export.objects.filter(environment=environment, name__holds=text)
    ids = list(names.values_list("pk", flat=True))
    # Many are looked for among the runs in their order; the sum keeps the index of exports out of that.
    by_name = Q(export__in=ids) if len(ids) <= MOST_NAMED else Q(In(F("export_id") + 0, ids))
    return (by_id | by_name if ids else by_id) if by_id else by_name


def _begins_with(text: str) -> Q | None:
    """Return the condition that the run's id begins with `text`; None where no id does."""
    digits = text.replace("-", "").lower()
    if not _ID.fullmatch(digits):
        return None
    return Q(uuid__range=(UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))))


def _is_understood(name: str, text: str) -> bool:
    known: dict[str, Any] = {"status": STATES, "trigger": Trigger.values, "period": (*PERIODS, CUSTOM)}
    if name in known:
        return text in known[name]
    if name == "export":
        return bool(typed_id(text))
    return name == "q" or bool(typed_day(text))
