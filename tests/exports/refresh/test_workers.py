"""Any number of workers, dispatchers and people; what one of them leaves lying another takes up."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from exports.models import PartState, RefreshPart, RefreshState, SystemRefresh
from exports.refresh import advance, nudging, work
from exports.refresh import start as run
from exports.refresh.start import RefreshError
from tests.exports.refresh import parts
from tests.factories import make_member, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(do, count=6):
    """Do it in `count` threads at the same moment; return what each came to, an error included."""
    found, start = [], threading.Barrier(count)

    def one():
        start.wait()
        try:
            found.append(do())
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _number in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return found


def lose(part):
    """Let the worker of a part be dead since a while."""
    RefreshPart.objects.filter(pk=part).update(lease_until=timezone.now() - timedelta(seconds=1))
    advance.advance_all()


def test_one_system_refresh_at_a_time(environment, segment):
    found = at_once(lambda: run.start(environment, by=None))
    assert sum(isinstance(one, SystemRefresh) for one in found) == 1
    assert {str(one) for one in found if isinstance(one, Exception)} == {"A system refresh is already running."}
    assert SystemRefresh.objects.count() == 1


def test_environments_are_refreshed_beside_each_other(environment, segment):
    other = make_table(make_environment_beside(environment)).environment
    assert run.start(environment, by=None).state == RefreshState.RUNNING
    assert run.start(other, by=None).state == RefreshState.RUNNING


def make_environment_beside(environment):
    from tests.factories import make_environment

    return make_environment(f"{environment.slug}-too")


def test_a_part_is_taken_by_one_worker(environment, table):
    run.start(environment, by=None)
    found = at_once(work.claim)
    assert sum(one is not None for one in found) == 1


def test_only_a_few_parts_are_worked_on_at_once(environment, table):
    for name in ("Cities", "Towns", "Villages"):
        make_table(environment, name, "Name\nParis\n", key="Name")
    run.start(environment, by=None)
    claims = [work.claim() for _number in range(4)]
    assert sum(one is not None for one in claims) == nudging.MOST_AT_ONCE


def test_workers_are_nudged_once_for_each_part_that_may_go(environment, table, segment):
    run.start(environment, by=None)
    for _second in range(3):
        advance.advance_all()
    assert [one.task["func"] for one in OrmQ.objects.all()] == [nudging.WORK]


def test_the_part_of_a_killed_worker_is_taken_again(environment, table):
    refresh = run.start(environment, by=None)
    dead = work.claim()
    assert work.claim() is None
    lose(dead.pk)
    assert not work.end(dead, PartState.DONE)
    parts.work_off()
    refresh.refresh_from_db()
    assert (refresh.state, parts.of(refresh)) == (RefreshState.SUCCEEDED, {"Customers": "done"})


def test_a_part_that_kills_its_workers_is_given_up(environment, table, segment):
    refresh = run.start(environment, by=None)
    for _worker in range(3):
        lose(work.claim().pk)
    assert parts.of(refresh) == {"Customers": "failed", "Everybody": "skipped"}
    text = "It was interrupted 3 times and was stopped. Refresh again; if that fails, ask your Waybill operator."
    assert parts.message_of(refresh, "Customers") == text


def test_a_part_given_back_by_a_worker_that_stops_does_not_count(environment, table):
    run.start(environment, by=None)
    for _worker in range(5):
        work.give_back(work.claim())
    part = RefreshPart.objects.get()
    assert (part.state, part.claims) == (PartState.WAITING, 0)


def test_a_paused_environment_holds_the_start(environment, table):
    environment.paused_at = timezone.now()
    environment.save()
    refresh = run.start(environment, by=make_member(environment))
    advance.advance_all()
    assert (refresh.state, work.claim()) == (RefreshState.QUEUED, None)
    environment.paused_at = None
    environment.save()
    parts_went_on(refresh)


def parts_went_on(refresh):
    advance.advance_all()
    parts.work_off()
    refresh.refresh_from_db()
    assert refresh.state == RefreshState.SUCCEEDED


def test_a_pause_in_the_middle_lets_nothing_new_begin(environment, table, segment):
    refresh = run.start(environment, by=None)
    running = work.claim()
    environment.paused_at = timezone.now()
    environment.save()
    work.carry_out(running)
    advance.advance_all()
    assert (parts.of(refresh), work.claim()) == ({"Customers": "done", "Everybody": "waiting"}, None)


def test_who_clicks_while_one_runs_is_told(environment, table):
    run.start(environment, by=None)
    with pytest.raises(RefreshError, match="already running"):
        run.start(environment, by=None)


def test_a_refresh_that_cannot_go_on_leaves_the_others_alone(environment, table, segment, caplog):
    other = make_segment(make_table(make_environment_beside(environment)))
    broken = run.start(environment, by=None)
    fine = run.start(other.environment, by=None)
    broken.parts.update(needs={"not": "a list"})
    parts.work_off()
    fine.refresh_from_db()
    assert fine.state == RefreshState.SUCCEEDED
    assert "could not go on" in caplog.text
