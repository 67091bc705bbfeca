"""Private keys pasted from mails, variables and other programs: cleaned, or refused by what they are."""

import base64
import re
import textwrap

from roles.messages import SaidError
from roles.messages import said as _

OPENSSH = "OPENSSH PRIVATE KEY"
_MAGIC = b"openssh-key-v1\0"
_INVISIBLE = re.compile("[\ufeff\u200b-\u200f\u2028-\u202e\u2060-\u2064\u00ad\0]")
_DASHES = re.compile("[\u2010-\u2015\u2212]+")
_BLOCK = re.compile(r"-{2,5}\s?BEGIN (?P<kind>[A-Z0-9 ]*PRIVATE KEY)\s?-{2,5}(?P<body>.*?)-{2,5}\s?END (?P=kind)", re.S)
_QUOTED = re.compile(r"^[ \t]*>[ \t]?", re.M)  # as mails do
_HEADERS = re.compile(r"\s*(Proc-Type:\s*\S+)\s+(DEK-Info:\s*[A-Za-z0-9-]+,\s*[0-9A-Fa-f]+)\s")
_PUBLIC = re.compile(r"(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) AAAA|BEGIN (SSH2 |RSA )?PUBLIC KEY")
_CERTIFICATE = re.compile(r"-cert-v01@openssh\.com AAAA|BEGIN (X509 |TRUSTED )?CERTIFICATE")
_FILE_NAME = re.compile(r"\S*[/\\]\S+|\S+\.(pem|key|ppk|pub)", re.ASCII)


class KeyRefusedError(SaidError, ValueError):
    """A private key that cannot be used; the text says why and what to do."""


def cleaned(text: str) -> bytes:
    """Return the key in `text` as PEM or DER. Raises KeyRefusedError, without a trace of the text."""
    return _cleaned(text, depth=2)


def is_protected(data: bytes) -> bool:
    """Whether the OpenSSH key `data` has, or may have, a passphrase."""
    return b"OPENSSH" in data and not _inner(data).startswith(_MAGIC + b"\0\0\0\4none")


def is_dsa(data: bytes) -> bool:
    """Whether the OpenSSH or PEM key `data` is a DSA key."""
    return b"BEGIN DSA" in data or b"ssh-dss" in _inner(data)


def is_on_token(data: bytes) -> bool:
    """Whether the OpenSSH key `data` is only a handle to one on a security key."""
    return b"sk-ssh-" in _inner(data) or b"sk-ecdsa-" in _inner(data)


def _cleaned(text: str, depth: int) -> bytes:
    plain = _plain(text)
    if block := _BLOCK.search(plain):
        return _pem(block["kind"], block["body"])
    _refuse_others(plain)
    decoded = _decoded(plain)
    if decoded.startswith(_MAGIC):
        return _pem(OPENSSH, plain)
    if decoded[:1] == b"\x30" and len(decoded) > 40:  # DER: the lines between BEGIN and END
        return decoded
    if decoded and depth:
        return _cleaned(decoded.decode(errors="replace"), depth - 1)
    if _FILE_NAME.fullmatch(plain):
        raise KeyRefusedError(_("This is a file name. Open the file and paste its content."))
    raise KeyRefusedError(_("This is not a private key. Paste the whole file, from “-----BEGIN” to “-----END”."))


def _plain(text: str) -> str:
    """Remove what mails, editors and variables add to a key: escaped line breaks, quotes, a BOM."""
    lines = _QUOTED.sub("", re.sub(r"\\+[rn]", "\n", _INVISIBLE.sub("", text)))
    return _DASHES.sub(lambda found: "-" * max(2, len(found[0])), lines).strip(" \t\r\n\"'`“”„‘’«»")


def _pem(kind: str, body: str) -> bytes:
    """Return PEM with normal lines, however the original's were broken."""
    headers = _HEADERS.match(body)
    encoded = re.sub(r"\s+", "", body[headers.end() :] if headers else body)
    lines = [*headers.groups(), ""] if headers else []
    lines += textwrap.wrap(encoded, 64)
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]).encode()


def _refuse_others(plain: str) -> None:
    """Raise KeyRefusedError, which names what the text is instead and what to do."""
    if "PuTTY-User-Key-File" in plain:
        raise KeyRefusedError(
            _(
                "This is a PuTTY key (.ppk). Convert it to OpenSSH: “Conversions > Export OpenSSH key” in PuTTYgen, or "
                "“puttygen KEY.ppk -O private-openssh -o KEY”. Then paste the new file."
            )
        )
    if re.search(r"BEGIN PGP", plain):
        raise KeyRefusedError(_("This is a PGP key. Paste an SSH private key, such as an Ed25519 key."))
    if "SSH2 ENCRYPTED PRIVATE KEY" in plain:
        raise KeyRefusedError(
            _("This key is in SSH2 format. Convert it: “ssh-keygen -i -f KEY > NEW”. Then paste the new file.")
        )
    if re.search(r"BEGIN [A-Z0-9 ]*PRIVATE KEY", plain):
        raise KeyRefusedError(
            _("The private key is cut off: its end is missing. Paste the whole file, up to the line “-----END”.")
        )
    if re.search(r"END [A-Z0-9 ]*PRIVATE KEY", plain):
        raise KeyRefusedError(
            _("The private key is cut off: its beginning is missing. Paste the whole file, from the line “-----BEGIN”.")
        )
    if _CERTIFICATE.search(plain):
        raise KeyRefusedError(_("This is a certificate. Paste the private key that belongs to it."))
    if _PUBLIC.search(plain):
        raise KeyRefusedError(_("This is a public key. Paste the private key: the file without “.pub”."))


def _decoded(plain: str) -> bytes:
    """Return the bytes of the base64 in `plain`; none if it is not base64."""
    try:
        return base64.b64decode(re.sub(r"\s+", "", plain), validate=True)
    except ValueError:
        return b""


def _inner(data: bytes) -> bytes:
    """Return the bytes that the lines of a PEM file encode."""
    return _decoded("".join(line for line in data.decode(errors="replace").splitlines() if "-----" not in line))
