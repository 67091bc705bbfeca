"""Answers that mean "later" are waited out, batches that are refused whole are halved, rates are kept by all."""

import threading
from dataclasses import dataclass

import pytest

from connections.destinations.base import DeliveryError
from connections.destinations.base.audiences import (
    Accepted,
    AudienceDestination,
    ByRow,
    Container,
    Counted,
    Op,
    OpLimits,
    Rate,
    Refused,
    Rejected,
    Request,
)
from connections.destinations.http import Client
from exports.work.audiences import asking
from exports.work.audiences.asking import Asker, StoppedError, UnacknowledgedError
from exports.work.audiences.batches import Batch, batches, send
from exports.work.audiences.budget import SPARE, Budget, Window
from exports.work.audiences.sealing import Box
from segments.warehouse.ledger import Waiting
from segments.warehouse.reader import open_session
from tests.servers.webhook import answer, answer_with, cut, running_receiver


class Bare(AudienceDestination):
    """Sends numbers; refuses batches with a bad one in them."""

    bad: frozenset[int] = frozenset()
    asked = 0

    def apply(self, op, people, container):
        type(self).asked += 1
        numbers = [one.payload["n"] for one in people]
        if self.bad.intersection(numbers):
            return Refused("bad", "There is a bad one.")
        return ByRow([Accepted() for _one in people])
        yield


@pytest.fixture
def receiver():
    with running_receiver() as server:
        yield server


@pytest.fixture
def asker(receiver, monkeypatch):
    monkeypatch.setattr(asking, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(asking, "MOST_TRYING", 2.0)
    Bare.asked = 0
    client = Client(seconds=5)
    yield Asker(Bare({}, {}), client, Budget([], open_session))
    client.close()


def waiting(n: int, box: Box) -> Waiting:
    return Waiting(n, 1, str(n), bytes([n % 256]), "", "", box.seal({"n": n}))


def given(count: int, box: Box, at_once: int = 7):
    """What gives `count` rows, a few at a time."""
    rows = [waiting(n, box) for n in range(1, count + 1)]
    return lambda last: rows[last.seq if last else 0 :][:at_once]


@pytest.mark.parametrize("later", [answer(503), answer(429, Retry_After="0"), answer(408), cut])
def test_what_passes_soon_is_asked_again(receiver, asker, later):
    receiver.behaves = [later, later, answer_with('{"is": "there"}')]
    assert asker.ask(Request("GET", receiver.url)).json() == {"is": "there"}


def test_a_target_that_asks_for_more_time_than_a_run_has_ends_it_for_now(receiver, asker):
    receiver.behaves = [answer(429, Retry_After="600")]
    with pytest.raises(DeliveryError) as error:
        asker.ask(Request("GET", receiver.url))
    assert (error.value.retry_after, error.value.permanent, len(receiver.got)) == (600.0, False, 1)


def test_what_must_not_be_sent_twice_is_not(receiver, asker):
    receiver.behaves = [cut]
    with pytest.raises(UnacknowledgedError):
        asker.ask(Request("POST", receiver.url, {}, is_repeatable=False))
    assert len(receiver.got) == 1


def test_a_run_that_stops_waits_for_nothing(receiver, asker):
    receiver.behaves = [answer(503)]
    asker.stopping.set()
    with pytest.raises(StoppedError):
        asker.ask(Request("GET", receiver.url))


@pytest.mark.parametrize(("count", "bad"), [(64, {13}), (64, {1, 64}), (10, set(range(1, 11))), (1, {1})])
def test_bad_rows_are_found_by_halving(asker, count, bad, monkeypatch):
    monkeypatch.setattr(Bare, "bad", frozenset(bad))
    box = Box()
    (batch,) = batches(given(count, box), Op.ADD, OpLimits(100), box)
    found = send(asker, batch, Container("x"))
    outcomes = {row.seq: outcome for sent in found for row, outcome in zip(sent.batch.rows, sent.outcomes, strict=True)}
    assert len(outcomes) == count
    assert {seq for seq, outcome in outcomes.items() if isinstance(outcome, Rejected)} == bad
    assert Bare.asked <= 1 + 2 * len(bad) * count.bit_length()


def test_numbers_alone_are_counted_and_the_rest_stays_unknown(asker, monkeypatch):
    def apply(self, op, people, container):
        return Counted(2, 1)
        yield

    monkeypatch.setattr(Bare, "apply", apply)
    box = Box()
    (batch,) = batches(given(3, box), Op.ADD, OpLimits(100), box)
    ((one,),) = (send(asker, batch, Container("x")),)
    assert [isinstance(outcome, Accepted) for outcome in one.outcomes] == [True, True, False]


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [(OpLimits(10), [10, 10, 3]), (OpLimits(100), [23]), (OpLimits(100, 2000 + 50 * 5), [5, 5, 5, 5, 3])],
)
def test_batches_keep_both_limits(limits, sizes):
    box = Box()
    made: list[Batch] = list(batches(given(23, box), Op.ADD, limits, box))
    assert [len(batch.rows) for batch in made] == sizes
    assert [person.payload["n"] for batch in made for person in batch.people] == list(range(1, 24))


# --- rates


@dataclass
class Clock:
    """What the budget is asked to wait for."""

    waits: list[float]

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return False


@pytest.mark.django_db(transaction=True)
def test_all_that_share_a_rate_take_turns():
    windows = [Window("account 1 requests", Rate(10, 1.0)), Window("account 1 a minute", Rate(6000, 60.0))]
    budgets = [Budget(windows, open_session) for _machine in range(2)]
    clock = Clock([])
    try:
        for turn in range(20):
            assert budgets[turn % 2].wait(clock)
        budgets[0].slow_down(30)
        budgets[1].wait(last := Clock([]))
    finally:
        for budget in budgets:
            budget.close()
    assert 19 * 0.1 * SPARE - 1.5 < clock.waits[-1] <= 19 * 0.1 * SPARE, "20 turns of two machines take 1.9 s"
    assert clock.waits == sorted(clock.waits)
    assert 28 < last.waits[0] <= 30 + 0.2


def test_without_rates_only_a_stop_is_heeded():
    budget, stop = Budget([], open_session), threading.Event()
    assert budget.wait(stop)
    stop.set()
    assert not budget.wait(stop)
