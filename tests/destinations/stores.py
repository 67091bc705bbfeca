"""A store of each registered type for the conformance suite: (slug, what is odd about it) to how to make one."""

from contextlib import contextmanager

from connections.destinations.conformance import FolderStore
from connections.destinations.local.destination import LocalFolder
from connections.destinations.sftp.destination import Sftp
from tests.servers import faulty_sftp


@contextmanager
def local(tmp_path, settings, request):
    base = tmp_path / "base"
    base.mkdir()
    settings.LOCAL_FOLDER_BASE = str(base)

    def broken():
        settings.LOCAL_FOLDER_BASE = str(tmp_path / "gone")
        return LocalFolder({"folder": "crm"}, {})

    yield FolderStore(LocalFolder({"folder": "crm"}, {}), base / "crm", broken, (str(tmp_path), "crm", "gone"))


@contextmanager
def sftp(tmp_path, settings, request):
    server = request.getfixturevalue("sshd")
    folder = tmp_path / "files"
    folder.mkdir()
    given = server.settings(folder=str(folder))

    def broken():
        return Sftp(given | {"port": 1}, server.secrets())

    private = ("127.0.0.1", str(server.port), str(folder), server.username)
    yield FolderStore(Sftp(given, server.secrets()), folder, broken, private)


@contextmanager
def sftp_without_replacing(tmp_path, settings, request):
    """A server that knows no request that renames over a file."""
    folder = tmp_path / "files"
    folder.mkdir()
    with faulty_sftp.running_faulty(folder, faulty_sftp.NoReplace) as server:
        given, secrets = server.settings(), {"password": "any word"}

        def broken():
            return Sftp(given | {"port": 1}, secrets)

        yield FolderStore(Sftp(given, secrets), folder, broken, ("127.0.0.1", str(given["port"])))


STORES = {("local", ""): local, ("sftp", ""): sftp, ("sftp", "without replacing"): sftp_without_replacing}
