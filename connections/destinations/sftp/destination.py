"""SFTP: files on an SSH server that is identified by its host key."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from django.utils.translation import gettext_lazy

from connections.destinations.base import CheckStep, FileDestination, Finding, HelpSection, run_steps
from connections.destinations.files import names, spelling
from connections.destinations.sftp import client
from connections.destinations.sftp.errors import explained
from connections.destinations.sftp.form import SftpForm
from connections.destinations.sftp.log_in import log_in
from connections.destinations.sftp.protocol import ServerAnswerError, SftpProtocol
from connections.destinations.sftp.reading import SftpFile
from connections.destinations.sftp.rehearsal import rehearse
from connections.destinations.sftp.session import SftpSession
from connections.destinations.sftp.transport import Transport
from roles.messages import said as _
from roles.net import addresses

CHECK_SECONDS = 30.0  # of a test after the log-in: nobody waits any longer

HELP = (
    HelpSection(
        gettext_lazy("Passwords and keys"),
        (
            gettext_lazy(
                "With a password, a private key, or both. Accounts that also ask for a one-time code cannot be used."
            ),
            gettext_lazy(
                "Keys can be Ed25519, ECDSA, or RSA with at least 3,072 bits, as OpenSSH or PEM text, with or "
                "without a passphrase. Shorter RSA keys and DSA keys are rejected. Convert a PuTTY key (.ppk) "
                "first: “puttygen KEY.ppk -O private-openssh -o KEY”."
            ),
        ),
    ),
    HelpSection(
        gettext_lazy("How Waybill identifies the server"),
        (
            gettext_lazy(
                "When you set up a connection, Waybill shows the fingerprint of the server's host key. Compare it "
                "with the fingerprint that the server operator gives you through a separate channel."
            ),
            gettext_lazy(
                "From then on, Waybill sends nothing, not even a password, to a server with another host key. If "
                "the server gets a new key, an administrator confirms it in the connection."
            ),
        ),
    ),
    HelpSection(
        gettext_lazy("The folder"),
        (
            gettext_lazy(
                "Enter it as the server shows it, with / between names. /upload begins at the server's top folder; "
                "upload or ~/upload are in the login folder."
            ),
        ),
    ),
    HelpSection(
        gettext_lazy("What the server must allow"),
        (
            gettext_lazy(
                "The account needs permission to create folders, and to write, rename, list, read and remove files "
                "in the connection's folder. Waybill removes only its own hidden files and leaves all others as "
                "they are."
            ),
            gettext_lazy(
                "One session at a time is enough: a run logs in once. For such an account, set “Concurrent runs” to 1."
            ),
            gettext_lazy(
                "The login must not print text before SFTP begins. The server may collect finished files, but not "
                "files whose names begin with a dot."
            ),
            gettext_lazy(
                "If the server cannot replace a file by renaming, model.json is briefly missing while a run "
                "replaces it. OpenSSH can."
            ),
            gettext_lazy(
                "Test connection does what a run does, with a small file in the hidden folder .waybill-check if "
                "the server can remove folders, and removes both."
            ),
            gettext_lazy(
                "Addresses in private networks are rejected unless your Waybill operator allows them in "
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
        gettext_lazy("Verify the host key"),
        gettext_lazy("Log in"),
        gettext_lazy("Open or create the folder"),
        gettext_lazy("Write, rename, list, read and remove a test file"),
    )
    help_sections = HELP

    @contextmanager
    def session(self, run_key: str) -> Iterator[SftpSession]:
        """Connect, check the host key and log in for one run."""
        with closing(_Visit(self)) as visit:
            yield visit.session(run_key)

    @contextmanager
    def open_file(self, path: str) -> Iterator[SftpFile]:
        """Connect as a run does and open a delivered file."""
        names.components(path)  # before anything is reached
        with closing(_Visit(self)) as visit, visit.session("reading").open_file(path) as file:
            yield file

    def check(self) -> Iterator[CheckStep]:
        """Do what a run does, with a small file that is removed again."""
        with closing(_Visit(self, seconds=CHECK_SECONDS)) as visit:
            steps = (visit.find, visit.connect, visit.recognize, visit.log_in, visit.folder, visit.write)
            yield from run_steps(self.check_steps, steps)


class _Visit:
    """The way to a server, step by step, and what it has opened."""

    def __init__(self, destination: Sftp, seconds: float | None = None) -> None:
        self._seconds = seconds  # for all that comes after the log-in
        self._settings, self._secrets = destination.settings, destination.secrets
        self._addresses: list[tuple[int, Any]] = []
        self._transport: Transport | None = None
        self._client: SftpProtocol | None = None

    def session(self, run_key: str) -> SftpSession:
        """Go all the way."""
        for step in (self.find, self.connect, self.recognize, self.log_in):
            step()
        return self._session(run_key)

    def find(self) -> Finding:
        """Resolve the name, under the address policy."""
        with explained():
            self._addresses = addresses.resolve_allowed(self._settings["host"], self._settings["port"])
        found = ", ".join(dict.fromkeys(sockaddr[0] for _family, sockaddr in self._addresses))
        return _("The server's address is known and allowed."), found

    def connect(self) -> Finding:
        """Connect to an allowed address, and agree on encryption; the deadline starts here."""
        self._transport = client.connect(self._addresses, self._settings["host_key"])
        return _("The server answers."), self._transport.remote_version

    def recognize(self) -> Finding:
        """Check the host key."""
        assert self._transport is not None
        fingerprint = client.confirm_host_key(self._transport, self._settings["host_key"])
        return _("The server is the one confirmed during setup."), fingerprint

    def log_in(self) -> Finding:
        """Log in and start SFTP."""
        assert self._transport is not None
        log_in(self._transport, self._settings["username"], self._secrets)
        self._client = client.open_sftp(self._transport)
        if self._seconds is not None:
            self._transport.extend_deadline(self._seconds)
        return _("The server accepted the login."), ""

    def folder(self) -> Finding:
        """Open the folder; creates it if missing."""
        folder, session = self._settings.get("folder", ""), self._session("check")
        with session.explained():
            session.make_folder(folder.rstrip("/"))
        told = spelling.taken_literally(folder)
        return told or _("The folder exists."), self._shown(folder)

    def write(self) -> Finding:
        """Rehearse with a small file."""
        return rehearse(self._session(uuid.uuid4().hex)), ""

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close_and_wait()

    def _session(self, run_key: str) -> SftpSession:
        assert self._client is not None
        return SftpSession(self._client, self._settings.get("folder", ""), run_key)

    def _shown(self, folder: str) -> str:
        """The server's name for the folder, if it tells."""
        assert self._client is not None
        with suppress(ServerAnswerError):
            return self._client.normalize(folder or ".")
        return folder
