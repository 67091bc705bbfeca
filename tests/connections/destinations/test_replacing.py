"""A file that every run of an export writes anew, replaced on a folder of this machine and on a real SFTP server."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from connections.destinations.base import DeliveryError, FileDestination
from connections.destinations.local.destination import LocalFolder
from connections.destinations.sftp.destination import Sftp
from tests.connections.delivering import names
from tests.servers import faulty_sftp

NAME = "model.json"
REFUSED = r"“model.json” was not written by this export, or was changed since"


class KilledError(Exception):
    """Stands for the end of the process: nothing is tidied up after it."""


@dataclass
class Store:
    """A destination and the folder that its files come to lie in."""

    destination: FileDestination
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "Export" / NAME

    def write(self, data: bytes, *replaceable: bytes, key: str = "0a-1", settles: bool = True) -> None:
        """Write the file in the run `key`; it may replace the contents `replaceable`."""
        with self.destination.session(key) as session:
            session.clear_leftovers("Export")
            part = session.open_part(
                f"Export/{NAME}", replaceable=frozenset(hashlib.sha256(one).hexdigest() for one in replaceable)
            )
            try:
                for start in range(0, len(data), 1000):
                    part.write(data[start : start + 1000])
                part.publish()
            except DeliveryError:
                part.discard()
                raise
            if settles:
                session.release_claims("Export")


@pytest.fixture(params=["local", "sshd", "sftp without replace"])
def store(request, tmp_path, settings):
    root = tmp_path / "root"
    root.mkdir()
    if request.param == "local":
        settings.LOCAL_FOLDER_BASE = str(root)
        yield Store(LocalFolder({"folder": "crm"}, {}), root / "crm")
    elif request.param == "sshd":
        server = request.getfixturevalue("sshd")
        yield Store(Sftp(server.settings(folder=str(root)), server.secrets()), root)
    else:
        with faulty_sftp.running_faulty(root, faulty_sftp.NoReplace) as server:
            yield Store(Sftp(server.settings(), {"password": "any"}), root)


def test_a_run_killed_between_claim_and_rename_is_done_by_the_next_attempt(store, monkeypatch):
    store.write(b"old")
    with monkeypatch.context() as patch:
        kill_before_rename(patch)
        with pytest.raises(KilledError):
            store.write(b"attempt 1", b"old", key="0b-1")
    assert store.file.read_bytes() == b"old"
    assert any(name.endswith(".0b.claim") for name in names(store.folder))
    store.write(b"attempt 2", b"old", key="0b-2")
    assert store.file.read_bytes() == b"attempt 2"
    assert names(store.folder) == [f"Export/{NAME}"]


def kill_before_rename(patch) -> None:
    import paramiko

    def die(*args, **kwargs):
        raise KilledError

    patch.setattr(os, "replace", die)
    patch.setattr(paramiko.SFTPClient, "posix_rename", die)


def test_a_server_without_replace_killed_between_its_renames_is_mended_by_the_next_attempt(tmp_path, monkeypatch):
    import paramiko

    with faulty_sftp.running_faulty(tmp_path, faulty_sftp.NoReplace) as server:
        store = Store(Sftp(server.settings(), {"password": "any"}), tmp_path)
        store.write(b"old")
        rename = paramiko.SFTPClient.rename

        def die_at_the_second(self, source, target):
            if target.endswith(f"/{NAME}"):
                raise KilledError
            return rename(self, source, target)

        with monkeypatch.context() as patch:
            patch.setattr(paramiko.SFTPClient, "rename", die_at_the_second)
            with pytest.raises(KilledError):
                store.write(b"attempt 1", b"old", key="0b-1")
        assert not store.file.exists()
        store.write(b"attempt 2", b"old", key="0b-2")
        assert store.file.read_bytes() == b"attempt 2"
        assert names(tmp_path) == [f"Export/{NAME}"]


def test_a_link_at_the_path_is_refused_though_what_it_leads_to_is_known(store, tmp_path):
    store.write(b"ours")
    kept = tmp_path / "elsewhere.json"
    store.file.rename(kept)
    store.file.symlink_to(kept)
    with pytest.raises(DeliveryError, match=REFUSED):
        store.write(b"new", b"ours", key="0b-1")
    assert store.file.is_symlink()
    assert kept.read_bytes() == b"ours"


def test_a_folder_at_the_path_is_refused(store):
    store.file.mkdir(parents=True)
    with pytest.raises(DeliveryError, match=REFUSED):
        store.write(b"new", b"", key="0b-1")


def test_a_server_without_replace_keeps_the_old_file_when_the_new_one_cannot_be_named(tmp_path, monkeypatch):
    import paramiko

    with faulty_sftp.running_faulty(tmp_path, faulty_sftp.NoReplace) as server:
        store = Store(Sftp(server.settings(), {"password": "any"}), tmp_path)
        store.write(b"old")
        rename = paramiko.SFTPClient.rename

        def refuse_the_new_one(self, source, target):
            if source.endswith(f".{NAME}.0b-1.part"):
                raise OSError("no")
            return rename(self, source, target)

        monkeypatch.setattr(paramiko.SFTPClient, "rename", refuse_the_new_one)
        with pytest.raises(DeliveryError):
            store.write(b"new", b"old", key="0b-1")
        assert store.file.read_bytes() == b"old"
        assert [name for name in names(tmp_path) if not name.endswith(".claim")] == [f"Export/{NAME}"]
