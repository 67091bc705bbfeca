"""Two people do the same at the same moment: one of them does it, and the audit log has it once."""

import threading

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection
from django.utils import timezone

from connections.removing import removing
from exports import actions as exports
from exports.alerts import actions as alerts
from exports.models import AlertChannel, Export, Schedule
from exports.runs import lifecycle, pausing
from exports.schedules.recurrence import Recurrence
from roles.audit.gone import AlreadyGoneError
from roles.desk import accounts
from roles.models import AuditEvent, GroupRole, RoleAssignment, User
from roles.people import actions as people
from roles.people import invitations
from roles.roles import Role
from roles.sign_in import sessions
from segments import actions as segments
from segments import relationships
from segments.models import Relationship
from tests.factories import (
    client_of,
    make_connection,
    make_environment,
    make_export,
    make_member,
    make_segment,
    make_table,
)

pytestmark = pytest.mark.django_db(transaction=True)
TOLD = (exports.RefusedError, AlreadyGoneError, invitations.NoInvitationError)
DAILY = Recurrence("daily", ("07:15",), zone="Europe/Paris")


def export(environment):
    return make_export(environment, "Mail hotels", segments=[])


def channel(environment):
    return AlertChannel.objects.create(environment=environment, name="Operations", kind="email")


def relationship(environment):
    one, two = make_table(environment, "One"), make_table(environment, "Two")
    return Relationship.objects.create(table=one, field_name="City", to_table=two, to_field_name="CustomerId")


def session(environment):
    user = make_member(environment, Role.VIEWER, "vera")
    client_of(user).get("/account/")
    return UserSession.objects.get_or_create(
        user=user, defaults={"session_key": client_of(user).session.session_key, "ip": "127.0.0.1", "user_agent": "x"}
    )[0]


def waiting_run(environment):
    return exports.run_now(export(environment), by=None)[0]


# The verb: (what it is done to, what each of the two calls with the row as each loaded it, the audit events of it)
VERBS = {
    "detach": (export, lambda row, by: exports.detach(row, by=by), "detach"),
    "remove an export": (export, lambda row, by: exports.remove(row, by=by), "remove"),
    "schedule": (export, lambda row, by: exports.set_schedule(row, "own", DAILY, by=by), "schedule"),
    "cancel": (waiting_run, lambda row, by: lifecycle.cancel(row, by=by), "cancel"),
    "remove a channel": (channel, lambda row, by: alerts.remove(row, by=by), "remove"),
    "switch a channel": (channel, lambda row, by: alerts.switch(row, is_on=False, by=by), "switch"),
    "remove a segment": (lambda e: make_segment(make_table(e)), lambda row, by: segments.remove(row, by=by), "remove"),
    "refresh a segment": (
        lambda e: make_segment(make_table(e)),
        lambda row, by: segments.refresh(row, by=by),
        "ask for refresh",
    ),
    "remove a relationship": (
        relationship,
        lambda row, by: relationships.unrelate(row, by=by),
        "remove relationship",
    ),
    "remove a connection": (make_connection, lambda row, by: removing.remove(row, by=by), "remove"),
    "remove a group's role": (
        lambda e: GroupRole.objects.create(environment=e, group="Marketing", role="viewer"),
        lambda row, by: people.remove_group_role(row, by=by),
        "remove group role",
    ),
    "remove a person": (
        lambda e: RoleAssignment.objects.get(user=make_member(e, Role.VIEWER, "vera")),
        lambda row, by: people.remove(row, by=by),
        "remove role",
    ),
    "change a role": (
        lambda e: RoleAssignment.objects.get(user=make_member(e, Role.VIEWER, "vera")),
        lambda row, by: people.give(row.environment, row.user, Role.CONTRIBUTOR, by=by),
        "change role",
    ),
    "withdraw an invitation": (
        lambda e: invitations.invite(e, "nadia@example.com", Role.VIEWER, days=1, by=User.objects.first()).invitation,
        lambda row, by: invitations.withdraw(row, by=by),
        "withdraw invitation",
    ),
    "end a session": (
        session,
        lambda row, by: sessions.end(UserSession.objects.filter(pk=row.pk), by=by),
        "end session",
    ),
    "deactivate": (
        lambda e: make_member(e, Role.VIEWER, "vera"),
        lambda row, by: accounts.switch(row, on=False, by=by),
        "deactivate",
    ),
    "pause": (lambda e: e, lambda row, by: pausing.pause(row, note="", by=by), "pause"),
    "resume": (
        lambda e: type(e).objects.filter(pk=e.pk).update(paused_at=timezone.now()) and e,
        lambda row, by: pausing.resume(row, by=by),
        "resume",
    ),
}


@pytest.mark.parametrize("name", VERBS)
def test_what_two_do_at_once_is_in_the_audit_log_once(name):
    make, act, action = VERBS[name]
    environment = make_environment()
    both = [make_member(environment, username=one) for one in ("ada", "ben")]
    row = make(environment)
    before, together, wrong = AuditEvent.objects.filter(action=action).count(), threading.Barrier(2), []

    def go(by):
        mine = type(row)._base_manager.get(pk=row.pk)
        together.wait()
        try:
            act(mine, by)
        except TOLD:
            pass  # the one who came second
        except Exception as error:  # the other thread cannot raise it in the test
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=[by]) for by in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert AuditEvent.objects.filter(action=action).count() - before == 1


def test_whoever_comes_second_is_told_who_was_first():
    environment = make_environment()
    ada, ben = (make_member(environment, username=one) for one in ("ada", "ben"))
    for verb, text in ((exports.detach, "was already detached by ada"), (exports.remove, "was already removed by ada")):
        mine = export(environment)
        verb(Export.objects.get(pk=mine.pk), by=ada)
        with pytest.raises(exports.RefusedError, match=text):
            verb(mine, by=ben)
        Export.objects.all().delete()
    assert not Schedule.objects.exists()
