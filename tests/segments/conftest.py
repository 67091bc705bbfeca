"""Browsers of people in the test's `environment`. Django is imported late: pytest-django sets it up afterwards."""

import pytest


@pytest.fixture
def contributor(environment):
    from roles.roles import Role
    from tests.factories import client_of, make_member

    return client_of(make_member(environment, Role.CONTRIBUTOR, "carl"))


@pytest.fixture
def viewer(environment):
    from roles.roles import Role
    from tests.factories import client_of, make_member

    return client_of(make_member(environment, Role.VIEWER, "vera"))
