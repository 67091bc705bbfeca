"""Which addresses may be reached."""

import ipaddress
import socket
from contextlib import closing

import pytest

from roles.net import addresses
from roles.net.addresses import AddressRefusedError

PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "239.1.2.3",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:a00:1::",
    "2002:c0a8:101::1",
    "4000::1",
    "3fff::1",
    "fec0::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "::ffff:0.0.0.0",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fd00:ec2::254",
    "168.63.129.16",
    "::ffff:168.63.129.16",
    "64:ff9b::a83f:8110",
    "192.0.0.192",
    "192.88.99.1",
    "0.0.0.1",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
# The same machine, however it is written.
LOOPBACK = [
    *("127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "::1"),
    *("0177.0.0.1", "017700000001", "0x7f000001", "0x7F.0.0.0x1", "127.0.1", "127.255.255.254"),
    *("LOCALHOST", "0", "0.0.0.0", "0x0", "::", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"),
    *("::ffff:7f00:1", "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021"),
]


@pytest.fixture
def nothing_allowed(settings):
    settings.ALLOWED_NETWORKS = []


@pytest.fixture
def listener():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_that_is_not_public_is_refused(nothing_allowed, text):
    assert not addresses.is_allowed(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_allowed(nothing_allowed, text):
    assert addresses.is_allowed(ipaddress.ip_address(text))


def test_an_allowed_network_counts_for_its_mapped_form_too(settings):
    settings.ALLOWED_NETWORKS = [ipaddress.ip_network("10.20.0.0/16")]
    assert addresses.is_allowed(ipaddress.ip_address("10.20.1.1"))
    assert addresses.is_allowed(ipaddress.ip_address("::ffff:10.20.1.1"))
    assert not addresses.is_allowed(ipaddress.ip_address("10.21.1.1"))
    assert not addresses.is_allowed(ipaddress.ip_address("2002:a14:101::1"))


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_refused_however_it_is_written(nothing_allowed, listener, host):
    with pytest.raises(AddressRefusedError) as refused:
        addresses.connect(host, listener, 2)
    assert "WAYBILL_ALLOWED_NETWORKS" in refused.value.message
    assert host not in refused.value.message
    assert host in refused.value.detail


def test_an_address_that_nobody_judged_is_refused_as_it_is_connected_to(nothing_allowed, listener):
    for family, sockaddr in ((socket.AF_INET, ("127.0.0.1", listener)), (socket.AF_INET6, ("::1", listener, 0, 0))):
        with pytest.raises(AddressRefusedError):
            addresses.connect_to([(family, sockaddr)], 2)


@pytest.mark.parametrize(
    "host",
    ["a\0b.example", "a..b", "[::1]", "localhost.", "127.0.0.1.", "127.0.0.1:22", "127.0.0.1/8", "a b", "-", "%"],
)
def test_what_no_host_is_called_is_an_error_of_the_network(nothing_allowed, host):
    with pytest.raises((socket.gaierror, AddressRefusedError)):
        addresses.connect(host, 9, 2)


def test_a_name_with_one_refused_address_is_refused_altogether(settings, monkeypatch):
    settings.ALLOWED_NETWORKS = []
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 22)) for ip in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answers)
    with pytest.raises(AddressRefusedError, match="private"):
        addresses.resolve_allowed("both.example.com", 22)


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch, listener):
    asked = []
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", listener))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args, **kwargs: asked.append(host) or answer)
    with closing(addresses.connect("name.example.com", listener, 2)) as connection:
        assert connection.getpeername() == ("127.0.0.1", listener)
    assert asked == ["name.example.com"]


def test_the_second_address_is_tried_when_the_first_does_not_answer(listener):
    with closing(socket.create_server(("127.0.0.1", 0))) as closed:
        dead = closed.getsockname()[1]
    found = [(socket.AF_INET, ("127.0.0.1", dead)), (socket.AF_INET, ("127.0.0.1", listener))]
    with closing(addresses.connect_to(found, 2)) as connection:
        assert connection.getpeername()[1] == listener


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".example", "..", ""])
def test_a_name_that_is_none_is_an_error_of_the_network(host):
    with pytest.raises((OSError, AddressRefusedError)):
        addresses.connect(host, 9, 2)
