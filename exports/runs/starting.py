"""How every run comes into being: one row, what it waits for in it from the start, its event, and a nudge."""

from typing import Any

from exports.models import Export, Run
from exports.models.states import State
from exports.runs import waits
from exports.runs.queue import nudge
from roles.audit import audit
from roles.models import User


def queue(export: Export, *, by: User | None, trigger: str, **values: Any) -> Run:
    """Add a queued run with `values`, in the caller's transaction; IntegrityError while another one is active.

    The caller says which run is its export's last one.
    """
    is_test = bool(values.get("most_rows"))
    values = {} | ({} if is_test else waits.waits_of(export, values.get("refresh"))) | values
    environment = export.environment
    run = Run.objects.create(environment=environment, export=export, trigger=trigger, triggered_by=by, **values)
    changes = {"state": [None, State.QUEUED], "trigger": trigger}
    audit.record(environment, "test" if is_test else "run", export, by=by, changes=changes, run=run.uuid)
    nudge()
    return run
