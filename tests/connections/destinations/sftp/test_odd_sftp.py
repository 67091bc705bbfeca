"""SFTP servers as they are: what the test of a connection says is what a run meets, and nothing stays behind."""

import os
import socket
import threading
from contextlib import closing, suppress

import pytest

from connections.destinations.base import DeliveryError
from connections.destinations.sftp import client, protocol, reading
from connections.destinations.sftp import destination as sftp
from connections.destinations.sftp import transport as sftp_transport
from connections.destinations.sftp.destination import Sftp
from connections.destinations.sftp.protocol import readable
from tests.connections.delivering import KEY, failed
from tests.servers.odd_sftp import PASSWORD, dripping
from tests.until import until

WORKS = [
    ("latin-text",), ("wild-text",), ("foreign-names",), ("missing-4",), ("missing-3",), ("missing-10",), ("no-excl",),
    ("no-excl-4",), ("one-session",), ("taken-on-rename",), ("no-posix-rename",), ("posix-rename-4",), ("no-stat",),
    ("no-lstat",), ("no-stat", "missing-4"), ("no-size",), ("wrong-size",), ("no-fstat", "no-size"), ("no-mode",),
    ("hidden-root", "missing-4"), ("one-prompt",), ("missing-4", "no-excl"), ("missing-3", "no-excl", "latin-text"),
    ("one-session", "foreign-names", "missing-3"), ("missing-4", "no-posix-rename", "wild-text", "no-size"),
    ("no-lstat", "missing-3", "no-posix-rename"), ("asks-again",), ("hidden-root", "missing-3", "no-excl"),
    ("posix-rename-4", "wrong-size", "missing-4", "foreign-names", "one-session"),
]  # fmt: skip
LEFT = ".waybill-check… on the server could not be removed."
FAILS = [
    ("no-list", "Write", "cannot list"),
    ("taken-on-close", "Write", "took the file away"),
    ("no-remove", "Write", "cannot remove files"),
    ("no-mkdir", "Write", "cannot create folders"),
    ("write-fails", "Write", "refused to write a file"),
    ("no-space", "Write", "disk is full"),
    ("no-read", "Write", "permission to read"),
    ("chatter", "Log in", "prints text"),
    ("chatter-latin", "Log in", "prints text"),
    ("chatter-short", "Log in", "prints text"),
    ("chatter-late", "folder", "prints text"),
    ("shell-ends", "Log in", "offers no SFTP"),
    ("two-prompts", "Log in", "more than the password"),
    ("code-after", "Log in", "more than the password"),
]


@pytest.fixture
def destination(odd_server, tmp_path):
    """Say who logs in, by what is odd for them."""

    def made(*oddities: str, folder: str = "in/deep", password: str = PASSWORD) -> Sftp:
        account = odd_server.account(tmp_path, *oddities)
        (tmp_path / "in").mkdir(exist_ok=True)
        return Sftp(odd_server.settings(account, folder=folder), {"password": password})

    return made


def deliver(destination: Sftp, key: str = KEY) -> None:
    """Do what a run does, with two files and a model that it replaces."""
    with destination.session(key) as session:
        replaceable = frozenset[str]()
        if session.exists("E/model.json"):
            replaceable = frozenset({session.checksum_of("E/model.json")})
        session.clear_run("f" * 32, "E/2026", "E/other")
        session.clear_leftovers("E/2026")
        assert not session.exists(f"E/2026/{key}.csv")
        for path, data, replaces in (
            (f"E/2026/{key}.csv", b"rows" * 50_000, frozenset()),
            ("E/model.json", key.encode(), replaceable),
        ):
            part = session.open_part(path, replaceable=replaces)
            part.write(data)
            part.publish()
        session.release_claims("E/2026", "E")


def files(root) -> list[str]:
    return sorted(str(one.relative_to(root)) for one in root.rglob("*") if one.is_file())


@pytest.mark.parametrize("oddities", WORKS, ids="+".join)
def test_what_tests_green_delivers_and_leaves_nothing_else(destination, tmp_path, oddities):
    way = destination(*oddities)
    steps = list(way.check())
    assert [step.state for step in steps] == ["done"] * 6, steps[-1]
    assert "Nothing was left behind." in steps[-1].message
    assert ("collects finished files" in steps[-1].message) == ("taken-on-rename" in oddities)
    assert [one.name for one in tmp_path.rglob("*")] in (["in", "deep"], ["in"])
    for key in ("a" * 32, "b" * 32):
        deliver(way, key)
    expected = [f"in/deep/E/2026/{sign * 32}.csv" for sign in "ab"] + ["in/deep/E/model.json"]
    assert files(tmp_path) == ([] if "taken-on-rename" in oddities else expected)
    if expected and "taken-on-rename" not in oddities:
        assert (tmp_path / expected[-1]).read_text() == "b" * 32


