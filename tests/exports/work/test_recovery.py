"""What becomes of a run whose process dies while it writes: the part is redone under a new name, the old one goes."""

import os
import signal

import pytest
from django.db.models.functions import Now

from exports import actions
from exports.models import Export, Run
from exports.models.states import State
from exports.runs import queue
from exports.work.watch import watch, work_until_idle
from tests.exports.work.test_run import child_of, delivered, hidden_parts, in_thread, slow_export  # noqa: F401
from tests.until import until

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60.0  # seconds, on a busy machine


def kill_while_it_writes(export) -> Run:
    """Queue a run and kill its process in the middle of the part; return the run."""
    run, _is_new = actions.run_now(export, by=None)
    thread = in_thread(lambda: watch(queue.claim()))
    os.kill(child_of(export.connection), signal.SIGKILL)
    thread.join(PATIENCE)
    Run.objects.filter(pk=run.pk).update(not_before=Now())
    run.refresh_from_db()
    return run


@pytest.mark.long
def test_the_part_is_redone_under_a_new_hidden_name_and_the_abandoned_one_is_removed(slow_export):  # noqa: F811
    run = kill_while_it_writes(slow_export)
    (abandoned,) = hidden_parts(slow_export.connection)
    thread = in_thread(work_until_idle)
    anew = until(lambda: set(hidden_parts(slow_export.connection)) - {abandoned}, PATIENCE, "the part is redone")
    assert abandoned not in hidden_parts(slow_export.connection)
    assert run.uuid.hex in abandoned
    assert all(run.uuid.hex in name for name in anew)
    thread.join(PATIENCE)
    run.refresh_from_db()
    assert (run.state, run.claims, run.rows_done) == (State.SUCCEEDED, 2, 200_000)
    assert not hidden_parts(slow_export.connection)
    said = list(run.lines.order_by("pk").values_list("text", flat=True))
    lost = said.index("The worker stopped during the run. The run restarts automatically.")
    assert said[lost + 1] == "Restarted: attempt 2"
    assert said[-1] == "Successful: 200,000 rows, 2 files published"


@pytest.mark.long
def test_a_run_that_was_killed_while_it_wrote_is_still_held_where_it_is_unusual(slow_export):  # noqa: F811
    """The brakes are asked again at each attempt; what the first one left is hidden, and goes with the next one."""
    run = kill_while_it_writes(slow_export)
    Export.objects.filter(pk=slow_export.pk).update(tolerance=1)
    entry = run.items[0] | {"rows": 1000, "expected": 1000}
    for _time in range(3):
        values = {"state": State.SUCCEEDED, "trigger": "schedule", "rows_done": 1000, "items": [entry]}
        Run.objects.create(environment=run.environment, export=slow_export, **values)
    work_until_idle()
    run.refresh_from_db()
    assert (run.state, run.reason) == (State.HELD, "1,000 → 200,000 (+19,900 %)")
    assert not [name for name in delivered(slow_export.connection) if not name.endswith(".part")]
