"""Delivered files read again: whole, in order, in little memory, and nothing but what was delivered."""

import os
import resource
from pathlib import Path

import pytest

from connections.destinations.base import DeliveryError, FileDestination
from connections.destinations.local.destination import LocalFolder
from connections.destinations.sftp import reading
from connections.destinations.sftp.destination import Sftp
from tests.servers import faulty_sftp


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "root/in").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture(params=["local", "sftp"])
def destination(request, root, settings) -> FileDestination:
    """A destination whose files lie in `root`/in."""
    if request.param == "local":
        settings.LOCAL_FOLDER_BASE = str(root)
        return LocalFolder({"folder": "in"}, {})
    server = request.getfixturevalue("sshd")
    return Sftp(server.settings(folder=str(root / "in")), server.secrets())


def read(destination: FileDestination, path: str) -> bytes:
    with destination.open_file(path) as file:
        data = b"".join(file.chunks())
        assert len(data) == file.size
    return data


def read_on(file, after_the_first_piece) -> None:
    for number, _data in enumerate(file.chunks()):
        if number == 0:
            after_the_first_piece()


@pytest.mark.parametrize("size", [0, 1, 32_768, 12_345_678])
def test_a_file_is_read_as_it_was_written(destination, root, size):
    data = os.urandom(size)
    (root / "in/a b").mkdir()
    (root / "in/a b/ü.csv").write_bytes(data)
    assert destination.can_download
    assert read(destination, "a b/ü.csv") == data


def test_what_is_no_regular_file_is_not_read(destination, root):
    (root / "secret").write_text("secret")
    (root / "in/link").symlink_to(root / "secret")
    (root / "in/folder").mkdir()
    os.mkfifo(root / "in/pipe")
    for name in ("link", "folder", "pipe"):
        with pytest.raises(DeliveryError, match="was not written by Waybill"):
            read(destination, name)


def test_no_linked_folder_below_a_local_folder_is_followed(root, settings, tmp_path):
    settings.LOCAL_FOLDER_BASE = str(root)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/f.csv").write_text("secret")
    (root / "in/linked").symlink_to(tmp_path / "out")
    with pytest.raises(DeliveryError):
        read(LocalFolder({"folder": "in"}, {}), "linked/f.csv")


def test_reading_makes_no_folder(root, settings):
    settings.LOCAL_FOLDER_BASE = str(root)
    with pytest.raises(DeliveryError, match="no longer exists"):
        read(LocalFolder({"folder": "new"}, {}), "f.csv")
    assert not (root / "new").exists()


def test_a_file_that_becomes_shorter_while_it_is_read_is_an_error(destination, root):
    file = root / "in/f.csv"
    file.write_bytes(b"x" * 9_000_000)
    with destination.open_file("f.csv") as opened, pytest.raises(DeliveryError, match="became shorter") as cut:
        read_on(opened, lambda: file.write_bytes(b"x"))
    assert not cut.value.permanent


def test_a_file_that_grows_is_read_to_the_size_it_had(destination, root):
    file = root / "in/f.csv"
    file.write_bytes(b"x" * 1_000_000)
    with destination.open_file("f.csv") as opened:
        with file.open("ab") as more:
            more.write(b"y" * 1000)
        assert b"".join(opened.chunks()) == b"x" * 1_000_000


def test_a_reader_that_stops_half_way_leaves_nothing_open(destination, root):
    (root / "in/f.csv").write_bytes(b"x" * 9_000_000)
    before = len(os.listdir("/proc/self/fd"))
    with destination.open_file("f.csv") as opened:
        assert next(opened.chunks())
    assert len(os.listdir("/proc/self/fd")) <= before


def test_answers_that_are_short_or_out_of_order_are_put_together(root):
    data = os.urandom(1_500_000)
    (root / "f.csv").write_bytes(data)
    with faulty_sftp.running_faulty(root, faulty_sftp.Fragments) as server:
        assert read(Sftp(server.settings(), {"password": "any"}), "f.csv") == data


def test_a_server_that_ends_a_file_too_early_is_noticed(root):
    (root / "f.csv").write_bytes(b"x" * 1_000_000)
    with (
        faulty_sftp.running_faulty(root, faulty_sftp.Forgetful) as server,
        pytest.raises(DeliveryError, match="became shorter"),
    ):
        read(Sftp(server.settings(), {"password": "any"}), "f.csv")


def test_a_server_killed_while_reading_may_pass(own_sshd):
    (own_sshd.files / "f.csv").write_bytes(b"x" * 20_000_000)
    destination = Sftp(own_sshd.settings(), own_sshd.secrets())
    with destination.open_file("f.csv") as opened, pytest.raises(DeliveryError, match="was lost") as lost:
        read_on(opened, own_sshd.kill)
    assert not lost.value.permanent


def test_a_large_file_takes_little_memory(destination, root):
    with (root / "in/f.csv").open("wb") as file:
        file.truncate(300_000_000)
    with destination.open_file("f.csv") as opened:
        chunks = opened.chunks()
        next(chunks)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert sum(len(data) for data in chunks) > 299_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB


def test_no_more_pieces_wait_than_allowed(sshd, tmp_path):
    (tmp_path / "f.csv").write_bytes(b"x" * 5_000_000)
    with Sftp(sshd.settings(folder=str(tmp_path)), sshd.secrets()).open_file("f.csv") as opened:
        for _data in opened.chunks():
            assert len(opened._arrived) + len(opened._asked_at) <= reading.MOST_AHEAD
