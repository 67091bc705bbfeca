"""Runs that would wait for too late a time, from a clock that was ahead, start."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django_q.models import OrmQ

from exports import actions
from exports.models import Run
from exports.models.states import State
from exports.runs import lifecycle, overdue, queue
from roles.models import AuditEvent
from tests.factories import make_environment, make_export

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run():
    return actions.run_now(make_export(make_environment()), by=None)[0]


def wait(run, state, **ahead):
    Run.objects.filter(pk=run.pk).update(state=state, not_before=Now() + timedelta(**ahead))


@pytest.mark.parametrize(("state", "ahead"), [(State.QUEUED, {"minutes": 20}), (State.RETRYING, {"days": 30})])
def test_a_run_that_would_wait_for_too_late_a_time_starts_and_the_audit_log_says_so(run, state, ahead):
    wait(run, state, **ahead)
    OrmQ.objects.all().delete()
    before = Run.objects.get().not_before
    assert queue.claim() is None
    assert overdue.start_overdue() == 1
    event = AuditEvent.objects.get(action="correct wait")
    assert (event.run, event.changes) == (run.uuid, {"not_before": before.isoformat()})
    assert OrmQ.objects.filter(key="exports").count() == 1
    assert queue.claim().run_id == run.pk
    assert overdue.start_overdue() == 0


@pytest.mark.parametrize(("state", "ahead"), [(State.QUEUED, {"seconds": 8}), (State.RETRYING, {"hours": 6})])
def test_a_run_that_waits_as_it_should_goes_on_waiting(run, state, ahead):
    wait(run, state, **ahead)
    assert overdue.start_overdue() == 0
    assert queue.claim() is None


def test_a_run_that_ended_is_left_alone(run):
    lifecycle.finish(queue.claim(), State.SUCCEEDED)
    Run.objects.update(not_before=Now() + timedelta(days=30))
    assert overdue.start_overdue() == 0


def test_a_lease_that_would_outlast_its_worker_is_cut(run):
    queue.claim()
    Run.objects.update(lease_until=Now() + timedelta(days=30))
    overdue.start_overdue()
    assert not Run.objects.filter(lease_until__gt=Now() + lifecycle.LEASE.lasts).exists()
    assert not Run.objects.lost().exists()
