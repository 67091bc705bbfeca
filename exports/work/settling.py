"""What a claim does first with a run that began to publish: it looks at what arrived, and completes that.

So no such run ends without success before the target has answered, whatever ended the attempt before.
"""

from contextlib import ExitStack
from datetime import timedelta

from django.db.models import F

from connections import answering
from connections.destinations.base import Destination
from connections.sharing.agreement import target_of
from exports.models import Run
from exports.runs import budget, lifecycle, retries
from exports.runs.lifecycle import LEASE, RunClaim
from exports.work.carriers import Arrival, Carrier, carrier_of, destination_of
from exports.work.plan import RunPlan
from exports.work.record import Recorder
from exports.work.success import succeed
from roles.messages import joined
from roles.messages import said as _

STEP = "arrived"


def settle(claimed: RunClaim, run: Run) -> bool:
    """Complete what an attempt before began to publish, and record the run's end.

    False where the rest has to be sent anew, which this claim may then do. Raises what opening and looking raise.
    """
    recorder = Recorder(claimed, run)
    recorder.add_step(STEP, _("Check what arrived at the destination"))
    with ExitStack() as stack:
        with recorder.step(STEP) as step:
            carrier, arrival = _complete(recorder, stack)
            step["note"] = arrival.words
        if arrival.is_whole:
            _finish_steps(run)
            succeed(recorder, type(carrier.destination) if carrier else None)
            if carrier:
                carrier.settle()
            return True
    return _end_incomplete(recorder, arrival)


def _complete(recorder: Recorder, stack: ExitStack) -> tuple[Carrier | None, Arrival]:
    """Complete the run; where nothing leads to its target any more, what is recorded has to do."""
    run = recorder.run
    destination = _destination(run)
    if destination is None:
        return None, Arrival(len(_given(run)), max(1, len(run.files)))
    carrier = carrier_of(type(destination))(recorder, RunPlan([], []), destination, stack)
    with answering.asked(run.connection_id, lambda: budget.has_another(run)):
        return carrier, carrier.complete()


def _destination(run: Run) -> Destination | None:
    """Return what the run was sent to, as its connection is now; None where that is gone or leads elsewhere."""
    connection = run.connection
    if connection is None or not connection.is_type_known:
        return None
    leads_there = target_of(connection.type, connection.settings) == target_of(connection.type, run.target)
    return destination_of(connection) if leads_there else None


def _given(run: Run) -> list[str]:
    paths: list[str] = (run.given or {}).get("paths", [])
    return paths


def _finish_steps(run: Run) -> None:
    for step in run.steps:
        step["state"] = "done" if step["state"] in ("waiting", "running", "failed") else step["state"]


def _end_incomplete(recorder: Recorder, arrival: Arrival) -> bool:
    """End the run truthfully where nothing completes it; False where another attempt may."""
    run, values = recorder.run, {}
    if not arrival.count:
        run.is_publishing = False
        values = {"is_publishing": False, "given": None}
    if arrival.refusal or LEASE.is_spent(run) or not retries.has_time_for(run, timedelta()):
        _give_up(recorder, arrival)
        return True
    recorder.write(claims=F("claims") + 1, **values)
    return False


def _give_up(recorder: Recorder, arrival: Arrival) -> None:
    run = recorder.run
    text = _("The delivery could not be completed: %(arrived)s. "
             "Run the export again; if it fails again, ask an administrator.")  # fmt: skip
    message = joined(filter(None, [arrival.refusal, text % {"arrived": arrival.words}]))
    reason = arrival.refusal.first_sentence() if arrival.refusal else _("Delivery incomplete")
    values = {"steps": run.steps, "is_publishing": run.is_publishing, "reason": reason, "message": message}
    lifecycle.fail_looked(recorder.claimed, **values)
