"""One committed world for the tests of access; each test, and each request in it, is rolled back."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def committed_world(django_db_setup, django_db_blocker) -> Iterator[object]:
    from tests.emptying import empty_what_was_filled
    from tests.roles.world import make_world

    with django_db_blocker.unblock():
        yield make_world()
        empty_what_was_filled()


@pytest.fixture
def world(committed_world, db):
    """Two environments with one of everything; what a test changes is rolled back."""
    return committed_world
