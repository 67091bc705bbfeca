"""A run that takes longer than it may is a failure with words of its own."""

import threading

import pytest

from connections.destinations.local.destination import LocalFolder
from connections.destinations.registry import registered
from exports import actions
from exports.models.states import State
from exports.work.watch import work_until_idle
from tests.factories import make_connection, make_export

pytestmark = pytest.mark.django_db(transaction=True)


class Hanging(LocalFolder):
    """A target that never answers; a run through it has a tenth of a second."""

    slug = "hanging"
    deadline = 0.1

    def session(self, run_key):
        threading.Event().wait()


class HangingForEver(Hanging):
    """The same for which only the operator's deadline holds."""

    slug = "hanging-for-ever"
    deadline = None


def run_through(environment, segment, type_):
    connection = make_connection(environment, type=type_.slug)
    with registered(type_):
        run, _is_new = actions.run_now(make_export(environment, connection=connection, segments=[segment]), by=None)
        work_until_idle()
    run.refresh_from_db()
    return run


def test_the_deadline_of_a_type_ends_the_run(environment, segment):
    run = run_through(environment, segment, Hanging)
    assert (run.state, run.reason) == (State.FAILED, "Took too long")
    assert "than its connection type allows" in run.message


@pytest.mark.long
def test_the_deadline_of_the_operator_ends_the_run(environment, segment, settings):
    settings.RUN_DEADLINE_SECONDS = 0.1
    run = run_through(environment, segment, HangingForEver)
    assert (run.state, run.reason) == (State.FAILED, "Took too long")
    assert "WAYBILL_RUN_DEADLINE_SECONDS" in run.message
