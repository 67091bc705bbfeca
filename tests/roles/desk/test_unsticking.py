"""Support puts stuck runs right; one that a living worker is on is left alone."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from exports.models import Run, RunLine
from exports.models.states import ACTIVE, FINAL, State
from exports.runs import lifecycle, queue
from exports.runs.lifecycle import LEASE
from roles.models import AuditEvent
from tests.factories import client_of
from tests.roles.desk.staff import act, make_staff


@pytest.fixture
def staff(world):
    return client_of(make_staff())


@pytest.fixture
def run(world):
    Run.objects.exclude(pk=world.mine.run.pk).update(state="succeeded")
    return Run.objects.get(pk=world.mine.run.pk)


def be(run, state, lease=None):
    """Bring the run to `state`; with `lease` (seconds from now) a worker took it."""
    values = {"state": state, "claims": 3, "tries": 2, "not_before": timezone.now() + timedelta(hours=1)}
    if lease is not None:
        values |= {"token": uuid.uuid4(), "lease_until": timezone.now() + timedelta(seconds=lease)}
    Run.objects.filter(pk=run.pk).update(**values)
    run.refresh_from_db()


@pytest.mark.parametrize(("state", "lease"), [("queued", None), ("retrying", None), ("running", -1)])
def test_a_stuck_run_is_ended_as_failed_with_what_happened(staff, run, state, lease):
    be(run, state, lease)
    answer = act(staff, Run, "end_as_failed", run)
    assert f"Run {run.short_id} ended as failed." in answer.content.decode()
    run.refresh_from_db()
    assert (run.state, run.reason, run.token) == ("failed", "Ended by support", None)
    assert run.message == "Support ended this run because no worker was on it. Run the export again."
    assert run.ended_at is not None
    assert AuditEvent.objects.get(action="end stuck run", run=run.uuid).actor_name == "sue"
    assert AuditEvent.objects.get(action="end run", run=run.uuid).changes["state"] == [state, "failed"]


@pytest.mark.parametrize(("state", "lease"), [("queued", None), ("retrying", None), ("running", -1)])
def test_a_stuck_run_is_queued_anew_and_a_worker_takes_it(staff, run, state, lease, django_capture_on_commit_callbacks):
    be(run, state, lease)
    Run.objects.filter(pk=run.pk).update(waits_for="the refresh of “Everybody”", awaits=[["segment", 1]])
    with django_capture_on_commit_callbacks(execute=True):
        act(staff, Run, "queue_anew", run)
    assert OrmQ.objects.filter(key="exports").exists()
    assert queue.claim().run_id == run.pk
    run.refresh_from_db()
    assert (run.claims, run.tries) == (1, 0)
    assert AuditEvent.objects.filter(action="queue anew", run=run.uuid).count() == 1
    told = [str(line.text) for line in RunLine.objects.filter(run=run)]
    assert ("Queued again by support · sue" in told) == (state != State.QUEUED)


@pytest.mark.parametrize("action", ["end_as_failed", "queue_anew"])
def test_a_run_that_a_worker_is_on_is_left_alone(staff, run, action):
    be(run, "running", lease=20)
    before = Run.objects.filter(pk=run.pk).values().get()
    answer = act(staff, Run, action, run)
    assert "a worker is on it" in answer.content.decode()
    assert Run.objects.filter(pk=run.pk).values().get() == before
    assert not AuditEvent.objects.filter(action__in=["end stuck run", "queue anew"]).exists()


@pytest.mark.parametrize("state", ["held", *FINAL])
@pytest.mark.parametrize("action", ["end_as_failed", "queue_anew"])
def test_a_run_that_waits_for_a_person_or_has_ended_is_left_alone(staff, run, action, state):
    be(run, state)
    answer = act(staff, Run, action, run)
    assert "was left out" in answer.content.decode()
    assert Run.objects.get(pk=run.pk).state == state


def test_the_worker_that_was_silent_changes_nothing_once_it_comes_back(staff, run):
    be(run, "running", lease=-1)
    late = lifecycle.RunClaim(run.pk, run.token)
    act(staff, Run, "end_as_failed", run)
    assert not lifecycle.finish(late, "succeeded")
    assert not LEASE.renew(late)
    assert Run.objects.get(pk=run.pk).state == "failed"


def test_after_the_end_the_export_can_be_run_again(staff, run, world):
    be(run, "retrying")
    act(staff, Run, "end_as_failed", run)
    answer = world.client("contributor").post(world.mine.url("exports:run"), {"id": [run.export_id]})
    assert answer.status_code == 302
    assert Run.objects.filter(export=run.export_id, state__in=ACTIVE).count() == 1
