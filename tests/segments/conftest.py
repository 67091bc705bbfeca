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


@pytest.fixture(scope="session")
def superuser(django_db_setup, django_db_blocker):
    """A connection of the server's superuser, to the database of the tests."""
    import psycopg
    from django.conf import settings
    from django.db import connection

    from config import embedded_postgres

    with django_db_blocker.unblock():
        parameters = connection.get_connection_params()
    known = {"host": parameters["host"], "port": parameters["port"], "dbname": connection.settings_dict["NAME"]}
    if not settings.EMBEDDED_DATABASE:
        pytest.skip("the superuser of another server is not ours")
    with psycopg.connect(**known, user=embedded_postgres.SUPERUSER, autocommit=True) as raw:
        yield raw
