"""One worker at a time owns a row, whatever kind of row it is; workers are threads with connections of their own."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from exports import actions
from exports.alerts import outbox
from exports.models import Alert, AlertChannel, AlertDelivery, PartKind, RefreshPart, SystemRefresh
from exports.refresh import parts
from exports.runs import lifecycle
from exports.runs.lease import Claim
from tests.factories import make_environment, make_export

pytestmark = pytest.mark.django_db(transaction=True)
PAST = timedelta(seconds=1)


def a_part():
    refresh = SystemRefresh.objects.create(environment=make_environment(), trigger="person")
    part = RefreshPart.objects.create(refresh=refresh, position=0, kind=PartKind.TABLE, object_id=1, name="Customers")
    return parts.LEASE, part, {"state": "waiting"}, {"state": "failed"}


def a_message():
    environment = make_environment()
    alert = Alert.objects.create(environment=environment, kind="failed", text="It failed.")
    channel = AlertChannel.objects.create(environment=environment, name="Operations", kind="webhook")
    message = AlertDelivery.objects.create(alert=alert, channel=channel)
    return outbox.LEASE, message, {}, {"state": "failed"}


def a_run():
    run, _is_new = actions.run_now(make_export(make_environment()), by=None)
    return lifecycle.LEASE, run, {"state": "queued"}, {"state": "failed"}


@pytest.fixture(params=[a_run, a_part, a_message], ids=["run", "part", "message"])
def leased(request):
    """Return a lease, a row of its kind that waits, and what the row says when it is put back and given up."""
    return request.param()


def take(lease):
    """Take what nobody is on, as a worker does."""
    with transaction.atomic():
        return lease.take(lease.model.objects.filter(token=None))


def expire(row):
    type(row).objects.filter(pk=row.pk).update(lease_until=Now() - PAST)


def in_a_thread(work):
    """Do `work` in a thread with a connection of its own; return what it gave."""
    found = []

    def act():
        try:
            found.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    return found[0]


def test_of_many_who_take_at_once_one_wins(leased):
    lease, row, *_values = leased
    found, start = [], threading.Barrier(6)

    def work():
        start.wait()
        try:
            found.append(take(lease))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _worker in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    row.refresh_from_db()
    assert [claim.token for claim in found if claim] == [row.token]
    assert (len(found), getattr(row, lease.counter)) == (6, 1)


def test_who_takes_waits_for_nobody(leased):
    lease, *_rest = leased
    with transaction.atomic():
        assert lease.take(lease.model.objects.filter(token=None))
        assert in_a_thread(lambda: take(lease)) is None


def test_who_lost_the_lease_writes_nothing(leased):
    lease, row, waiting, given_up = leased
    old = take(lease)
    expire(row)
    lease.put_back(lease.model.objects.lost(), waiting=waiting, given_up=given_up)
    new = in_a_thread(lambda: take(lease))
    before = lease.model.objects.values().get(pk=row.pk)
    assert not lease.renew(old)
    assert not lease.update(old, state="failed")
    assert not lease.end(old, state="failed")
    assert not lease.give_back(old, state="failed")
    assert lease.model.objects.values().get(pk=row.pk) == before
    assert lease.end(new, state="failed")


def test_a_claim_is_good_for_its_own_row_only(leased):
    lease, row, *_values = leased
    claim = take(lease)
    assert not lease.end(Claim(row.pk + 1, claim.token), state="failed")


def test_a_lease_that_is_renewed_is_not_lost(leased):
    lease, row, *_values = leased
    claim = take(lease)
    expire(row)
    assert lease.model.objects.lost().get() == row
    assert lease.renew(claim)
    assert not lease.model.objects.lost().exists()


def test_a_claim_that_is_released_does_not_count(leased):
    lease, row, waiting, _given_up = leased
    for _worker in range(lease.most_claims + 1):
        assert lease.give_back(take(lease), **waiting)
    row.refresh_from_db()
    assert (getattr(row, lease.counter), row.token, row.lease_until) == (0, None, None)


def test_what_is_lost_too_often_is_given_up(leased):
    lease, row, waiting, given_up = leased
    for _worker in range(lease.most_claims):
        assert take(lease)
        expire(row)
        lease.put_back(lease.model.objects.lost(), waiting=waiting, given_up=given_up)
    row.refresh_from_db()
    assert (row.state, row.token) == ("failed", None)


def test_a_lease_from_a_clock_that_was_ahead_ends_as_others_do(leased):
    lease, *_rest = leased
    claim = take(lease)
    assert lease.shorten() == 0
    lease.model.objects.update(lease_until=Now() + timedelta(days=30))
    assert lease.shorten() == 1
    assert not lease.model.objects.filter(lease_until__gt=Now() + lease.lasts).exists()
    assert lease.renew(claim)
    assert lease.end(claim, state="failed")
    assert lease.shorten() == 0
