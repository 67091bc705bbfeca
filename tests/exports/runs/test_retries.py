"""When a failure that may pass is tried again, and until when."""

import random
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from connections.destinations.base import DeliveryError
from exports import actions
from exports.models import RefreshSchedule, Run, Schedule
from exports.models.states import State
from exports.runs import lifecycle, queue
from exports.runs.retries import RETRY_FOR, wait_before
from exports.schedules.planning import database_now
from tests.exports.schedules.scheduled import make_due
from tests.factories import make_export

WORDS = {"message": "The server did not answer.", "detail": "x", "reason": "Connect"}
MINUTES = (1, 5, 15, 30, 60, 60)


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_waits_grow_and_vary_by_a_fifth(chance, factor):
    waits = [wait_before(tries, None, lambda: chance) for tries in range(6)]
    assert [round(wait.total_seconds(), 3) for wait in waits] == [round(60 * n * factor, 3) for n in MINUTES]


def test_what_failed_together_does_not_come_back_together():
    chance = random.Random(5).random
    waits = {wait_before(0, None, chance) for _ in range(50)}
    assert len(waits) == 50
    assert all(timedelta(seconds=48) <= wait <= timedelta(seconds=72) for wait in waits)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(300.0, 300), (10.0, 60), (0.0, 60), (-5.0, 60), (float("nan"), 60), (float("inf"), 21600), (1e9, 21600)],
)
def test_a_target_that_asks_for_more_time_gets_it_within_six_hours(asked, seconds):
    assert wait_before(0, asked, lambda: 0.5) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("header", "seconds"), [("120", 120.0), ("soon", None), ("9999999", 3600.0)])
def test_a_destination_may_hand_on_the_header_as_it_came(header, seconds):
    assert DeliveryError("Busy", retry_after=header).retry_after == seconds


def fail_once(run: Run, **more) -> Run:
    claimed = queue.claim()
    run.refresh_from_db()
    lifecycle.retry_later(claimed, run, **WORDS, **more)
    run.refresh_from_db()
    return run


@pytest.mark.django_db(transaction=True)
def test_the_next_try_comes_no_sooner_than_the_target_asks(environment):
    run = fail_once(actions.run_now(make_export(environment), by=None)[0], retry_after=900)
    assert run.state == State.RETRYING
    assert timedelta(seconds=880) < run.not_before - database_now() <= timedelta(seconds=900)


@pytest.mark.django_db(transaction=True)
def test_a_target_that_asks_for_more_than_there_is_time_for_ends_the_run(environment):
    run = fail_once(actions.run_now(make_export(environment), by=None)[0], retry_after=RETRY_FOR.total_seconds() * 2)
    assert (run.state, run.message) == (State.FAILED, WORDS["message"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("minutes", "state"), [(0.5, State.FAILED), (30, State.RETRYING)])
def test_no_try_comes_after_the_next_occurrence(environment, minutes, state):
    export = make_due(environment, ago=timedelta(minutes=-minutes))
    run, _is_new = actions.run_now(export, by=None)
    assert fail_once(run).state == state


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("is_on", "state"), [(True, State.FAILED), (False, State.RETRYING)])
def test_the_next_system_refresh_is_the_next_occurrence_of_what_follows_it(environment, is_on, state):
    RefreshSchedule.objects.create(
        environment=environment, is_on=is_on, next_due=database_now() + timedelta(seconds=30), times=["09:00"]
    )
    run, _is_new = actions.run_now(make_export(environment), by=None)
    assert fail_once(run).state == state


@pytest.mark.django_db(transaction=True)
def test_the_occurrence_of_a_schedule_that_is_off_bounds_nothing(environment):
    export = make_due(environment, ago=timedelta(seconds=-30))
    actions.set_schedule(export, "off", by=None)
    Schedule.objects.filter(export=export).update(next_due=database_now() + timedelta(seconds=30))
    run, _is_new = actions.run_now(export, by=None)
    assert fail_once(run).state == State.RETRYING


@pytest.mark.django_db(transaction=True)
def test_a_held_run_has_its_six_hours_from_when_a_person_let_it_go(environment):
    run, _is_new = actions.run_now(make_export(environment), by=None)
    Run.objects.filter(pk=run.pk).update(started_at=Now() - timedelta(hours=20), decided_at=Now())
    assert fail_once(run).state == State.RETRYING
