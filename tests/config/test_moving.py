"""The demo's connections follow its SFTP server to another port; nobody else's do."""

import pytest
from django.utils import timezone

from config import demo_sftp
from config.up.moving import follow
from connections.models import Connection
from connections.sharing import agreement
from roles.models import AuditEvent
from tests.factories import make_connection, make_environment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(tmp_path):
    """Settings of a connection to the demo's server at its earlier port."""
    return {
        "host": "127.0.0.1",
        "port": 2222,
        "username": "waybill",
        "folder": "",
        "host_key": demo_sftp.host_key(tmp_path),
    }


def port_of(connection: Connection) -> int:
    connection.refresh_from_db()
    return connection.settings["port"]


def test_connections_to_the_demo_server_follow_it_and_the_audit_says_so(tmp_path, place):
    connection = make_connection(make_environment(), type="sftp", settings=place)
    assert follow(tmp_path, [2220, 2222], 2224) == 1
    assert port_of(connection) == 2224
    event = AuditEvent.objects.get(object_type="connection", object_id=str(connection.pk))
    assert (event.action, event.actor, event.changes) == ("change", None, {"settings.port": [2222, 2224]})
    assert follow(tmp_path, [2220, 2222], 2224) == 0


@pytest.mark.parametrize(
    "other", [{"host": "sftp.example.com"}, {"host_key": "ssh-ed25519 AAAAother"}, {"port": 4022}], ids=str
)
def test_connections_to_other_servers_stay(tmp_path, place, other):
    connection = make_connection(make_environment(), type="sftp", settings=place | other)
    assert follow(tmp_path, [2222], 2224) == 0
    assert port_of(connection) == (place | other)["port"]


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "from before targets were noted"])
def test_a_server_that_moved_is_still_agreed_to(tmp_path, place, noted):
    connection = make_connection(make_environment(), type="sftp", settings=place, agreed_at=timezone.now())
    if noted:
        connection.agreed_target = agreement.target_of("sftp", place)
        connection.save()
    follow(tmp_path, [2222], 2224)
    connection.refresh_from_db()
    assert agreement.is_given(connection)


def test_a_server_that_moved_is_agreed_to_by_nobody_new(tmp_path, place):
    connection = make_connection(make_environment(), type="sftp", settings=place)
    follow(tmp_path, [2222], 2224)
    connection.refresh_from_db()
    assert not agreement.is_given(connection)
