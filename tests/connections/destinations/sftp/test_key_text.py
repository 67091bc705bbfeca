"""Private keys in every form in which people have them: understood, or called what they are with the remedy."""

import base64
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from connections.destinations.sftp.keys import KeyRefusedError, private_key
from tests.tools import require_tool

OPENSSH = serialization.PrivateFormat.OpenSSH
FORMS = {
    "as it is": lambda text: text,
    "without its last line break": str.strip,
    "with line breaks of Windows": lambda text: text.replace("\n", "\r\n"),
    "with line breaks of old Macs": lambda text: text.replace("\n", "\r"),
    "with written line breaks": lambda text: text.replace("\n", "\\n"),
    "with written line breaks of Windows": lambda text: text.replace("\n", "\\r\\n"),
    "with line breaks written twice over": lambda text: text.replace("\n", "\\\\n"),
    "with a BOM": lambda text: "\ufeff" + text,
    "in quotes": lambda text: f'"{text}"',
    "in single quotes, with written line breaks": lambda text: "'" + text.replace("\n", "\\n") + "'",
    "in typographic quotes": lambda text: f"“{text}”",
    "with spaces for line breaks": lambda text: text.replace("\n", " "),
    "indented": lambda text: "\n".join("    " + line for line in text.splitlines()),
    "with empty lines": lambda text: text.replace("\n", "\n\n"),
    "quoted in a mail": lambda text: "\n".join("> " + line for line in text.splitlines()),
    "with words around it": lambda text: f"Here is the key:\n{text}\nRegards",
    "with dashes of a word processor": lambda text: text.replace("-----", "——-"),
    "with zero-width signs": lambda text: text.replace("KEY", "KEY\u200b"),
    "in a fenced block": lambda text: f"```\n{text}```",
    "as base64": lambda text: base64.b64encode(text.encode()).decode(),
    "as base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "as base64 of base64": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "without its first and last line": lambda text: "".join(text.splitlines(keepends=True)[1:-1]),
}


def pem(key, format_=OPENSSH, passphrase: bytes = b"") -> str:
    locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, format_, locked).decode()


ED = ed25519.Ed25519PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 3072)
TRADITIONAL, PKCS8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8
LOCKED = pem(ED, passphrase=b"pass")
# The forms meet a file with a magic word, one that is DER, and one with headers before its base64.
TEXTS = {"OpenSSH": (pem(ED), ""), "PKCS#8": (pem(EC, PKCS8), ""), "SEC1, locked": (pem(EC, TRADITIONAL, b"x"), "x")}
MORE = {
    "OpenSSH, locked": (LOCKED, "pass"),
    "PKCS#8, locked": (pem(ED, PKCS8, b"pass"), "pass"),
    "PKCS#1": (pem(RSA, TRADITIONAL), ""),
    "PKCS#1, locked": (pem(RSA, TRADITIONAL, b"pass"), "pass"),
    "SEC1": (pem(EC, TRADITIONAL), ""),
}
PAIRS = [
    pytest.param(form, *text, id=f"{kind} {name}")
    for name, form in FORMS.items()
    for kind, text in TEXTS.items()
    if (kind, name) != ("SEC1, locked", "without its first and last line")  # its first lines say how it is locked
] + [pytest.param(FORMS["with written line breaks"], *text, id=kind) for kind, text in MORE.items()]


@pytest.mark.parametrize("form, text, passphrase", PAIRS)
def test_a_key_is_understood_however_it_is_written(form, text, passphrase):
    found = private_key(form(text), passphrase)
    assert found.can_sign()
    assert found.get_base64() in {public(key).split()[1] for key in (ED, EC, RSA)}


def test_parameters_of_a_curve_before_the_key_are_no_matter():
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert private_key(parameters + MORE["SEC1"][0], "").can_sign()


def public(key) -> str:
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def public_pem(key) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


PUTTY = (
    "PuTTY-User-Key-File-{}: ssh-ed25519\nEncryption: none\nComment: me\nPublic-Lines: 2\nAAAA\nPrivate-Lines: 1\nAA"
)
OTHERS = {
    "PuTTY 2": (PUTTY.format(2), "puttygen KEY.ppk -O private-openssh"),
    "PuTTY 3": (PUTTY.format(3).replace("\n", "\r\n"), "PuTTY key"),
    "PuTTY as base64": (base64.b64encode(PUTTY.format(3).encode()).decode(), "PuTTY key"),
    "a public key": (public(ED), "public key"),
    "a public RSA key": (public(RSA) + " me@here", "public key"),
    "a public key as PEM": (public_pem(ED), "public key"),
    "a public key of SSH2": ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "public key"),
    "a certificate of SSH": ("ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5 me", "certificate"),
    "a certificate of X.509": ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "certificate"),
    "a key of SSH2": ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2\n---- END SSH2", "ssh-keygen -i -f"),
    "a PGP key": ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ\n-----END PGP", "PGP"),
    "a DSA key": (pem(dsa.generate_private_key(1024), serialization.PrivateFormat.TraditionalOpenSSL), "DSA"),
    "a short RSA key": (pem(rsa.generate_private_key(65537, 2048)), "too short"),
    "without its end": (TEXTS["OpenSSH"][0][:-60], "its end is missing"),
    "without its beginning": (TEXTS["OpenSSH"][0][40:], "its beginning is missing"),
    "with a hole": (TEXTS["OpenSSH"][0].replace(TEXTS["OpenSSH"][0].splitlines()[2], ""), "is damaged"),
    "the name of a file": ("/home/me/.ssh/id_ed25519", "This is a file name"),
    "the name of a file on Windows": (r"C:\Keys\partner.ppk", "This is a file name"),
    "a fingerprint": ("SHA256:47DEQpj8HBSa+TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "not a private key"),
    "nothing known": ("hello", "not a private key"),
    "base64 of nothing known": (base64.b64encode(b"hello there, whoever reads this").decode(), "not a private key"),
    "a locked key without its passphrase": (LOCKED, "Enter its passphrase"),
}


@pytest.mark.parametrize("text, said", OTHERS.values(), ids=OTHERS)
def test_what_cannot_be_used_is_called_what_it_is(text, said):
    with pytest.raises(KeyRefusedError, match=said) as refused:
        private_key(text, "")
    assert text[:12] not in str(refused.value)


def test_a_passphrase_that_opens_nothing_is_said():
    with pytest.raises(KeyRefusedError, match="This passphrase does not open"):
        private_key(LOCKED, "wrong")
    with pytest.raises(KeyRefusedError, match="has no passphrase"):
        private_key(TEXTS["OpenSSH"][0], "needless")


@pytest.mark.parametrize("format_", ["RFC4716", "PKCS8", "PEM"])
def test_keys_that_ssh_keygen_makes_are_understood_in_each_of_its_formats(tmp_path, format_):
    keygen = require_tool("ssh-keygen", "apt-get install openssh-client")
    path = tmp_path / "key"
    command = [keygen, "-q", "-t", "ecdsa", "-m", format_, "-N", "passphrase", "-f", path]
    subprocess.run(command, check=True)
    text = path.read_text().replace("\n", "\\n")
    assert private_key(text, "passphrase").get_base64() in path.with_suffix(".pub").read_text()
