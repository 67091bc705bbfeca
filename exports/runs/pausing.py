"""Maintenance: in a paused environment nothing starts. Active runs continue to their end."""

from django.db import transaction
from django.db.models.functions import Greatest, Now

from exports.models import ReasonCode, Run
from exports.models.states import CLAIMABLE
from exports.runs.nudging import nudge
from roles.audit import audit
from roles.messages import EMPTY
from roles.models import Environment, User

NOTHING = {"paused_at": None, "paused_by": None, "pause_note": ""}


@transaction.atomic
def pause(environment: Environment, *, note: str, by: User) -> bool:
    """Pause `environment`; False if it is paused already."""
    going = Environment.objects.filter(pk=environment.pk, paused_at=None)
    is_paused = going.update(paused_at=Now(), paused_by=by, pause_note=note)
    if is_paused:
        audit.record(environment, "pause", environment, by=by, changes={"note": [None, note]} if note else None)
    return bool(is_paused)


@transaction.atomic
def resume(environment: Environment, *, by: User) -> bool:
    """Resume `environment`: waiting runs start in their order. False if it is not paused."""
    if not Environment.objects.filter(pk=environment.pk, paused_at__isnull=False).update(**NOTHING):
        return False
    # They become claimable now; without a new time it would look as if workers had left them alone all along.
    waiting = Run.objects.filter(environment=environment, state__in=CLAIMABLE)
    waiting.update(not_before=Greatest("not_before", Now()))
    waiting.filter(reason_code=ReasonCode.PAUSED).update(reason=EMPTY, reason_code="")
    audit.record(environment, "resume", environment, by=by)
    nudge()
    return True
