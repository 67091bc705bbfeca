"""No more runs through one connection than it takes, whoever claims; the others go on."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from connections.destinations.local.destination import LocalFolder
from connections.destinations.registry import registered
from exports import actions
from exports.dispatcher import dispatch_once
from exports.models import Run
from exports.models.states import State
from exports.runs import budget, lifecycle
from exports.runs import queue as queueing
from tests.factories import make_connection, make_export

pytestmark = pytest.mark.django_db(transaction=True)


class Slow(LocalFolder):
    """A target that takes three starts in a minute."""

    slug = "slow"
    at_once = 100
    starts_per_minute = 3


def queue(environment, through, count: int) -> list[Run]:
    exports = [make_export(environment, connection=through) for _ in range(count)]
    return [actions.run_now(export, by=None)[0] for export in exports]


def claim_all() -> list[int]:
    """Claim until there is nothing more to have; return the runs' ids."""
    claims = []
    while claimed := queueing.claim():
        claims.append(claimed.run_id)
    return claims


@pytest.mark.parametrize(("most", "taken"), [(None, 2), (1, 1), (3, 3), (50, 5)])
def test_a_connection_takes_as_many_as_its_type_or_its_administrator_says(environment, most, taken):
    runs = queue(environment, make_connection(environment, most_at_once=most), 5)
    assert claim_all() == [run.pk for run in runs][:taken]


def test_a_full_connection_does_not_hold_up_the_others(environment):
    full, free = make_connection(environment, most_at_once=1), make_connection(environment)
    first, *_blocked = queue(environment, full, 4)
    (other,) = queue(environment, free, 1)
    assert claim_all() == [first.pk, other.pk]


def test_the_next_one_starts_when_one_has_ended(environment):
    _first, second = queue(environment, make_connection(environment, most_at_once=1), 2)
    claimed = queueing.claim()
    assert queueing.claim() is None
    lifecycle.finish(claimed, State.SUCCEEDED)
    assert queueing.claim().run_id == second.pk


def test_what_waits_for_its_turn_says_for_whose(environment):
    full = make_connection(environment, "Partner", most_at_once=1)
    _first, second = queue(environment, full, 2)
    claimed = queueing.claim()
    dispatch_once()
    second.refresh_from_db()
    assert (second.state, second.reason) == (State.QUEUED, "waiting for other exports of “Partner”")
    lifecycle.finish(claimed, State.SUCCEEDED)
    dispatch_once()
    second.refresh_from_db()
    assert second.reason == ""


def test_a_healthy_cluster_is_not_replaced_while_a_connection_is_full(environment):
    queue(environment, make_connection(environment, most_at_once=1), 2)
    assert queueing.claim()
    Run.objects.filter(state=State.QUEUED).update(not_before=Now() - timedelta(hours=1))
    assert not queueing.work_waits()


def test_workers_that_claim_at_once_never_exceed_it(environment):
    full, other = (make_connection(environment, most_at_once=most) for most in (3, 4))
    queue(environment, full, 10), queue(environment, other, 10)
    claims, start, lock = [], threading.Barrier(8), threading.Lock()

    def work() -> None:
        start.wait()
        mine = claim_all()
        with lock:
            claims.extend(mine)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(claims) == len(set(claims)) == 7
    running = Run.objects.filter(state=State.RUNNING)
    assert running.filter(export__connection=full).count() == 3
    assert running.filter(export__connection=other).count() == 4


def test_a_run_counts_for_the_connection_that_it_sends_through(environment):
    """Its export may be given another one meanwhile."""
    old, new = (make_connection(environment, most_at_once=1) for _ in range(2))
    (run,) = queue(environment, old, 1)
    claimed = queueing.claim()
    lifecycle.LEASE.update(claimed, connection=old)
    type(run.export).objects.filter(pk=run.export_id).update(connection=new)
    assert budget.full() == {old.pk}


def test_starts_in_a_minute_are_bounded_where_the_type_says_so(environment):
    with registered(Slow):
        runs = queue(environment, make_connection(environment, type="slow"), 5)
        assert claim_all() == [run.pk for run in runs][:3]
        for run in Run.objects.filter(state=State.RUNNING):
            lifecycle.finish(lifecycle.RunClaim(run.pk, run.token), State.SUCCEEDED)
        assert claim_all() == []
        Run.objects.filter(pk=runs[0].pk).update(claimed_at=Now() - timedelta(seconds=61))
        assert claim_all() == [runs[3].pk]


def test_a_type_that_is_gone_has_the_usual_budget(environment):
    queue(environment, make_connection(environment, type="gone"), 3)
    assert len(claim_all()) == 2
