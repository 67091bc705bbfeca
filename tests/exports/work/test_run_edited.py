"""A run goes by what its export says at one moment, whoever saves it meanwhile."""

from dataclasses import replace

import psycopg
import pytest
from django.db import connection as django_connection

from exports import actions
from exports.models import Run
from exports.models.states import State
from exports.spec.stored import spec_of
from exports.work.watch import work_until_idle
from tests.exports.work.test_run import delivered, in_thread, wait_until
from tests.factories import make_connection, make_export, make_member, make_segment

pytestmark = pytest.mark.django_db(transaction=True)


def another_session():
    return psycopg.connect(**django_connection.get_connection_params() | {"cursor_factory": psycopg.Cursor})


def is_refreshing(run):
    steps = Run.objects.get(pk=run.pk).steps
    return any(step["key"] == "refresh" and step["state"] == "running" for step in steps)


@pytest.mark.long
def test_an_export_saved_while_its_run_refreshes_goes_to_the_new_target_alone(environment, table, segment):
    old, new = make_connection(environment, "Partner"), make_connection(environment, "Ours")
    export = make_export(environment, "Moved", old, [segment])
    secret = make_segment(table, "Secret")
    with another_session() as session:
        session.execute(f'LOCK TABLE "{environment.warehouse_schema}"."Customers" IN ACCESS EXCLUSIVE MODE')
        run, _is_new = actions.run_now(export, by=None)
        thread = in_thread(work_until_idle)
        wait_until(lambda: is_refreshing(run))
        spec = replace(spec_of(export), connection=new.name, segments=(segment.name, secret.name))
        actions.save(export, spec, by=make_member(environment))
    thread.join(60)
    run.refresh_from_db()
    assert (run.state, run.connection, len(run.items)) == (State.SUCCEEDED, new, 2)
    assert delivered(old) == {}
    assert sorted(name.split("/")[1] for name in delivered(new)) == ["Everybody", "Secret", "manifest"]
