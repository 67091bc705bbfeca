"""Of two people who do the same at once, one does it and is in the audit log; the other is told who did."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from roles.audit import sentences
from roles.models import AuditEvent

REMOVALS = ("remove", "remove role", "remove group role", "withdraw invitation", "end session", "remove relationship")
_M = TypeVar("_M", bound=Model)


class AlreadyGoneError(Exception):
    """It was removed already; the text says by whom."""


def locked(rows: QuerySet[_M], one: Model) -> _M:
    """Lock and return the row of `rows` that `one` was loaded from. Raises AlreadyGoneError."""
    found = rows.filter(pk=one.pk).select_for_update(of=("self",)).first()
    if found is None:
        raise AlreadyGoneError(already_gone(one))
    return found


def already_gone(one: Model) -> str:
    """Say that `one` was removed already, and by whom if the log knows."""
    event = removal_of(one)
    words = {"name": str(one), "who": sentences.who(event)} if event else {"name": str(one)}
    return (_("“%(name)s” was already removed by %(who)s.") if event else _("“%(name)s” was already removed.")) % words


def removal_of(one: Model) -> AuditEvent | None:
    """Return the event of the removal of `one`, None if there is none."""
    found = AuditEvent.objects.filter(environment=getattr(one, "environment_id", None), action__in=REMOVALS)
    return found.filter(object_type=one._meta.model_name, object_id=str(one.pk)).order_by("-at", "-pk").first()
