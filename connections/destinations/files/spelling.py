"""Spellings of folders that a server would take literally, and what to write instead."""

import re

from roles.messages import EMPTY, Message
from roles.messages import said as _

HOME = re.compile(r"~(/|$)")
_DRIVE = re.compile(r"[A-Za-z]:([\\/]|$)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*(?P<folder>/.*)?$")
_SCP = re.compile(r"([^/:@\s]+@)?[^/:@\s]+:(?P<folder>[/~].*)$")  # user@server:/folder
_VARIABLE = re.compile(r"%\w+%|(^|/)\$\w|\$[({]|\{\{")
_QUOTES = "\"'`“”„‘’«»"


def understood(folder: str) -> str:
    """Return `folder` relative to the log-in folder if it begins with “~”, which a shell would replace."""
    return folder[1:].lstrip("/") if HOME.match(folder) else folder


def problem(folder: str) -> Message:
    """Return what to write instead of `folder`; nothing if it can be used."""
    for is_wrong, say in _PROBLEMS:
        if is_wrong(folder):
            return say(folder)
    return EMPTY


def taken_literally(folder: str) -> Message:
    """Warn that a folder stored before spellings were checked may be the wrong one."""
    if not HOME.match(folder) and not problem(folder):
        return EMPTY
    return _(
        "The folder exists, but the server took its name literally, so files may go to an unexpected place. "
        "Correct the folder in the connection."
    )


def _whole_address(folder: str) -> Message:
    found = _URL.match(folder) or _SCP.match(folder)
    inner = (found["folder"] if found else "") or "/upload"
    return _("Enter only the folder, e.g. %(folder)s. The server has its own field.") % {"folder": inner}


def _drive(folder: str) -> Message:
    inner = "/" + folder[2:].replace("\\", "/").strip("/")
    return _("Enter the folder without a drive letter, as the server shows it, e.g. %(folder)s.") % {
        "folder": inner if inner != "/" else "/upload"
    }


def _backslash(folder: str) -> Message:
    inner = re.sub(r"[\\/]+", "/", folder)
    return _("Separate folders with /, e.g. %(folder)s.") % {"folder": inner}


def _variable(_folder: str) -> Message:
    return _("The server does not replace variables. Enter the folder's real name, e.g. /upload.")


def _tilde(_folder: str) -> Message:
    return _(
        "“~” is only allowed at the beginning, for the login folder, as in ~/upload. Enter the folder's real name."
    )


def _quoted(folder: str) -> Message:
    return _("Enter the folder without quotation marks: %(folder)s") % {"folder": folder.strip(_QUOTES)}


def _climbs(_folder: str) -> Message:
    return _("Enter the folder without “..”, e.g. /upload/crm.")


_PROBLEMS = (
    (lambda folder: folder.startswith(tuple(_QUOTES)), _quoted),
    (lambda folder: bool(_URL.match(folder)), _whole_address),
    (lambda folder: bool(_DRIVE.match(folder)), _drive),
    (lambda folder: bool(_SCP.match(folder)), _whole_address),
    (lambda folder: bool(_VARIABLE.search(folder)), _variable),
    (lambda folder: "\\" in folder, _backslash),
    (lambda folder: any(name.startswith("~") for name in folder.split("/")) and not HOME.match(folder), _tilde),
    (lambda folder: ".." in folder.split("/"), _climbs),
)
