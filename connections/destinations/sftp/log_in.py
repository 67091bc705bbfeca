"""Logs in with the private key, the password, or both; tells servers that ask for more from refusals."""

from collections.abc import Sequence

import paramiko

from connections.destinations.base import DeliveryError
from connections.destinations.sftp import keys
from connections.destinations.sftp.errors import LogInError, explained, rejected
from connections.destinations.sftp.protocol import readable
from roles.messages import Message, listed
from roles.messages import said as _

PASSWORD, PROMPTS = "password", "keyboard-interactive"
Prompts = Sequence[tuple[str, bool]]  # text, and whether what is typed is shown


def log_in(transport: paramiko.Transport, username: str, secrets: dict[str, str]) -> None:
    """Log in with the private key, the password, or both where the server asks for both. Raises DeliveryError."""
    key, password = secrets.get("private_key"), secrets.get("password", "")
    with explained(transport):
        further = [PASSWORD]
        if key:
            further = transport.auth_publickey(username, _private_key(key, secrets.get("passphrase", "")))
        if further and password:
            further = _give_password(transport, username, password, further)
        if further or not transport.is_authenticated():
            raise _more_wanted(further, has_password=bool(password))


def _give_password(transport: paramiko.Transport, username: str, password: str, allowed: list[str]) -> list[str]:
    """Send the password in the way that the server accepts; return what else it wants."""
    if PASSWORD in allowed or PROMPTS not in allowed:
        try:
            return transport.auth_password(username, password, fallback=False)
        except paramiko.BadAuthenticationType as error:
            if PROMPTS not in error.allowed_types:
                raise
        except paramiko.SSHException as error:
            if "Illegal info request" in str(error):  # the only other answer: choose a new one
                raise LogInError(_new_password()) from error
            raise
    return transport.auth_interactive(username, _Prompted(password).answer)


class _Prompted:
    """Answers one prompt for a password, and no other."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._answered = ""

    def answer(self, title: str, instructions: str, prompts: Prompts) -> list[str]:
        """Return the answers to `prompts`; raises if they ask for more than the password."""
        if not prompts:
            return []
        text = prompts[0][0]
        if self._answered and text == self._answered and len(prompts) == 1:
            raise LogInError(rejected(), _asked(instructions, prompts))
        if self._answered or len(prompts) > 1 or prompts[0][1]:
            raise LogInError(_second_prompt(), _asked(instructions, prompts))
        self._answered = text
        return [self._password]


def _asked(instructions: str, prompts: Prompts) -> Message:
    """What the server asked, for administrators."""
    words = [text for text in (instructions, *(prompt for prompt, _shown in prompts)) if text.strip()]
    return _("The server asked: %(prompts)s") % {"prompts": listed(f"“{readable(text.encode())}”" for text in words)}


def _second_prompt() -> Message:
    return _(
        "The server asks for more than the password, such as a code. Waybill cannot enter codes: use an account "
        "with only a password, or a key."
    )


def _new_password() -> Message:
    return _("The password has expired, and the server asks for a new one. Change it there, then enter it here.")


def _more_wanted(further: list[str], *, has_password: bool) -> LogInError:
    asked = _("The server also asks for: %(types)s.") % {"types": listed(further)}
    if not has_password and {PASSWORD, PROMPTS} & set(further):
        return LogInError(_("The server asks for a password besides the key. Enter both."), asked)
    if further == ["publickey"]:
        return LogInError(_("The server asks for a private key besides the password. Enter both."), asked)
    return LogInError(_second_prompt(), asked)


def _private_key(text: str, passphrase: str) -> paramiko.PKey:
    try:
        return keys.private_key(text, passphrase)
    except keys.KeyRefusedError as error:
        raise DeliveryError(error.message, permanent=True) from error
