"""The one door: every change that the table of states knows, none that it does not, and what each leaves behind."""

import itertools
import threading
import uuid

import pytest
from django.db import connection
from django.db.models.functions import Now

from exports.models import Run, RunLine, Trigger
from exports.models.states import ACTIVE, DELIVERED, STATES, State, may_follow
from exports.runs import decide, lifecycle, log
from exports.runs.lifecycle import Origin, WrongMoveError
from exports.runs.signals import run_changed
from roles.models import AuditEvent
from tests.factories import make_environment, make_export, make_member

pytestmark = pytest.mark.django_db
WAYS = list(itertools.product(State, State))


@pytest.fixture
def export():
    return make_export(make_environment())


@pytest.fixture
def told():
    """What listeners are told of: (state before, state now)."""
    heard = []

    def listen(*, run, before, **_more):
        heard.append((before, run.state))

    run_changed.connect(listen)
    yield heard
    run_changed.disconnect(listen)


def in_state(export, state: State) -> Run:
    """Return a run that is in a state already, with what the database asks of it."""
    leased = {"token": uuid.uuid4(), "lease_until": Now()} if state == State.RUNNING else {}
    run = Run.objects.create(environment=export.environment, export=export, trigger="person", state=state, **leased)
    type(export).objects.filter(pk=export.pk).update(last_run=run)
    return run


def traces(run: Run) -> tuple[int, int]:
    """How many events and lines of its log a run has."""
    return AuditEvent.objects.filter(run=run.uuid).count(), RunLine.objects.filter(run=run).count()


@pytest.mark.parametrize(("before", "after"), [way for way in WAYS if may_follow(*way)])
def test_a_change_that_the_table_knows(export, told, before, after):
    run = in_state(export, before)
    leased = {"token": uuid.uuid4(), "lease_until": Now()} if after == State.RUNNING else {}
    assert lifecycle.move(run.pk, before, after, reason="So it is", **leased)
    run.refresh_from_db()
    export.refresh_from_db()
    assert (run.state, run.reason) == (after, "So it is")
    assert (run.ended_at is not None) == STATES[after].is_final
    assert (run.token is not None) == (after == State.RUNNING)
    assert (export.delivered_at is not None) == (after in DELIVERED)
    assert AuditEvent.objects.get(run=run.uuid).changes["state"] == [before, after]
    assert traces(run) == (1, 1)
    assert told == [(before, after)]


@pytest.mark.parametrize(("before", "after"), [way for way in WAYS if not may_follow(*way)])
def test_a_change_that_it_does_not_know(export, told, before, after):
    run = in_state(export, before)
    with pytest.raises(WrongMoveError, match="cannot go from"):
        lifecycle.move(run.pk, before, after)
    run.refresh_from_db()
    assert (run.state, traces(run), told) == (before, (0, 0), [])


def test_what_a_worker_writes_on_its_way_is_never_the_state(export, told):
    run = in_state(export, State.RUNNING)
    claimed = lifecycle.RunClaim(run.pk, run.token)
    with pytest.raises(WrongMoveError, match="changed by a move"):
        lifecycle.write(claimed, state=State.SUCCEEDED)
    assert lifecycle.write(claimed, rows_done=5)
    run.refresh_from_db()
    assert (run.state, run.rows_done, told) == (State.RUNNING, 5, [])


@pytest.mark.parametrize("now", [state for state in State if state != State.HELD])
def test_a_run_that_is_elsewhere_by_now_stays_there(export, told, now):
    run = in_state(export, now)
    assert not lifecycle.move(run.pk, State.HELD, State.CANCELED)
    run.refresh_from_db()
    assert (run.state, traces(run), told) == (now, (0, 0), [])


def test_a_listener_that_fails_undoes_the_change(export):
    run = in_state(export, State.HELD)

    def fail(**_more):
        raise LookupError("It cannot be told.")

    run_changed.connect(fail)
    try:
        with pytest.raises(LookupError):
            lifecycle.move(run.pk, State.HELD, State.SKIPPED)
    finally:
        run_changed.disconnect(fail)
    run.refresh_from_db()
    assert (run.state, traces(run)) == (State.HELD, (0, 0))


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_one_wins_and_leaves_its_traces(export):
    run, ada = in_state(export, State.HELD), make_member(export.environment)
    outcomes, start = [], threading.Barrier(4)

    def decide_by(decision) -> None:
        start.wait()
        try:
            outcomes.append(decision(run, by=ada, why="So it is."))
        except decide.NotHeldError:
            outcomes.append("late")
        finally:
            connection.close()

    threads = [threading.Thread(target=decide_by, args=[way]) for way in (decide.release, decide.drop) * 2]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(outcomes, key=str) == [None, "late", "late", "late"]
    run.refresh_from_db()
    event = AuditEvent.objects.get(run=run.uuid)
    assert (event.action, event.changes["state"][1]) in [("let go", State.QUEUED), ("drop", State.CANCELED)]
    assert event.changes["state"] == [State.HELD, run.state]
    assert traces(run) == (1, 1)


@pytest.mark.parametrize("state", ACTIVE)
def test_a_canceled_run_ends_or_is_asked_to(export, state):
    run = in_state(export, state)
    assert lifecycle.cancel(run, by=None)
    assert not lifecycle.cancel(run, by=None)
    run.refresh_from_db()
    is_asked = state == State.RUNNING
    assert run.state == (state if is_asked else State.CANCELED)
    assert run.cancel_requested_at
    assert traces(run) == ((1, 1) if is_asked else (2, 2))


def test_a_new_run_is_its_exports_last_one_but_for_a_test(export):
    run = lifecycle.create(export, Origin(Trigger.PERSON))
    export.refresh_from_db()
    assert (export.last_run, export.last_state) == (run, State.QUEUED)
    lifecycle.cancel(run, by=None)
    lifecycle.create(export, Origin(Trigger.TEST), most_rows=10)
    export.refresh_from_db()
    assert export.last_run == run


def test_a_run_that_never_starts_tells_of_its_end_alone(export, told):
    run = lifecycle.create_skipped(export, Origin(Trigger.SCHEDULE, due=Now()), reason="x" * 300, message="Why.")
    run.refresh_from_db()
    assert AuditEvent.objects.get(run=run.uuid).changes["state"] == [None, State.SKIPPED]
    assert (len(str(run.reason)), traces(run), told) == (200, (1, 0), [("", State.SKIPPED)])
    assert [line.text for line in log.lines_of(run)][1:] == ["Skipped: Why."]
