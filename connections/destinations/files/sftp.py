"""SFTP: files on a server that speaks SSH, known by its host key."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import paramiko
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.destinations.base import CheckStep, FileDestination, Finding, HelpSection, run_steps
from connections.destinations.files import names, sftp_client
from connections.destinations.files.sftp_form import SftpForm
from connections.destinations.files.sftp_reading import SftpFile
from connections.destinations.files.sftp_session import SftpSession
from roles import addresses

HELP = (
    HelpSection(
        gettext_lazy("Passwords and keys"),
        (
            gettext_lazy("With a password, with a private key, or with both where the server asks for both."),
            gettext_lazy(
                "Keys may be Ed25519, ECDSA, or RSA of 3,072 bits or more, as OpenSSH or PEM text, with a passphrase "
                "or without. Shorter RSA keys and DSA keys are refused."
            ),
        ),
    ),
    HelpSection(
        gettext_lazy("How Waybill knows the server"),
        (
            gettext_lazy(
                "When a connection is set up, Waybill shows the fingerprint of the server's host key. Compare it with "
                "the one that whoever runs the server tells you, by another way than this network."
            ),
            gettext_lazy(
                "From then on nothing is sent to a server with another host key, and no password either. When the "
                "server gets a new one, an administrator confirms it again in the connection."
            ),
        ),
    ),
    HelpSection(
        gettext_lazy("What the server has to allow"),
        (
            gettext_lazy(
                "The account needs the right to make folders, and to write, rename, list and remove files below the "
                "connection's folder. Waybill removes only hidden files of its own."
            ),
            gettext_lazy(
                "On a server that cannot rename over a file, model.json is away for a moment while a run replaces it. "
                "OpenSSH can."
            ),
            gettext_lazy(
                "Addresses of private networks are refused unless whoever operates Waybill allows them in the setting "
                "WAYBILL_ALLOWED_NETWORKS."
            ),
        ),
    ),
)


class Sftp(FileDestination):
    """Files on an SFTP server."""

    slug = "sftp"
    label = gettext_lazy("SFTP")
    summary = gettext_lazy("Sends files to a folder on an SFTP server, yours or a partner's.")
    monogram = "SF"
    tone = "blue"
    settings_form = SftpForm
    can_download = True
    secret_fields = ("password", "private_key", "passphrase")
    check_steps = (
        gettext_lazy("Find the server"),
        gettext_lazy("Connect"),
        gettext_lazy("Recognize the server by its host key"),
        gettext_lazy("Log in"),
        gettext_lazy("Open the folder, or make it"),
        gettext_lazy("Write, rename and remove a test file"),
    )
    help_sections = HELP

    @contextmanager
    def session(self, run_key: str) -> Iterator[SftpSession]:
        """Connect, recognize the server and log in for one run."""
        with closing(_Visit(self)) as visit:
            yield visit.session(run_key)

    @contextmanager
    def open_file(self, path: str) -> Iterator[SftpFile]:
        """Connect as a run does and open a delivered file."""
        parts = names.components(path)
        with closing(_Visit(self)) as visit:
            session = visit.session("reading")
            with closing(SftpFile(session, session.path(*parts))) as file:
                yield file

    def check(self) -> Iterator[CheckStep]:
        """Go as far as a run would, with a small file that is removed again."""
        with closing(_Visit(self)) as visit:
            steps = (visit.find, visit.connect, visit.recognize, visit.log_in, visit.folder, visit.write)
            yield from run_steps(self.check_steps, steps)


class _Visit:
    """The way to a server, step by step, and what is open on it."""

    def __init__(self, destination: Sftp) -> None:
        self._settings, self._secrets = destination.settings, destination.secrets
        self._addresses: list[tuple[int, Any]] = []
        self._transport: paramiko.Transport | None = None
        self.client: paramiko.SFTPClient | None = None

    def session(self, run_key: str) -> SftpSession:
        """Go all the way."""
        for step in (self.find, self.connect, self.recognize, self.log_in):
            step()
        assert self.client is not None
        return SftpSession(self.client, self._settings.get("folder", ""), run_key)

    def find(self) -> Finding:
        """Resolve the name, under the address policy."""
        with sftp_client.explained():
            self._addresses = addresses.resolve_allowed(self._settings["host"], self._settings["port"])
        found = ", ".join(dict.fromkeys(sockaddr[0] for _family, sockaddr in self._addresses))
        return _("The server's address is known and allowed."), found

    def connect(self) -> Finding:
        """Connect to an address that was allowed, and agree on encryption."""
        with sftp_client.explained(where=f"{self._addresses[0][1][0]} port {self._settings['port']}"):
            connection = addresses.connect_to(self._addresses, sftp_client.CONNECT_SECONDS)
        self._transport = sftp_client.open_transport(connection, self._settings["host_key"])
        return _("The server answers."), self._transport.remote_version

    def recognize(self) -> Finding:
        """Compare the host key."""
        assert self._transport is not None
        fingerprint = sftp_client.confirm_host_key(self._transport, self._settings["host_key"])
        return _("The server is the one that was confirmed at set-up."), fingerprint

    def log_in(self) -> Finding:
        """Log in and start SFTP."""
        assert self._transport is not None
        sftp_client.log_in(self._transport, self._settings["username"], self._secrets)
        self.client = sftp_client.open_sftp(self._transport)
        return _("The server accepted the log-in."), ""

    def folder(self) -> Finding:
        """Open the folder, making it where it is missing."""
        folder = self._settings.get("folder", "")
        assert self.client is not None
        session = SftpSession(self.client, folder, "check")
        with session.explained():
            session.make_folder(folder.rstrip("/"))
            shown = self.client.normalize(folder or ".")
        return _("The folder is there."), shown

    def write(self) -> Finding:
        """Write a small file as a run would, and remove it."""
        assert self.client is not None
        session = SftpSession(self.client, self._settings.get("folder", ""), "check")
        name = f".waybill-check-{uuid.uuid4().hex[:12]}"
        part = session.open_part(name)
        try:
            part.write(b"waybill")
            part.publish()
            with session.explained():
                self.client.remove(session.path(name))
        finally:
            part.discard()
            session.settle()
        return _("Waybill can write here. Nothing was left behind."), ""

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()