@pytest.mark.parametrize("oddity, step, said", FAILS)
def test_what_cannot_work_fails_in_the_test_with_the_true_reason(destination, tmp_path, oddity, step, said):
    found = failed(destination(oddity, folder="in"))
    assert step in found.name
    assert said in found.message
    left = LEFT in found.message
    assert (files(tmp_path) != []) == left == (oddity == "no-remove")
    assert (tmp_path / "in/.waybill-check").exists() == left


def test_what_is_final_is_not_tried_again_and_what_may_pass_is(destination):
    for oddity, is_permanent in (
        ("chatter", True), ("two-prompts", True), ("taken-on-close", True), ("write-fails", False), ("no-space", False),
    ):  # fmt: skip
        with pytest.raises(DeliveryError) as refused:
            deliver(destination(oddity))
        assert refused.value.permanent == is_permanent, oddity


def test_the_servers_words_are_for_administrators_alone_and_harmless(destination):
    step = failed(destination("write-fails", "latin-text"))
    assert step.detail == "The server answered with code 4: “Zugriff verweigert: Ger\ufffdt”"
    assert "Zugriff" not in step.message
    detail = failed(destination("write-fails", "wild-text")).detail
    assert str(detail).isprintable()
    assert len(str(detail)) < 400
    assert failed(destination("chatter")).detail == "The server sent: “System maintenance on Sunday”"
    assert failed(destination("two-prompts")).detail == "The server asked: “Password:”, “Code:”"


def test_what_a_server_says_is_shown_on_one_line():
    assert readable(b"one\r\n\ttwo\x1b[0m\0\xe2\x80\xae three") == "one two [0m three"
    assert len(readable(b"x" * 100_000)) == 300


def test_a_folder_that_cannot_be_removed_is_said(destination, tmp_path):
    *_before, last = destination("no-rmdir").check()
    assert last.state == "done"
    assert last.message == f"Waybill can write here. {LEFT}"
    assert files(tmp_path) == []


@pytest.mark.parametrize("oddity", ["", "no-list", "taken-on-close", "missing-4", "taken-on-rename"])
def test_where_folders_cannot_be_removed_at_all_none_is_made_for_the_test(destination, tmp_path, oddity):
    *_before, last = destination("unknown-rmdir", oddity, folder="in").check()
    assert last.state == ("failed" if oddity in {"no-list", "taken-on-close"} else "done")
    assert LEFT not in last.message
    assert [one.name for one in tmp_path.rglob("*")] == ["in"]


def test_foreign_files_stay_in_every_folder(destination, tmp_path):
    way = destination("foreign-names")
    deliver(way)
    for folder in ("in/deep/E", "in/deep/E/2026"):
        with open(os.path.join(os.fsencode(tmp_path / folder), b"men\xfc.txt"), "wb"):
            pass
    deliver(way, "c" * 32)
    found = [name for name in files(tmp_path) if name.endswith("n\udcfc.txt")]
    assert len(found) == 2
    assert not [name for name in files(tmp_path) if "/." in name]


def test_leftovers_of_a_dead_run_are_cleared_where_foreign_names_lie_and_nothing_is_told_missing(destination, tmp_path):
    way = destination("foreign-names", "missing-4")
    deliver(way)
    folder = tmp_path / "in/deep/E/2026"
    for name in (f".x.csv.{'d' * 32}-1a2b.part", f".x.csv.{'d' * 32}.claim", ".x.csv.other.part"):
        (folder / name).touch()
    with way.session(KEY) as session:
        session.clear_run("d" * 32, "E/2026", "E/gone")
    assert [name for name in files(folder) if name.startswith(".")] == [".x.csv.other.part"]


def test_a_run_logs_in_once(odd_server, tmp_path):
    account = odd_server.account(tmp_path, "one-session")
    way = Sftp(odd_server.settings(account), {"password": PASSWORD})
    deliver(way)
    assert account.log_ins == 1
    list(way.check())
    assert account.log_ins == 2


def test_a_wrong_password_is_rejected_however_the_server_asks_for_it(destination):
    for oddity in ("one-prompt", "asks-again", "latin-text"):
        step = failed(destination(oddity, password="wrong"))
        assert (step.name, step.message) == (
            "Log in", "The server rejected the user name, password or key. Update them in the connection.",
        )  # fmt: skip


