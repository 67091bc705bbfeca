"""A target that does not answer keeps one worker at most, and none from the runs of others."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from connections import answering
from connections.destinations.sftp import client
from connections.models import Connection
from exports import actions
from exports.dispatcher import dispatch_once
from exports.models import Run
from exports.models.states import State
from exports.runs import queue
from exports.work.watch import watch, work_until_idle
from tests.factories import client_of, make_connection, make_export, make_member
from tests.servers.mute import running_mute

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = Now() - timedelta(hours=1)


@pytest.fixture
def mute(monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.5)
    with running_mute() as server:
        yield server


@pytest.fixture
def partner(environment, mute):
    """A connection to a server that takes lines and says nothing."""
    settings = {
        "host": "127.0.0.1",
        "port": mute.port,
        "username": "shop",
        "folder": "",
        "host_key": "ssh-ed25519 AAAA",
    }
    made = make_connection(environment, "Partner", type="sftp", settings=settings)
    made.set_secrets({"password": "shop"})
    made.save()
    return made


def queued(environment, connection, segment) -> Run:
    return actions.run_now(make_export(environment, connection=connection, segments=[segment]), by=None)[0]


def claimed_exports() -> list[int]:
    """Claim until there is nothing more to have; return the runs' ids."""
    claims = []
    while found := queue.claim():
        claims.append(found.run_id)
    return claims


def state_of(run: Run) -> tuple[str, str]:
    run.refresh_from_db()
    return run.state, str(run.reason)


def is_silent(connection) -> bool:
    connection.refresh_from_db()
    return connection.unanswered_since is not None


def test_one_run_finds_out_and_the_others_wait_and_say_why(environment, partner, segment, monkeypatch):
    monkeypatch.setattr(Connection.objects._queryset_class, "silent", lambda rows: rows.exclude(unanswered_since=None))
    first, second, third = (queued(environment, partner, segment) for _ in range(3))
    watch(queue.claim())
    assert state_of(first)[0] == State.RETRYING
    assert is_silent(partner)
    other = queued(environment, make_connection(environment), segment)
    assert claimed_exports() == [other.pk, second.pk]
    dispatch_once()
    assert state_of(third) == (State.QUEUED, "“Partner” did not answer; one run at a time until it does")


def test_a_run_that_was_taken_with_another_gives_its_worker_back(environment, partner, mute, segment, monkeypatch):
    monkeypatch.setattr(answering, "ANSWERS_WITHIN", timedelta(seconds=0.2))
    _first, second = (queued(environment, partner, segment) for _ in range(2))
    claims = [queue.claim(), queue.claim()]
    Connection.objects.filter(pk=partner.pk).update(unanswered_since=Now())  # the first one waits
    watch(claims[1])
    assert state_of(second) == (State.QUEUED, "“Partner” did not answer; one run at a time until it does")
    assert (second.claims, second.tries, mute.callers) == (0, 0, [])


@pytest.mark.parametrize("workers, taken", [(1, 1), (2, 1), (3, 2)])
def test_all_silent_targets_together_leave_a_worker_to_the_others(environment, segment, settings, workers, taken):
    settings.EXPORT_WORKERS = workers
    silent = [make_connection(environment, unanswered_since=LONG_AGO) for _ in range(3)]
    runs = [queued(environment, one, segment) for one in silent for _ in range(2)]
    other = queued(environment, make_connection(environment), segment)
    claims = claimed_exports()
    assert claims[0] == other.pk
    assert set(claims[1:]) <= {run.pk for run in runs}
    assert len(claims) == 1 + taken
    assert not queue.work_waits()


def test_what_waited_for_minutes_goes_in_its_turn(environment, segment):
    run = queued(environment, make_connection(environment, unanswered_since=LONG_AGO), segment)
    queued(environment, make_connection(environment), segment)
    Run.objects.filter(pk=run.pk).update(not_before=Now() - timedelta(minutes=6))
    assert queue.claim().run_id == run.pk


def test_an_answer_ends_it(environment, segment):
    connection = make_connection(environment, unanswered_since=LONG_AGO)
    runs = [queued(environment, connection, segment) for _ in range(3)]
    work_until_idle()
    assert {state_of(run)[0] for run in runs} == {State.SUCCEEDED}
    assert not is_silent(connection)


def test_a_refusal_is_an_answer(environment, partner, segment, mute):
    mute.end()
    Connection.objects.filter(pk=partner.pk).update(unanswered_since=LONG_AGO)
    run = queued(environment, partner, segment)
    watch(queue.claim())
    assert state_of(run)[0] == State.RETRYING
    assert not is_silent(partner)


@pytest.mark.parametrize("since, said", [(LONG_AGO, "Not answering"), (None, "Works")], ids=["silent", "answers"])
def test_the_list_of_connections_does_not_call_a_silent_one_well(environment, since, said):
    make_connection(environment, unanswered_since=since, is_check_ok=True, checked_at=Now())
    url = reverse("connections:list", kwargs={"environment": environment.slug})
    assert said in client_of(make_member(environment)).get(url).content.decode()
