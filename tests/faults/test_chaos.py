"""A short storm in every test run; `make chaos MINUTES=…` is the long one."""

import pytest

from tests.faults.chaos.storm import Storm

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # seconds; a busy machine may take them
SEED = 5


@pytest.fixture(scope="module")
def storm():
    """What is left when load and harm are over."""
    with Storm(SEED, seconds=8, calm=1, exports=6, rows=1_000, every=0.6, say=lambda text: None) as storm:
        storm.rage()
        yield storm


def test_what_is_promised_holds_whatever_was_killed(storm):
    assert storm.contradictions() == [], storm.table


def test_the_storm_did_harm_to_runs_that_schedules_started(storm):
    assert storm.harm.done.total() >= 3, storm.table
    (delivered,) = storm.connection.execute("SELECT count(*) FROM exports_run WHERE state = 'succeeded'").fetchone()
    assert delivered > 0, storm.table


def test_a_restart_of_postgres_under_a_run_costs_a_retry_and_no_run(storm):
    state, tries = storm.restart_under_a_run()
    assert state == "succeeded"
    assert tries >= 1
    assert storm.contradictions() == []
