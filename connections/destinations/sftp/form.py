"""The form of an SFTP connection.

The server's host key is fetched when the form is sent, shown, and pinned once the administrator confirmed it.
"""

from typing import Any

from django import forms
from django.core import signing
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from paramiko import SSHException

from connections.destinations.base import DeliveryError, Question, SecretInput, SecretTextarea, SettingsForm
from connections.destinations.files import spelling
from connections.destinations.sftp import client, keys
from roles.secrets import references
from roles.validators import one_line

PROOF = "connections.sftp.host_key"  # the salt: nothing else that Waybill signs is a proof
PROOF_SECONDS = 1800


class SftpForm(SettingsForm):
    """Server, account, folder, host key and the secret to log in with."""

    target_settings = ("host", "port", "username", "folder")
    server_settings = ("host", "port")
    groups = (
        (gettext_lazy("How Waybill logs in"), ("username", "password", "private_key", "passphrase")),
        (gettext_lazy("Host key"), ("renews_host_key",)),
    )

    host = forms.CharField(
        label=gettext_lazy("Server"),
        max_length=253,
        error_messages={"required": gettext_lazy("Enter the server's name.")},
        help_text=gettext_lazy("Name or address, e.g. sftp.example.com."),
    )
    port = forms.IntegerField(
        label=gettext_lazy("Port"),
        min_value=1,
        max_value=65535,
        initial=22,
        error_messages={
            "required": gettext_lazy("Enter the port, usually 22."),
            **dict.fromkeys(("invalid", "min_value", "max_value"), gettext_lazy("Enter a port from 1 to 65535.")),
        },
        localize=False,
        help_text=gettext_lazy("22 unless the server operator says otherwise."),
    )
    folder = forms.CharField(
        label=gettext_lazy("Folder"),
        required=False,
        max_length=500,
        validators=[one_line],
        help_text=gettext_lazy(
            "Destination folder, e.g. /upload. Created if missing. Leave empty for the login folder."
        ),
    )
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=120,
        validators=[one_line],
        error_messages={"required": gettext_lazy("Enter the user name for this server.")},
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        max_length=1000,
        widget=SecretInput,
        help_text=gettext_lazy("Leave empty if you use a key."),
    )
    private_key = forms.CharField(
        label=gettext_lazy("Private key"),
        required=False,
        max_length=20_000,
        widget=SecretTextarea,
        help_text=gettext_lazy(
            "Instead of a password: the whole file, from “-----BEGIN” to “-----END”. Ed25519, ECDSA, or RSA with at "
            "least 3,072 bits."
        ),
    )
    passphrase = forms.CharField(
        label=gettext_lazy("Passphrase of the key"),
        required=False,
        strip=False,
        max_length=1000,
        widget=SecretInput,
        help_text=gettext_lazy("Only if the key has one."),
    )
    host_key = forms.CharField(label=gettext_lazy("Host key"), required=False, widget=forms.HiddenInput)
    host_key_proof = forms.CharField(required=False, widget=forms.HiddenInput)
    renews_host_key = forms.BooleanField(
        label=gettext_lazy("The server has a new host key: show and confirm it"), required=False
    )
    is_host_key_confirmed = forms.BooleanField(label=gettext_lazy("Yes, this is the right server"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asks = self._was_asked = False
        if self.stored is None:
            del self.fields["renews_host_key"]
        if "password" in self.kept_secrets:
            self.fields["private_key"].help_text = _("Replaces the stored password.")
        elif "private_key" in self.kept_secrets:
            self.fields["password"].help_text = _("Replaces the stored key.")

    @property
    def question(self) -> Question | None:
        """The fetched host key, until it is confirmed."""
        if not self._asks:
            return None
        kind, _space, _rest = str(self["host_key"].value()).partition(" ")
        return Question(
            title=_("Confirm the server's identity"),
            text=_(
                "The server shows the host key below. Get its fingerprint from the server operator through a "
                "separate channel, and compare every character; on the server, “ssh-keygen -l -f” with the host "
                "key's file prints it. If it doesn't match, cancel: the connection may be intercepted."
            ),
            facts=((_("Type"), kind), (_("Fingerprint"), keys.fingerprint(self["host_key"].value()))),
            field="is_host_key_confirmed",
            answer=keys.fingerprint(self["host_key"].value()),
            error=_("Compare the fingerprint, tick this box, then save again.") if self._was_asked else "",
        )

    def shown_facts(self) -> list[Any]:
        """The pinned host key."""
        stored = (self.stored or {}).get("host_key", "")
        return [(_("Host key"), keys.describe(stored))] if stored else []

    def sections(self) -> list[Any]:
        """The sections without the confirmation, unless it is asked for."""
        return [
            (heading, [bound for bound in fields if bound.name != "is_host_key_confirmed"])
            for heading, fields in super().sections()
        ]

    def clean_host(self) -> str:
        """Refuse addresses of pages and accounts, which people paste."""
        host: str = self.cleaned_data["host"].lower()
        if any(sign in host for sign in "/@ ") or host.count(":") == 1:
            raise forms.ValidationError(_("Enter only the server's name, e.g. sftp.example.com."))
        return host

    def clean_folder(self) -> str:
        """Refuse spellings that servers take literally; a stored folder stays as it is."""
        folder: str = self.cleaned_data["folder"]
        if self.stored is not None and folder == self.stored.get("folder"):
            return folder
        if problem := spelling.problem(folder):
            raise forms.ValidationError(str(problem), code="unsafe")
        return spelling.understood(folder)

    def clean(self) -> dict[str, Any]:
        """Check the log-in, then the server's host key; keep what the connection stores."""
        self._clean_log_in()
        if not self.errors:
            self._clean_host_key()
        for name in ("host_key_proof", "renews_host_key", "is_host_key_confirmed"):
            self.cleaned_data.pop(name, None)
        return self.cleaned_data

    def _clean_log_in(self) -> None:
        if self.errors.keys() & {"password", "private_key", "passphrase"}:
            return
        password, key, passphrase = (self.cleaned_data.get(name) for name in ("password", "private_key", "passphrase"))
        if passphrase and not key:
            self.add_error("private_key", _("Enter the private key again together with its passphrase."))
        elif key:
            self._try_key(key, passphrase or "")
        elif not password and not self.keeps_secrets():
            self.add_error("password", self._why_no_secret())

    def _try_key(self, key: str, passphrase: str) -> None:
        try:
            keys.private_key(references.resolve(key), references.resolve(passphrase))
        except (keys.KeyRefusedError, references.MissingSecretError) as error:
            self.add_error("private_key", str(error))

    def _why_no_secret(self) -> str:
        if self.kept_secrets:
            return _(
                "The server has changed: enter the password or key for it. Stored secrets are sent only to the "
                "server they were entered for."
            )
        return _("Enter a password or a private key.")

    def _clean_host_key(self) -> None:
        """Keep the pinned key, take the confirmed one, or fetch one and ask."""
        stored = (self.stored or {}).get("host_key", "")
        stays = not self.has_moved(("host", "port", "folder")) and not self.cleaned_data.get("renews_host_key")
        if stays and keys.is_host_key(stored):
            self.cleaned_data["host_key"] = stored
        elif not self._is_confirmed():
            self._fetch_host_key()

    def _is_confirmed(self) -> bool:
        """Whether the box was ticked beside the fingerprint of just this key."""
        host_key = self.cleaned_data["host_key"]
        self._was_asked = self._was_fetched(host_key, self.cleaned_data["host_key_proof"])
        ticked = self.data.get(self.add_prefix("is_host_key_confirmed"))
        return self._was_asked and ticked == keys.fingerprint(host_key)

    def _was_fetched(self, host_key: str, proof: str) -> bool:
        """Whether Waybill itself got this key from the server that is now named, not long ago."""
        try:
            return bool(signing.loads(proof, salt=PROOF, max_age=PROOF_SECONDS) == [self._server(), host_key])
        except signing.BadSignature:
            return False

    def _server(self) -> str:
        return f"{self.cleaned_data['host']} {self.cleaned_data['port']}"

    def _fetch_host_key(self) -> None:
        try:
            host_key = client.fetch_host_key(self.cleaned_data["host"], self.cleaned_data["port"])
        except DeliveryError as error:
            self.detail_at, self.detail = "port" if _is_about_port(error) else "host", str(error.detail)
            self.add_error(self.detail_at, str(error.message))
            return
        proof = signing.dumps([self._server(), host_key], salt=PROOF)
        shown = {"host_key": host_key, "host_key_proof": proof, "is_host_key_confirmed": ""}
        self._was_asked = self._was_asked and host_key == self.cleaned_data["host_key"]
        self.data = dict(self.data.items()) | {self.add_prefix(name): value for name, value in shown.items()}
        self._asks = True
        self.add_error("is_host_key_confirmed", _("Compare the fingerprint, tick this box, then save again."))


def _is_about_port(error: DeliveryError) -> bool:
    """Whether the server answers but something else, or nothing, listens on the port."""
    return isinstance(error.__cause__, ConnectionRefusedError | EOFError | SSHException)
