"""SSH keys: host keys as text to pin, and private keys as people paste them."""

import base64
import hashlib
from collections.abc import Callable
from io import StringIO
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from connections.destinations.sftp import key_text
from connections.destinations.sftp.key_text import KeyRefusedError
from roles.messages import Message
from roles.messages import said as _

LEAST_RSA_BITS = 3072


def host_key_text(key: paramiko.PKey) -> str:
    """Return a host key as it is pinned: `ssh-ed25519 AAAA…`."""
    return f"{key.get_name()} {key.get_base64()}"


def is_host_key(text: str) -> bool:
    """Whether `text` is a host key as it is pinned."""
    kind, blob = _parts(text)
    return bool(kind) and blob.startswith(len(kind).to_bytes(4, "big") + kind.encode())


def fingerprint(host_key: str) -> str | Message:
    """Return the SHA-256 fingerprint of a host key's text, as ssh-keygen -l prints it; says when there is none."""
    if not is_host_key(host_key):
        return _("cannot be read")
    _kind, blob = _parts(host_key)
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def describe(host_key: str) -> str | Message:
    """Return the type and fingerprint of a host key's text; says when it is none."""
    return f"{_parts(host_key)[0]} {fingerprint(host_key)}" if is_host_key(host_key) else fingerprint(host_key)


def _parts(text: str) -> tuple[str, bytes]:
    """Return the type and the bytes of a host key's text; nothing of what is none."""
    kind, _space, encoded = text.partition(" ")
    try:
        return kind, base64.b64decode(encoded, validate=True)
    except ValueError:
        return "", b""


def private_key(text: str, passphrase: str) -> paramiko.PKey:
    """Return the key in `text`, as people paste it. Raises KeyRefusedError, without a trace of the text."""
    loaded = _load(key_text.cleaned(text), passphrase.encode() or None)
    kind = _paramiko_class(loaded)
    plain = loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    return kind.from_private_key(StringIO(plain))


def _load(data: bytes, passphrase: bytes | None) -> "_Supported":
    try:
        return _loader(data)(data, passphrase)
    except TypeError as error:  # a passphrase where none is needed, or none where one is
        raise KeyRefusedError(_passphrase_problem(passphrase)) from error
    except ValueError as error:
        raise KeyRefusedError(_unreadable(data, passphrase)) from error
    except Exception as error:
        raise KeyRefusedError(_unknown(data)) from error


def _loader(data: bytes) -> Callable[..., Any]:
    if not data.startswith(b"-----BEGIN"):
        return serialization.load_der_private_key
    is_openssh = data.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    return serialization.load_ssh_private_key if is_openssh else serialization.load_pem_private_key


def _passphrase_problem(passphrase: bytes | None) -> Message:
    if passphrase:
        return _("This private key has no passphrase. Leave the passphrase empty.")
    return _("This private key is protected. Enter its passphrase too.")


def _unreadable(data: bytes, passphrase: bytes | None) -> Message:
    if passphrase and (b"ENCRYPTED" in data or key_text.is_protected(data)):
        return _("This passphrase does not open the private key. Check the passphrase, and that the key is complete.")
    if b"ENCRYPTED" in data or key_text.is_protected(data):
        return _("The private key cannot be read. If it has a passphrase, enter it; otherwise paste the whole file.")
    return _("The private key is damaged or incomplete. Paste the whole file, from “-----BEGIN” to “-----END”.")


def _unknown(data: bytes) -> Message:
    if key_text.is_dsa(data):
        return _("This is a DSA key, which SSH servers no longer accept. Create an Ed25519 key.")
    if key_text.is_on_token(data):
        return _("This key works only with a hardware security key. Create an Ed25519 key.")
    return _("The private key is damaged or of an unknown kind. Paste the whole file, or create an Ed25519 key.")


def _paramiko_class(loaded: "_Supported") -> type[paramiko.PKey]:
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return paramiko.Ed25519Key
    if isinstance(loaded, ec.EllipticCurvePrivateKey):
        return paramiko.ECDSAKey
    if isinstance(loaded, rsa.RSAPrivateKey):
        if loaded.key_size < LEAST_RSA_BITS:
            raise KeyRefusedError(
                _("This RSA key is too short. Use one with at least %(bits)s bits, or an Ed25519 key.")
                % {"bits": LEAST_RSA_BITS}
            )
        return paramiko.RSAKey
    if isinstance(loaded, dsa.DSAPrivateKey):
        raise KeyRefusedError(_("This is a DSA key, which SSH servers no longer accept. Create an Ed25519 key."))
    raise KeyRefusedError(_unknown(b""))


_Supported = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
