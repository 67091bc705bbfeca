"""The web server on loopback: whoever sends or reads slowly has no thread, and not for as long as they like."""

import errno
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.web import binding, server
from config.web.bounds import Bounds
from config.web.channel import client_of
from config.web.server import House
from tests.until import PATIENCE, until

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
DRIPS = {
    "headers": [GET + b"X-Slow: "],
    "body": [POST + b"Content-Length: 100000\r\n\r\n"],
    "chunked body": [POST + b"Transfer-Encoding: chunked\r\n\r\n8000\r\n"],
    "second request of a connection": [GET + b"\r\n", GET + b"X-Slow: "],
    "body after 100 Continue": [POST + b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n"],
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(server, "TICK_SECONDS", 0.02)


def plain(environ, start_response):
    """What was asked for, as text."""
    said = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ.get('HTTP_X_FORWARDED_FOR', '')}".encode()
    start_response("200 OK", [("Content-Length", str(len(said))), ("Content-Type", "text/plain")])
    return [said]


@contextmanager
def serving(application=plain, *, threads=1, most_body=1 << 20, behind_proxy=False, family=socket.AF_INET, **bounds):
    """A web process in a thread, with few threads of its own so that one that is held is felt."""
    listening = socket.create_server(("127.0.0.1", 0), family=family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    house = House(
        application, [listening], Bounds(**bounds), most_body=most_body, behind_proxy=behind_proxy, threads=threads
    )
    house.port, house.turns = listening.getsockname()[1], 0
    thread = threading.Thread(target=house.run, args=(lambda: turned(house),))
    thread.start()
    try:
        yield house
    finally:
        house.stop()
        thread.join(PATIENCE)
        house.close()


def turned(house):
    house.turns += 1


def connected(house, receive=None):
    """A browser's connection; one that shall read slowly has a small buffer."""
    browser = socket.socket()
    if receive:
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    browser.settimeout(PATIENCE)
    browser.connect(("127.0.0.1", house.port))
    return browser


def asked(house, request=GET + b"Connection: close\r\n\r\n"):
    """The whole answer to a request."""
    with closing(connected(house)) as browser:
        browser.sendall(request)
        return rest_of(browser)


def rest_of(browser):
    """All that the server sends until it closes: one answer may come in several pieces."""
    return b"".join(iter(lambda: browser.recv(65536), b""))


def is_closed(browser):
    """Whether the server has closed the connection; what it said before does not matter."""
    browser.setblocking(False)
    with suppress(BlockingIOError):
        try:
            while browser.recv(65536):
                pass
        except ConnectionError:
            pass
        return True
    return False


def drips(browser, byte=b"a"):
    """Send one byte more; return whether the server has had enough of it."""
    if is_closed(browser):
        return True
    try:
        browser.sendall(byte)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno in {errno.EPIPE, errno.ECONNRESET}
    return False


def begun(house, parts):
    browser = connected(house)
    browser.sendall(parts[0])
    for part in parts[1:]:
        assert browser.recv(65536).startswith(b"HTTP/1.1 200")
        browser.sendall(part)
    return browser


@pytest.mark.parametrize("parts", DRIPS.values(), ids=DRIPS)
def test_requests_that_drip_take_no_thread(parts):
    with serving() as house:
        slow = [begun(house, parts) for _number in range(8)]
        until(lambda: len(house.channels) == 8)
        assert asked(house).endswith(b"GET / ")
        assert not any(drips(each) for each in slow)
        for each in slow:
            each.close()


@pytest.mark.parametrize("parts", DRIPS.values(), ids=DRIPS)
def test_a_request_that_drips_for_too_long_is_broken_off_however_steadily(parts):
    with serving(request_seconds=0.2, idle_seconds=PATIENCE) as house, closing(begun(house, parts)) as browser:
        until(lambda: drips(browser))
        until(lambda: not house.channels)


@pytest.mark.parametrize("blank", [b"\r\n", b"\r\n\r\n"], ids=["line", "lines"])
def test_blank_lines_keep_no_connection_open(blank):
    with serving(request_seconds=0.2, idle_seconds=PATIENCE) as house, closing(connected(house)) as browser:
        until(lambda: drips(browser, blank))


def test_who_is_broken_off_is_told_why():
    with serving(request_seconds=0.1) as house:
        assert asked(house, GET).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_a_connection_without_a_request_is_closed_in_time():
    with serving(idle_seconds=0.1) as house, closing(connected(house)) as browser:
        until(lambda: is_closed(browser))


def test_a_request_that_is_answered_slowly_is_not_late():
    going_on = threading.Event()

    def slow(environ, start_response):
        until(going_on.is_set)
        return plain(environ, start_response)

    with serving(slow, request_seconds=0.05, idle_seconds=0.05) as house, closing(connected(house)) as browser:
        browser.sendall(GET + b"\r\n" + GET)  # with the beginning of the next one
        until(lambda: house.turns > 20)
        going_on.set()
        assert browser.recv(65536).startswith(b"HTTP/1.1 200")


def test_an_address_has_so_many_connections_and_still_a_new_one():
    with serving(of_an_address=8) as house:
        slow = [begun(house, DRIPS["headers"]) for _number in range(20)]
        assert asked(house).endswith(b"GET / ")
        until(lambda: sum(is_closed(each) for each in slow) >= 12)
        assert len(house.channels) <= 8
        assert not is_closed(slow[-1])
        for each in slow:
            each.close()


def test_a_proxy_s_address_has_as_many_as_there_are():
    with serving(of_an_address=None, connections=30) as house:
        slow = [begun(house, DRIPS["headers"]) for _number in range(25)]
        until(lambda: len(house.channels) == 25)
        slow += [begun(house, DRIPS["headers"]) for _number in range(10)]
        assert asked(house).endswith(b"GET / ")
        assert len(house.channels) <= 30
        for each in slow:
            each.close()


@pytest.mark.parametrize(
    "address, client",
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7"),
        (("2001:db8:0:7::9", 1, 0, 0), "2001:db8:0:7::/64"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
        (("", None), ""),
    ],
)
def test_connections_are_counted_by_address_and_of_ipv6_by_network(address, client):
    assert client_of(address) == client


def test_bodies_that_are_coming_fit_into_memory_together():
    with serving(waiting_bytes=1_000_000) as house:
        parts = POST + b"Content-Length: 400000\r\n\r\n"
        slow = [begun(house, [parts]) for _number in range(4)]
        for each in slow:
            each.sendall(b"x" * 399_999)
        until(lambda: sum(is_closed(each) for each in slow) == 2)
        until(lambda: house.held < 1_000_000)
        assert asked(house).endswith(b"GET / ")
        for each in slow:
            each.close()
        until(lambda: house.held == 0)


class Endless:
    """An answer that never ends, and notes that it was closed."""

    def __init__(self):
        self.closed = threading.Event()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/plain":
            return plain(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self

    def __iter__(self):
        return iter(lambda: b"x" * 100_000, None)

    def close(self):
        self.closed.set()


@pytest.mark.parametrize("reads", [0, 1], ids=["nothing", "a byte at a time"])
def test_a_reader_that_takes_next_to_nothing_gives_its_thread_back(reads):
    answer = Endless()
    with serving(answer, send_seconds=0.3) as house, closing(connected(house, receive=4096)) as browser:
        browser.sendall(GET + b"\r\n")
        assert browser.recv(12) == b"HTTP/1.1 200"
        until(lambda: (browser.recv(reads) if reads else True) and answer.closed.is_set())
        assert asked(house, b"GET /plain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").endswith(b"/plain ")


def test_a_reader_that_goes_away_gives_its_thread_back():
    answer = Endless()
    with serving(answer) as house:
        with closing(connected(house, receive=4096)) as browser:
            browser.sendall(GET + b"\r\n")
            assert browser.recv(12) == b"HTTP/1.1 200"
        until(answer.closed.is_set)


@pytest.mark.long
def test_a_steady_reader_may_take_longer_than_one_piece_has():
    answer, seconds = Endless(), 5.0
    with serving(answer, send_seconds=seconds, send_bytes=1) as house, closing(connected(house, 4096)) as browser:
        browser.sendall(GET + b"\r\n")
        end = time.monotonic() + 1.5 * seconds
        while time.monotonic() < end:
            assert browser.recv(1)
        assert not answer.closed.is_set()


def test_an_answer_that_fails_on_its_way_does_not_look_whole():
    def failing(environ, start_response):
        start_response("200 OK", [])

        def pieces():
            yield b"x" * 100
            raise RuntimeError("the file at the target is another one")

        return pieces()

    with serving(failing) as house, closing(connected(house)) as browser:
        browser.sendall(b"GET / HTTP/1.0\r\n\r\n")  # as proxies ask that know the end only by the connection's
        with pytest.raises(ConnectionResetError):
            rest_of(browser)


def test_head_gets_headers_alone_and_the_connection_goes_on():
    with serving() as house:
        said = asked(house, b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + GET + b"Connection: close\r\n\r\n")
        first, second = said.split(b"\r\n\r\n", 1)
        assert b"Content-Length: 8" in first
        assert second.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "request_, status, text",
    [
        (b"NONSENSE\r\n\r\n", b"400 Bad Request", b"The request cannot be read.\n"),
        (POST + b"Content-Length: 2000000\r\n\r\n", b"413 Request Entity Too Large", b"Send less.\n"),
        (GET + b"X-Long: " + b"x" * 40_000 + b"\r\n\r\n", b"431 ", b"The request's headers are too long.\n"),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", b"501 ", b"in this encoding.\n"),
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence_that_names_no_program(request_, status, text):
    with serving() as house:
        said = asked(house, request_)
    assert said.startswith(b"HTTP/1.0 " + status) or said.startswith(b"HTTP/1.1 " + status)
    assert said.endswith(text)
    assert b"waitress" not in said.lower()
    assert b"\nServer:" not in said


@pytest.mark.parametrize(
    "head",
    [
        POST + b"Content-Length: " + b"9" * 5000,
        b"GET http://[/ HTTP/1.1\r\nHost: localhost",
        b"GET http://[::g]/ HTTP/1.1\r\nHost: localhost",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        POST + b"Content-Length: 5\r\ntransfer-encoding: chunked",
        POST + b"Transfer-Encoding: ,\r\nContent-Length: 5",
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked",
    ],
    ids=["length", "address", "network", "two ends", "two ends in lower case", "no encoding", "encoding in HTTP/1.0"],
)
def test_a_request_whose_end_is_in_doubt_is_refused_and_nothing_after_it_is_read(head, caplog):
    with serving() as house:
        answer = asked(house, head + b"\r\n\r\n0\r\n\r\n" + GET + b"Connection: close\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert answer.count(b"HTTP/1.") == 1
    assert not caplog.records


@pytest.mark.parametrize("between", [b"5;name=", b"0\r\nX-Long: "], ids=["extension", "trailer"])
def test_what_stands_between_chunks_is_bounded(between):
    with serving() as house:
        said = asked(house, POST + b"Transfer-Encoding: chunked\r\n\r\n" + between + b"x" * 10_000)
    assert said.startswith(b"HTTP/1.1 400 ")


def test_bodies_that_wait_for_a_thread_fit_into_memory_together():
    entered, go_on = threading.Event(), threading.Event()

    def waiting(environ, start_response):
        entered.set()
        go_on.wait(PATIENCE)
        return plain(environ, start_response)

    request = POST + b"Connection: close\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000
    with serving(waiting, waiting_bytes=100_000) as house, ExitStack() as stack:
        browsers = [stack.enter_context(closing(connected(house))) for _number in range(10)]
        for browser in browsers:
            browser.sendall(request)
            assert entered.wait(PATIENCE)
            turns = house.turns
            until(lambda before=turns: house.turns > before + 3)
        assert 100_000 < sum(channel.queued_bytes for channel in house.channels) < 200_000
        go_on.set()
        for browser in browsers:
            assert rest_of(browser).startswith(b"HTTP/1.1 200 ")


def test_who_asks_for_very_much_at_once_is_broken_off():
    entered, go_on = threading.Event(), threading.Event()

    def waiting(environ, start_response):
        entered.set()
        go_on.wait(PATIENCE)
        return plain(environ, start_response)

    with serving(waiting) as house, closing(connected(house)) as few, closing(connected(house)) as many:
        few.sendall(2 * (GET + b"\r\n"))
        assert entered.wait(PATIENCE)
        many.sendall(1000 * b"GET / HTTP/1.1\r\n\r\n")
        until(lambda: is_closed(many))
        go_on.set()
        few.sendall(GET + b"Connection: close\r\n\r\n")
        assert rest_of(few).count(b"HTTP/1.1 200") == 3


@pytest.mark.parametrize("behind_proxy, forwarded", [(False, b""), (True, b"192.0.2.7, 192.0.2.8")])
def test_what_proxies_say_reaches_the_portal_only_behind_one(behind_proxy, forwarded):
    headers = b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 192.0.2.8\r\nConnection: close\r\n\r\n"
    with serving(behind_proxy=behind_proxy) as house:
        assert asked(house, GET + headers).endswith(b"GET / " + forwarded)


def test_what_is_under_way_is_finished_and_idle_connections_are_closed():
    started, going_on = threading.Event(), threading.Event()

    def slow(environ, start_response):
        started.set()
        until(going_on.is_set)
        return plain(environ, start_response)

    with serving(slow) as house, closing(connected(house)) as browser, closing(connected(house)) as idle:
        browser.sendall(GET + b"\r\n")
        until(started.is_set)
        house.stop()
        ending = threading.Thread(target=house.finish, args=(PATIENCE,))
        ending.start()
        until(lambda: is_closed(idle))
        going_on.set()
        assert browser.recv(65536).startswith(b"HTTP/1.1 200")
        ending.join(PATIENCE)
        assert not house.channels


# Where it listens


@pytest.mark.parametrize(
    "text, names",
    [
        ("", ["127.0.0.1:8000"]),
        ("0.0.0.0:80", ["0.0.0.0:80"]),
        ("[::1]:8000, unix:/run/web.sock", ["[::1]:8000", "unix:/run/web.sock"]),
        ("unix:///run/web.sock", ["unix:/run/web.sock"]),
        ("fd://7,fd://8", ["fd://7", "fd://8"]),
        (":8000", [":8000"]),
    ],
)
def test_places_to_listen_at(monkeypatch, text, names):
    monkeypatch.setenv("WAYBILL_BIND", text)
    assert [place.name for place in binding.listen_addresses()] == names


@pytest.mark.parametrize("text", ["8000", "localhost", "127.0.0.1:http", "127.0.0.1:0", "127.0.0.1:70000", "unix:"])
def test_what_is_no_place_is_refused_with_what_to_write(monkeypatch, text):
    monkeypatch.setenv("WAYBILL_BIND", text)
    with pytest.raises(ImproperlyConfigured, match=r"Write a host and port such as 127\.0\.0\.1:8000"):
        binding.listen_addresses()


def test_a_place_in_use_is_said_to_be(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("WAYBILL_BIND", place)
        with pytest.raises(ImproperlyConfigured, match=f"{place} is in use"):
            binding.listen()


def test_a_socket_file_is_served_and_one_that_is_left_over_replaced(monkeypatch, tmp_path):
    path = tmp_path / "web.sock"
    monkeypatch.setenv("WAYBILL_BIND", f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    (listening,) = binding.listen()
    with pytest.raises(ImproperlyConfigured, match="is in use"):
        binding.listen()
    house = House(plain, [listening], Bounds(), most_body=1000)
    thread = threading.Thread(target=house.run)
    thread.start()
    with closing(binding.connect(PATIENCE)) as browser:
        browser.sendall(GET + b"Connection: close\r\n\r\n")
        assert rest_of(browser).endswith(b"GET / ")
    house.stop()
    thread.join(PATIENCE)
    binding.remove_files([listening])
    house.close()
    assert not path.exists()