# Servers that mean harm


@pytest.mark.parametrize(
    "oddity, what",
    [
        ("endless-list", "a folder without end"),
        ("false-list", "an answer shorter than it says"),
        ("false-attributes", "an answer shorter than it says"),
        ("wide-file", "more of a file than was asked for"),
    ],
)
def test_an_answer_that_is_none_ends_the_test(destination, monkeypatch, oddity, what):
    monkeypatch.setattr(protocol, "MOST_NAMES", 50)
    found = failed(destination(oddity, folder="in"))
    assert found.detail == f"The server sent {what}."
    assert "gave an unexpected answer" in found.message


@pytest.mark.parametrize("oddity", ["endless-file", "endless-answers"])
def test_a_test_ends_though_the_server_goes_on_answering(destination, monkeypatch, oddity):
    monkeypatch.setattr(sftp, "CHECK_SECONDS", 1.0)
    assert "did not answer in time" in failed(destination(oddity, folder="in")).message


@pytest.mark.parametrize("oddity", ["wide-file", "crumbs"])
def test_what_comes_of_a_file_is_kept_within_bounds(destination, tmp_path, monkeypatch, oddity):
    monkeypatch.setattr(reading, "MOST_PIECES", 500)
    (tmp_path / "big.csv").write_bytes(b"rows" * 100_000)
    with (
        destination(oddity, folder="").open_file("big.csv") as file,
        pytest.raises(DeliveryError, match="gave an unexpected answer"),
    ):
        list(file.chunks())


def test_names_that_lead_elsewhere_are_no_leftovers(destination, tmp_path):
    kept = tmp_path / f"kept.{'d' * 32}.part"
    way = destination("outside-names")
    deliver(way)
    kept.touch()
    with way.session(KEY) as session:
        session.clear_run("d" * 32, "E/2026", "E")
    assert kept.exists()


# In time


def test_a_hundred_lines_before_the_version_are_no_matter(odd_server, tmp_path):
    account = odd_server.account(tmp_path)
    way = Sftp(odd_server.settings(account, port=odd_server.lines_port), {"password": PASSWORD})
    assert all(step.state == "done" for step in way.check())


def test_a_server_that_drips_its_greeting_is_given_up(monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1.0)
    with dripping() as port:
        settings = {"host": "127.0.0.1", "port": port, "username": "x", "folder": "", "host_key": "ssh-ed25519 AAAA"}
        step = failed(Sftp(settings, {"password": "x"}))
    assert step.name == "Connect"
    assert "did not answer in time" in step.message


@pytest.mark.parametrize("words", [b"SS", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"hello\n" * 2000, b""])
def test_what_says_something_else_and_ends_is_no_sftp_server(words, monkeypatch):
    monkeypatch.setattr(sftp_transport, "PART_SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            connection, _address = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(words)

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        settings = {"host": "127.0.0.1", "port": port, "username": "x", "folder": "", "host_key": "ssh-ed25519 AAAA"}
        step = failed(Sftp(settings, {"password": "x"}))
        thread.join(60)
    assert step.name == "Connect"
    assert "doesn't speak SFTP" in step.message


def test_the_time_for_banner_keys_and_log_in_is_one(odd_server, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1.5)
    way = Sftp(odd_server.settings(odd_server.account(tmp_path)), {"password": PASSWORD})
    with closing(sftp._Visit(way)) as visit:
        for step in (visit.find, visit.connect, visit.recognize):
            step()
        until(lambda: visit._transport.is_late)
        with pytest.raises(DeliveryError, match="did not answer in time") as late:
            visit.log_in()
    assert not late.value.permanent


def test_a_server_that_was_ready_in_time_is_given_up_no_more(destination):
    with destination().session(KEY) as session:
        transport = session.client.get_channel().get_transport()
        until(lambda: not transport._timer.is_alive())
        assert transport.is_active()
        assert not transport.is_late


def test_addresses_that_say_nothing_do_not_keep_from_the_one_that_does(odd_server, tmp_path, monkeypatch):
    account = odd_server.account(tmp_path)
    with (
        closing(socket.create_server(("127.0.0.2", odd_server.port))),
        closing(socket.create_server(("127.0.0.3", odd_server.port))),
    ):
        answers = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, odd_server.port))
            for ip in ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1")
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answers)
        way = Sftp(odd_server.settings(account, host="many.example"), {"password": PASSWORD})
        assert all(step.state == "done" for step in way.check())
