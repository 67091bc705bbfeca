"""Two people at the same moment, on real connections."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread

import pytest
from django.db import connection, connections, transaction

from roles.models import RoleAssignment
from roles.people import actions
from roles.people.errors import RefusedError
from roles.people.invitations import accept, invite
from roles.roles import Role
from tests.factories import client_of, make_user
from tests.until import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(transactional_db):
    from tests.roles.people.place import make_place

    return make_place()


def at_once(*acts):
    """Do all `acts` at the same moment; return for each whether it was done."""
    start = Barrier(len(acts))

    def run(act):
        try:
            start.wait(timeout=60)
            act()
        except RefusedError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.mark.parametrize("attempt", range(3))
def test_two_administrators_who_remove_each_other_leave_one(place, attempt):
    bob = place.member("bob", Role.ADMINISTRATOR)
    people = {one.user_id: one for one in RoleAssignment.objects.filter(environment=place.environment)}
    done = at_once(
        lambda: actions.remove(people[bob.pk], by=place.ada),
        lambda: actions.remove(people[place.ada.pk], by=bob),
    )
    assert sorted(done) == [False, True]
    assert RoleAssignment.objects.filter(environment=place.environment, role=Role.ADMINISTRATOR).count() == 1


def test_one_demoted_while_the_other_is_removed_leaves_one(place):
    bob = place.member("bob", Role.ADMINISTRATOR)
    of_ada = RoleAssignment.objects.get(user=place.ada)
    done = at_once(
        lambda: actions.give(place.environment, bob, Role.VIEWER, by=place.ada),
        lambda: actions.remove(of_ada, by=bob),
    )
    assert sorted(done) == [False, True]


def test_a_link_that_two_people_open_at_once_works_for_one(place):
    token = invite(place.environment, "x@example.com", Role.CONTRIBUTOR, days=1, by=place.ada).token
    bea, cid = make_user("bea"), make_user("cid")
    assert sorted(at_once(lambda: accept(token, bea), lambda: accept(token, cid))) == [False, True]
    assert RoleAssignment.objects.filter(role=Role.CONTRIBUTOR).count() == 1


def test_a_link_withdrawn_while_it_is_accepted_does_one_or_the_other(place):
    from roles.people.invitations import withdraw

    issued = invite(place.environment, "x@example.com", Role.CONTRIBUTOR, days=1, by=place.ada)
    bea = make_user("bea")
    accepted, was_withdrawn = at_once(
        lambda: accept(issued.token, bea), lambda: withdraw(issued.invitation, by=place.ada)
    )
    assert accepted != was_withdrawn
    assert bool(place.role_of(bea)) == accepted


def test_who_was_demoted_while_they_waited_cannot_put_themselves_back(place):
    """The request passed the check at the door, then waited for its turn behind the demotion."""
    bob = place.member("bob", Role.ADMINISTRATOR)
    browser = client_of(bob)

    def wait_then_change():
        body = {"role": "administrator"}
        answers.append(place.post("edit", body, browser=browser, pk=bob.pk).status_code)

    answers = []
    with transaction.atomic():
        actions.give(place.environment, bob, Role.VIEWER, by=place.ada)
        waiting = Thread(target=lambda: (wait_then_change(), connections.close_all()))
        waiting.start()
        until(is_somebody_waiting, what="the request to wait for its turn")
    waiting.join(60)
    assert answers == [403]
    assert place.role_of(bob) == ("viewer", "")


def is_somebody_waiting():
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
        return cursor.fetchone()[0]


def test_somebody_added_twice_at_once_has_one_role(place):
    bea = make_user("bea")
    at_once(*[lambda: actions.give(place.environment, bea, Role.VIEWER, by=place.ada)] * 3)
    assert place.role_of(bea) == ("viewer", "")
