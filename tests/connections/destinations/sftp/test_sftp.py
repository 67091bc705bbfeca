"""SFTP against real servers: whole files only, and ends that are honest."""

import os
import socket
import threading
import time
from contextlib import closing

import pytest

from connections.destinations.base import DeliveryError
from connections.destinations.sftp import client
from connections.destinations.sftp.destination import Sftp
from tests.connections.delivering import KEY, deliver, failed, names
from tests.servers import faulty_sftp
from tests.servers.sshd import running_sshd
from tests.until import until


def write_much(part) -> None:
    for _block in range(1000):
        part.write(b"x" * 256_000)


def publish(part, data: bytes) -> None:
    part.write(data)
    part.publish()


# Delivering


def test_a_file_in_the_place_of_a_folder_says_so(sshd):
    (sshd.files / "taken").write_text("a file")
    with pytest.raises(DeliveryError, match="A file has the folder's name"):
        deliver(sshd, "taken", "f.csv", b"")


# What goes wrong


def test_a_private_address_is_refused_before_anything_is_sent(sshd, settings):
    settings.ALLOWED_NETWORKS = []
    step = failed(Sftp(sshd.settings(), sshd.secrets()))
    assert step.name == "Find the server"
    assert "WAYBILL_ALLOWED_NETWORKS" in step.message
    assert "127.0.0.1" not in step.message
    with pytest.raises(DeliveryError) as refused, Sftp(sshd.settings(), sshd.secrets()).session(KEY):
        pass
    assert refused.value.permanent


def test_a_port_where_nothing_answers_may_pass(sshd):
    with closing(socket.create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    destination = Sftp(sshd.settings(port=port), sshd.secrets())
    assert failed(destination).name == "Connect"
    with pytest.raises(DeliveryError, match="Check the port") as refused, destination.session(KEY):
        pass
    assert not refused.value.permanent
    assert str(port) not in refused.value.message


def test_a_server_that_says_nothing_is_given_up(sshd, monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 1.0)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        start = time.monotonic()
        step = failed(Sftp(sshd.settings(port=silent.getsockname()[1]), sshd.secrets()))
        assert step.name == "Connect"
        assert time.monotonic() - start < 14


def test_a_server_that_is_no_ssh_server_is_recognized_as_such(sshd):
    with closing(socket.create_server(("127.0.0.1", 0))) as web:

        def answer() -> None:
            connection, _address = web.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200)

        thread = threading.Thread(target=answer)
        thread.start()
        step = failed(Sftp(sshd.settings(port=web.getsockname()[1]), sshd.secrets()))
        thread.join(60)
    assert step.name == "Connect"


def test_a_server_killed_in_the_middle_is_noticed_at_once_and_may_pass(own_sshd):
    with Sftp(own_sshd.settings(), own_sshd.secrets()).session(KEY) as session:
        part = session.open_part("f.csv")
        part.write(b"x" * 5_000_000)
        own_sshd.kill()
        start = time.monotonic()
        with pytest.raises(DeliveryError, match="connection to the server was lost") as lost:
            write_much(part)
        part.discard()
        session.release_claims()
    assert time.monotonic() - start < 25
    assert not lost.value.permanent
    assert names(own_sshd.files) == [f".f.csv.{KEY}.part"]


@pytest.mark.long
def test_a_server_that_stands_still_is_given_up_after_the_silence(own_sshd, monkeypatch):
    monkeypatch.setattr(client, "SILENCE_SECONDS", 1.5)
    with Sftp(own_sshd.settings(), own_sshd.secrets()).session(KEY) as session:
        part = session.open_part("f.csv")
        own_sshd.suspend()
        start = time.monotonic()
        with pytest.raises(DeliveryError) as stuck:
            write_much(part)
        part.discard()
    assert not stuck.value.permanent
    assert time.monotonic() - start < 28


def test_a_restarted_server_finishes_the_run_over_its_leftover(tmp_path):
    with running_sshd(tmp_path / "s") as server:
        with Sftp(server.settings(), server.secrets()).session(KEY) as session:
            session.open_part("f.csv").write(b"x" * 1_000_000)
        server.kill()
    with running_sshd(tmp_path / "s") as server:
        deliver(server, "", "f.csv", b"whole")
        assert names(server.files) == ["f.csv"]
        assert (server.files / "f.csv").read_bytes() == b"whole"


@pytest.mark.parametrize(
    "fault, said", [(faulty_sftp.FullDisk, "refused to write a file"), (faulty_sftp.Liar, "stored only part")]
)
def test_a_write_that_fails_late_or_silently_publishes_nothing(tmp_path, fault, said):
    with faulty_sftp.running_faulty(tmp_path, fault) as server:
        with Sftp(server.settings(), {"password": "any"}).session(KEY) as session:
            part = session.open_part("f.csv")
            with pytest.raises(DeliveryError, match=said) as refused:
                publish(part, b"x" * 200_000)
            part.discard()
        assert not refused.value.permanent
        until(lambda: names(tmp_path) == [])


def test_answers_out_of_order_are_fine(tmp_path):
    data = os.urandom(3_000_000)
    with faulty_sftp.running_faulty(tmp_path, faulty_sftp.Disorderly) as server:
        with Sftp(server.settings(), {"password": "any"}).session(KEY) as session:
            part = session.open_part("f.csv")
            part.write(data)
            part.publish()
            session.release_claims()
        assert (tmp_path / "f.csv").read_bytes() == data


def test_an_account_without_the_right_to_write_is_told_so_for_good(tmp_path):
    with faulty_sftp.running_faulty(tmp_path, faulty_sftp.ReadOnly) as server:
        step = failed(Sftp(server.settings(), {"password": "any"}))
        assert step.name == "Write, rename, list, read and remove a test file"
        assert "Ask the server operator" in step.message
        step = failed(Sftp(server.settings(folder="in"), {"password": "any"}))
        assert step.name == "Open or create the folder"
        with (
            Sftp(server.settings(), {"password": "any"}).session(KEY) as session,
            pytest.raises(DeliveryError) as refused,
        ):
            session.open_part("f.csv")
        assert refused.value.permanent


def test_messages_for_everyone_name_no_server_folder_or_account(own_sshd):
    told = []
    for changes in ({"host": "nowhere.invalid"}, {"port": 1}, {"host_key": "ssh-ed25519 AAAA"}, {"username": "zoe"}):
        told.append(failed(Sftp(own_sshd.settings(**changes), own_sshd.secrets())).message)
    for message in told:
        for word in ("127.0.0.1", "nowhere", str(own_sshd.port), "zoe", str(own_sshd.files)):
            assert word not in message
