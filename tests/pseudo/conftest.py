"""One world, made before the tests and committed, in which the pseudo-locale is offered."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def everything(django_db_setup, django_db_blocker) -> Iterator[object]:
    from tests.emptying import empty_what_was_filled
    from tests.pseudo.world import make_empty_place, make_full_world

    with django_db_blocker.unblock():
        try:
            world = make_full_world()
            yield world, make_empty_place(world)
        finally:
            empty_what_was_filled()


@pytest.fixture
def world(everything, db):
    """Where much has happened."""
    return everything[0]


@pytest.fixture
def empty(everything, db):
    """An environment where nothing has."""
    return everything[1]


@pytest.fixture
def in_two_languages():
    from tests.pseudo import offered

    with offered() as code:
        yield code
