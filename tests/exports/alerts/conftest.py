"""Runs that go as told, and the alerts that they leave."""

from datetime import timedelta

import pytest


@pytest.fixture
def export(environment):
    from tests.factories import make_export

    return make_export(environment, "Weekly call list")


@pytest.fixture
def goes(export):
    """Let a new run of the export go to a state, through the queue: goes("failed"), goes("succeeded", due_ago=20)."""
    from django.db.models.functions import Now

    from exports import actions
    from exports.models import Run
    from exports.models.states import State
    from exports.runs import lifecycle, queue

    def go(*states: str, due_ago: float | None = None, of=None, **values) -> Run:
        run, _is_new = actions.run_now(of or export, by=None)
        if due_ago is not None:
            due = Now() - timedelta(minutes=due_ago)
            Run.objects.filter(pk=run.pk).update(due=due, not_before=due)
        claimed = queue.claim()
        assert claimed
        assert claimed.run_id == run.pk
        for state in states:
            assert lifecycle.finish(claimed, State(state), **values)
        return Run.objects.get(pk=run.pk)

    return go


@pytest.fixture
def history(environment):
    """The alerts of the environment so far, oldest first, as (kind, whether it is open)."""
    from exports.models import Alert

    return lambda: [
        (alert.kind, alert.closed_at is None) for alert in Alert.objects.filter(environment=environment).order_by("pk")
    ]
