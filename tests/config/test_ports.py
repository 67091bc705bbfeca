"""Loopback ports: whoever chose one has it, and a kept one is left when another program took it."""

import socket

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.up import ports
from config.up.ports import Kept, reserve

IPV4 = [socket.AF_INET]


@pytest.fixture
def held():
    """A reserved port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        first = probe.getsockname()[1]
    reserved = reserve(min(first, 65000))
    yield reserved
    reserved.close()


def test_two_starts_at_the_same_time_take_different_ports(held):
    second = reserve(held.port)
    second.close()
    assert second.port > held.port


def test_a_port_is_left_to_a_program_that_has_only_one_of_its_addresses():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        reserved = reserve(port)
        reserved.close()
    assert reserved.port != port


def test_the_sockets_wait_for_a_server_to_take_them_over(held):
    with socket.create_connection(("127.0.0.1", held.port), timeout=240) as waiting:
        accepted, _address = held.sockets[0].accept()
        accepted.sendall(b"late")
        accepted.close()
        assert waiting.recv(4) == b"late"


def test_a_port_is_kept_from_start_to_start(tmp_path, held):
    path = tmp_path / "demo" / "port"
    first = Kept(path, held.port).reserve(IPV4)
    first.close()
    again = Kept(path, 1)
    second = again.reserve(IPV4)
    second.close()
    assert (second.port, again.earlier) == (first.port, [])


def test_a_kept_port_that_another_program_took_is_left_and_remembered(tmp_path, held):
    path = tmp_path / "port"
    path.write_text(f"{held.port}\n")
    kept = Kept(path, 1)
    moved = kept.reserve(IPV4)
    moved.close()
    assert kept.wanted == held.port != moved.port
    assert kept.earlier == [held.port]
    assert path.read_text().split() == [str(held.port), str(moved.port)]


def test_a_file_without_a_port_is_as_good_as_none(tmp_path, held):
    path = tmp_path / "port"
    path.write_text("")
    assert Kept(path, held.port).wanted == held.port


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "８０"])
def test_what_is_no_port_is_refused_with_what_to_write(monkeypatch, text):
    monkeypatch.setenv("WAYBILL_PORT", text)
    with pytest.raises(ImproperlyConfigured, match="Write one from 1 to 65535"):
        ports.wanted("WAYBILL_PORT", 8000)
