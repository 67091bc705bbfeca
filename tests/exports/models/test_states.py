"""The one state table."""

import pytest
from django.db import IntegrityError, transaction

from exports.models import Run, Trigger
from exports.models.states import ACTIVE, CLAIMABLE, DELIVERED, FINAL, STATES, State, may_follow
from roles.templatetags.pieces import icon_names
from tests.factories import make_environment, make_export


def test_every_state_has_a_rule_with_words_and_a_known_icon():
    assert set(STATES) == set(State.values)
    assert all(rule.look.label and rule.look.icon in icon_names() for rule in STATES.values())


def test_labels_are_those_of_the_product():
    assert [str(STATES[state].look.label) for state in State] == [
        "Queued",
        "Refreshing",
        "Successful",
        "Completed with warnings",
        "Failed (retrying)",
        "Failed (permanent)",
        "Skipped",
        "Held",
        "Canceled",
    ]


def test_every_state_is_either_active_or_final_and_delivered_ones_are_final():
    assert set(ACTIVE) | set(FINAL) == set(State.values)
    assert not set(ACTIVE) & set(FINAL)
    assert set(DELIVERED) <= set(FINAL)
    assert set(CLAIMABLE) <= set(ACTIVE)


def test_every_active_state_leads_to_an_end():
    for state in ACTIVE:
        reached, todo = set(), {state}
        while todo:
            here = todo.pop()
            reached.add(here)
            todo |= set(STATES[here].follows) - reached
        assert reached & set(FINAL)


def test_a_run_that_ended_goes_nowhere():
    assert not any(may_follow(before, after) for before in FINAL for after in State)


@pytest.mark.django_db
@pytest.mark.parametrize("state", [s for s in ACTIVE if s != State.RUNNING])
def test_the_database_allows_one_active_run_per_export(state):
    environment = make_environment()
    export = make_export(environment)
    values = {"environment": environment, "export": export, "trigger": Trigger.PERSON}
    Run.objects.create(**values, state=state)
    Run.objects.create(**values, state=State.SUCCEEDED)
    with pytest.raises(IntegrityError, match="one_active_run_per_export"), transaction.atomic():
        Run.objects.create(**values)


@pytest.mark.django_db
def test_the_database_refuses_a_running_run_that_nobody_owns():
    environment = make_environment()
    export = make_export(environment)
    with pytest.raises(IntegrityError, match="a_running_run_is_owned"), transaction.atomic():
        Run.objects.create(environment=environment, export=export, trigger=Trigger.PERSON, state=State.RUNNING)
