"""Each test has an environment of its own."""

import pytest


@pytest.fixture
def place(db):
    from tests.roles.people.place import make_place

    return make_place()
