"""The demo's SFTP server, used by a real client."""

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from config import demo_sftp

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(tmp_path):
    """A running server's port; its files lie in demo/sftp below tmp_path."""
    command = [sys.executable, "-m", "config.demo_sftp", "0", str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline().rpartition(":")[2])
        process.terminate()


@contextlib.contextmanager
def signed_in(port: int, **credentials) -> Iterator[paramiko.SSHClient]:
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            "127.0.0.1", port, demo_sftp.USER, look_for_keys=False, allow_agent=False, timeout=10, **credentials
        )
        yield client


def test_password_and_key_let_the_user_in(server, tmp_path):
    with signed_in(server, password=demo_sftp.PASSWORD) as client, client.open_sftp() as sftp:
        sftp.mkdir("in")
        with sftp.open("in/people.csv", "w") as file:
            file.write("id\n1\n")
    key = str(tmp_path / "keys" / "demo_sftp_user")
    with signed_in(server, key_filename=key) as client, client.open_sftp() as sftp:
        assert sftp.listdir("/in") == ["people.csv"]
    assert (tmp_path / "demo/sftp/in/people.csv").read_text() == "id\n1\n"


def test_wrong_password_is_refused(server):
    with pytest.raises(paramiko.AuthenticationException), signed_in(server, password="guess"):
        pass


def test_nothing_outside_its_directory_can_be_reached(server, tmp_path):
    (tmp_path / "secret").write_text("key")
    with signed_in(server, password=demo_sftp.PASSWORD) as client, client.open_sftp() as sftp:
        assert sftp.normalize("../../..") == "/"
        with pytest.raises(FileNotFoundError):
            sftp.open("../../secret")
        with pytest.raises(PermissionError):
            sftp.symlink(os.fspath(tmp_path / "secret"), "link")


def test_there_is_no_shell(server):
    with signed_in(server, password=demo_sftp.PASSWORD) as client, pytest.raises(paramiko.SSHException):
        client.exec_command("id")


def test_keys_are_kept_with_mode_0600(server, tmp_path):
    for name in ("demo_sftp_host", "demo_sftp_user"):
        path = tmp_path / "keys" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert demo_sftp.kept_key(path).export_public_key() == demo_sftp.kept_key(path).export_public_key()
