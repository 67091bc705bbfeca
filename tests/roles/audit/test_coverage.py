"""Whatever changes in an environment has its event, in the same transaction: every address, as an administrator."""

from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from connections.models import Connection
from exports.models import (
    AlertChannel,
    AlertDelivery,
    Export,
    ExportSegment,
    ExportTable,
    RefreshSchedule,
    Run,
    SystemRefresh,
)
from roles.models import AuditEvent, Environment, GroupRole, Invitation, RoleAssignment, User
from segments.models import Field, Relationship, Segment, Table
from tests.roles.test_access_table import CHANGES, OUTSIDE, undone

LISTS = (Connection.shared_with.through, Export.detached_users.through)
SET_UP = (Export, ExportSegment, ExportTable, Segment, Table, Field, Relationship, Connection)
SYSTEM = (SystemRefresh, RefreshSchedule, AlertChannel, AlertDelivery)
KEPT = (*LISTS, *SET_UP, *SYSTEM, Run, Environment, RoleAssignment, GroupRole, Invitation, User)
# In the world of these tests there is nothing to do there: the only export neither follows a schedule nor may run.
IDLE = {"exports:run_all"}
# What a person has read is no change of anything, and nobody else's business.
OWN = {"alerts:seen"}
# Its event is written by the worker that tests, which asks who asked for it.
ASKED_FOR = {"connections:test"}
REFUSE = """
CREATE FUNCTION refuse_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
CREATE TRIGGER refuse_all AFTER {what} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_all();
"""


def everything():
    """Return all that requests could change, but for times of signing in."""
    kept = {model.__name__: list(model.objects.order_by("pk").values()) for model in KEPT}
    for user in kept["User"]:
        user.pop("last_login")
    return kept


def post(world, name):
    """Ask as the administrator for one change; an error of the database is an answer, too."""
    client = world.client("administrator")
    client.raise_request_exception = False
    return client.post(world.mine.url(name), world.body(name))


@contextmanager
def prepared(world, name):
    """What must be so for the change to be possible; undone afterwards."""
    with undone():
        if name in {"exports:run", "exports:test", "exports:guide_remove", "exports:guide_detach"}:
            Run.objects.filter(environment=world.mine.environment).update(state="succeeded")
        if name in {"exports:let_go", "exports:drop"}:
            Run.objects.filter(environment=world.mine.environment).update(state="held")
        if name == "segments:remove":
            ExportSegment.objects.all().delete()
        if name == "system:stop":
            SystemRefresh.objects.create(environment=world.mine.environment, trigger="person")
        if name == "system:resume":
            Environment.objects.filter(pk=world.mine.environment.pk).update(paused_at=Now())
        yield


@pytest.mark.parametrize("name", sorted(set(CHANGES) - OUTSIDE - OWN))
def test_every_change_has_its_event(world, name):
    with prepared(world, name):
        before, newest = everything(), AuditEvent.objects.count()
        answer = post(world, name)
        assert answer.status_code in (200, 204, 302)
        if everything() == before:
            assert name in IDLE
        elif name not in ASKED_FOR:
            events = list(AuditEvent.objects.order_by("pk")[newest:])
            assert events
            for event in events:
                assert event.environment == world.mine.environment
                assert (event.actor, event.origin) == (world.users["administrator"], "127.0.0.1")
                assert len(event.request_id) == 32


@pytest.mark.parametrize("name", sorted(set(CHANGES) - OUTSIDE - OWN - IDLE - ASKED_FOR))
def test_without_its_event_nothing_changes(world, name):
    with prepared(world, name):
        before = everything()
        with refusing("INSERT", "roles_auditevent"):
            assert post(world, name).status_code == 500
        assert everything() == before


@pytest.mark.parametrize(
    "name, what, table",
    [
        ("exports:edit", "INSERT", "exports_exportsegment"),
        ("exports:run", "UPDATE", "exports_export"),
        ("exports:schedule", "UPDATE", "exports_export"),
        ("exports:remove", "DELETE", "exports_export"),
        ("exports:cancel", "UPDATE", "exports_run"),
        ("segments:edit", "UPDATE", "segments_segment"),
        ("segments:refresh", "UPDATE", "segments_segment"),
        ("segments:unrelate", "DELETE", "segments_relationship"),
        ("connections:edit", "UPDATE", "connections_connection"),
        ("connections:remove", "DELETE", "connections_connection"),
        ("people:edit", "UPDATE", "roles_roleassignment"),
    ],
)
def test_without_its_change_there_is_no_event(world, name, what, table):
    with prepared(world, name):
        newest = AuditEvent.objects.count()
        with refusing(what, table):
            assert post(world, name).status_code == 500
        assert AuditEvent.objects.count() == newest


@contextmanager
def refusing(what, table):
    """Let the database refuse to change one table."""
    with connection.cursor() as cursor:
        cursor.execute(REFUSE.format(what=what, table=table))
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER refuse_all ON {table}; DROP FUNCTION refuse_all()")


def test_a_run_neither_starts_nor_ends_without_its_event(world):
    from exports.models.states import State
    from exports.runs import lifecycle, queue

    run = world.mine.run
    with undone():
        with refusing("INSERT", "roles_auditevent"), pytest.raises(DatabaseError), transaction.atomic():
            queue.claim()
        run.refresh_from_db()
        assert (run.state, run.token) == (State.RETRYING, None)
        claimed = queue.claim()
        for state in (State.SUCCEEDED, State.RETRYING):
            with refusing("INSERT", "roles_auditevent"), pytest.raises(DatabaseError), transaction.atomic():
                lifecycle.finish(claimed, state)
            run.refresh_from_db()
            assert run.state == State.RUNNING
        assert lifecycle.finish(claimed, State.SUCCEEDED)
