"""What most tests of exports stand on. Django is imported late: pytest-django sets it up after the first conftests."""

import pytest


@pytest.fixture
def environment():
    from tests.factories import make_environment

    return make_environment()


@pytest.fixture
def table(environment):
    from tests.factories import make_table

    return make_table(environment)


@pytest.fixture
def segment(table):
    from tests.factories import make_segment

    return make_segment(table, name="Everybody")


@pytest.fixture
def shared(environment):
    """A connection that every contributor may use."""
    from tests.factories import make_connection

    return make_connection(environment, "Partner")


@pytest.fixture
def carl(environment):
    """A contributor's browser."""
    from roles.roles import Role
    from tests.factories import client_of, make_member

    return client_of(make_member(environment, Role.CONTRIBUTOR, "carl"))
