"""A connection is no way to look around in the inner network: not by its set-up, its test, a run or a download."""

import ast
import ipaddress
import re
import socket
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest
from django.urls import reverse

from connections.destinations.base import DeliveryError
from tests.connections.delivering import run_check
from tests.connections.destinations.sftp.test_sftp_form import form_for
from tests.factories import make_connection

REPOSITORY = Path(__file__).resolve().parents[2]
NETWORKING = {
    "socket",
    "ssl",
    "http",
    "http.client",
    "urllib",
    "urllib.request",
    "urllib3",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "requests",
    "httpx",
    "aiohttp",
    "asyncssh",
    "ftplib",
    "smtplib",
}


class Listener:
    """A server on loopback that counts who comes and says nothing."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.server = socket.create_server((host, 0))
        self.port = self.server.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        with suppress(OSError):
            while True:
                visitor, _address = self.server.accept()
                self.visits += 1
                visitor.close()

    def close(self) -> None:
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@pytest.fixture
def inner(settings):
    """A server in the inner network, none of which is allowed."""
    settings.ALLOWED_NETWORKS = []
    with closing(Listener()) as listener:
        yield listener


@pytest.fixture
def closed_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


def sftp(environment, port, host="127.0.0.1", name="Inner"):
    values = {"host": host, "port": port, "username": "x", "folder": "", "host_key": "ssh-ed25519 AAAA"}
    connection = make_connection(environment, name, type="sftp", settings=values)
    connection.set_secrets({"password": "x"})
    connection.save()
    return connection


def outcome(connection) -> list[tuple[str, str, str, str]]:
    return [(step.name, step.state, step.message, step.detail) for step in run_check(connection)]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "::ffff:127.0.0.1"])
def test_a_test_tells_nothing_of_a_port_that_is_refused_and_knocks_nowhere(environment, inner, closed_port, host):
    is_open, is_closed = (
        outcome(sftp(environment, inner.port, host)),
        outcome(sftp(environment, closed_port, host, "B")),
    )
    assert is_open == is_closed
    assert is_open[0][1] == "failed"
    assert "private or reserved network" in is_open[0][2]
    assert host not in is_open[0][2]
    assert str(inner.port) not in is_open[0][3]
    assert inner.visits == 0


def test_setting_up_tells_nothing_either(environment, as_ada, inner, closed_port, demo_sftp):
    said = []
    for port in (inner.port, closed_port):
        form = form_for(demo_sftp, **{"settings-port": str(port), "settings-password": "x"})
        answer = as_ada.post(reverse("connections:set_up", args=[environment.slug, "sftp"]), form)
        shown = answer.context_data["type_form"]
        said.append((answer.status_code, shown.errors, shown.detail_at, shown.detail))
    assert said[0] == said[1]
    assert said[0][0] == 422
    assert "private or reserved network" in str(said[0][1])
    assert inner.visits == 0


def test_a_run_and_a_download_go_by_the_same_policy(environment, inner):
    destination = sftp(environment, inner.port).open()
    for attempt in (lambda: destination.session("1-1"), lambda: destination.open_file("a/b.csv")):
        with pytest.raises(DeliveryError) as refused, attempt():
            pass
        assert refused.value.permanent
        assert "127.0.0.1" not in refused.value.message
    assert inner.visits == 0


def test_a_name_server_that_answers_otherwise_the_second_time_leads_nowhere(environment, settings, monkeypatch):
    settings.ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.2/32")]
    asked = []

    def resolve(host, port, *args, **kwargs):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2" if len(asked) == 1 else "127.0.0.1", port))]

    with closing(Listener()) as inner:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        connection = sftp(environment, inner.port, "rebinding.example")
        first = outcome(connection)
        assert (asked, first[0][1], first[1][1]) == (["rebinding.example"], "done", "failed")  # nothing is at 127.0.0.2
        assert outcome(connection)[0][1] == "failed"  # from now on every answer is judged, and refused
        with pytest.raises(DeliveryError), connection.open().session("1-1"):
            pass
        assert inner.visits == 0


@pytest.mark.parametrize("port", [1, 443, 2222, 65535])
def test_unusual_ports_of_allowed_servers_are_no_matter(environment, port):
    steps = outcome(sftp(environment, port))
    assert steps[0][1] == "done"


def test_nothing_but_the_policy_opens_connections_in_what_delivers():
    found = {
        (str(path.relative_to(REPOSITORY / "connections")), name)
        for path in (REPOSITORY / "connections").rglob("*.py")
        for name in imported(path.read_text(encoding="utf-8"))
        if name in NETWORKING
    }
    # For the type of the connection that they are given, its options, and its errors' names.
    allowed = {f"destinations/sftp/{name}.py" for name in ("client", "errors", "transport")}
    # HTTP connections are made in roles/net/web.py: here are only the names of errors, and how an address is split.
    web = {("destinations/http.py", name) for name in ("http.client", "ssl", "urllib3")}
    assert found == {(name, "socket") for name in allowed} | web
    text = (REPOSITORY / "connections/destinations/http.py").read_text(encoding="utf-8")
    assert set(re.findall(r"\b(?:ssl|urllib3)\.\w+", text)) == {
        "ssl.SSLCertVerificationError",
        "urllib3.exceptions",
        "urllib3.util",
    }
    for name in [*(f"connections/{name}" for name in allowed), "roles/net/web.py"]:
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        assert not re.search(r"socket\.(socket|create_connection|getaddrinfo)\(|SSHClient|ProxyCommand", text)


def imported(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names
