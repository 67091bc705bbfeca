"""What the tests of the front door share."""

import pytest


@pytest.fixture
def slow(monkeypatch):
    """Let the first wait be a minute, so that none is over before a busy machine looks."""
    from roles.sign_in import tries

    for step in tries.DELAYS:
        monkeypatch.setitem(tries.DELAYS, step, tries.Delay(first=60))
