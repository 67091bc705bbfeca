"""Who logs in at an SFTP server, and that it is the one whose host key was confirmed; against real servers."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from connections.destinations.base import DeliveryError
from connections.destinations.sftp import client, keys
from connections.destinations.sftp.destination import Sftp
from tests.connections.delivering import KEY, deliver, failed, names
from tests.servers.sshd import PASSPHRASE, running_sshd

# Logging in


@pytest.mark.parametrize("name, passphrase", [("plain", ""), ("locked", PASSPHRASE)])
def test_a_key_logs_in_with_or_without_passphrase(sshd, name, passphrase):
    secrets = {"private_key": sshd.private_key(name), "passphrase": passphrase}
    steps = list(Sftp(sshd.settings(folder=str(sshd.files / "check")), secrets).check())
    assert [step.state for step in steps] == ["done"] * 6, steps
    assert [step.name for step in steps] == [str(name) for name in Sftp.check_steps]
    assert names(sshd.files / "check") == []


def test_a_password_logs_in_and_delivers(demo_sftp):
    with Sftp(demo_sftp.settings(), {"password": "waybill-demo"}).session(KEY) as session:
        part = session.open_part("a/f.csv")
        part.write(b"x" * 500_000)
        part.publish()
        session.release_claims()
    assert names(demo_sftp.files) == ["in/a/f.csv"]
    assert (demo_sftp.files / "in/a/f.csv").stat().st_size == 500_000


def test_a_wrong_password_fails_at_log_in_for_good(demo_sftp):
    destination = Sftp(demo_sftp.settings(), {"password": "hunter2"})
    step = failed(destination)
    assert step.name == "Log in"
    assert "hunter2" not in repr(step)
    with pytest.raises(DeliveryError) as refused, destination.session(KEY):
        pass
    assert refused.value.permanent
    assert "hunter2" not in repr(destination)


def test_a_password_where_only_keys_are_taken_says_so(sshd):
    step = failed(Sftp(sshd.settings(), {"password": "x"}))
    assert step.name == "Log in"
    assert "key or password" in step.message
    assert "publickey" in step.detail


def test_a_key_that_the_server_does_not_know_fails_at_log_in(sshd):
    stranger = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert failed(Sftp(sshd.settings(), {"private_key": stranger.decode()})).name == "Log in"


@pytest.mark.parametrize(
    "key, works",
    [
        (ed25519.Ed25519PrivateKey.generate(), True),
        (ec.generate_private_key(ec.SECP256R1()), True),
        (rsa.generate_private_key(65537, 3072), True),
        (rsa.generate_private_key(65537, 2048), False),
    ],
    ids=["ed25519", "ecdsa", "rsa-3072", "rsa-2048"],
)
@pytest.mark.parametrize("format_", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.OpenSSH])
def test_keys_are_read_in_both_formats_and_short_ones_refused(key, works, format_):
    text = key.private_bytes(
        serialization.Encoding.PEM, format_, serialization.BestAvailableEncryption(b"pass")
    ).decode()
    if works:
        assert keys.private_key(text.replace("\n", "\r\n"), "pass").can_sign()
    else:
        with pytest.raises(keys.KeyRefusedError, match="too short"):
            keys.private_key(text, "pass")
    for wrong in ("", "wrong"):
        with pytest.raises(keys.KeyRefusedError, match="passphrase"):
            keys.private_key(text, wrong)


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n", "ssh-ed25519 AAAA"])
def test_what_is_no_private_key_is_refused_in_words(text):
    with pytest.raises(keys.KeyRefusedError):
        keys.private_key(text, "")


# The host key


def test_the_fingerprint_is_the_one_that_ssh_keygen_prints(sshd):
    import subprocess

    printed = subprocess.run(
        ["ssh-keygen", "-lf", sshd.directory / "host_ed25519.pub"], check=True, capture_output=True, text=True
    ).stdout
    assert keys.fingerprint(sshd.host_key) in printed
    assert client.fetch_host_key("127.0.0.1", sshd.port) == sshd.host_key


def test_another_host_key_is_refused_for_good_naming_both(sshd, demo_sftp):
    destination = Sftp(sshd.settings(host_key=demo_sftp.host_key), sshd.secrets())
    step = failed(destination)
    assert step.name == "Verify the host key"
    for key in (sshd.host_key, demo_sftp.host_key):
        assert keys.fingerprint(key) in step.detail
        assert keys.fingerprint(key) not in step.message
    with pytest.raises(DeliveryError) as refused, destination.session(KEY):
        pass
    assert refused.value.permanent


def test_a_server_that_comes_back_with_another_kind_of_key_is_refused(sshd, tmp_path):
    with running_sshd(tmp_path / "other", host_key_type="ecdsa") as other:
        step = failed(Sftp(other.settings(host_key=sshd.host_key), other.secrets()))
        assert step.name == "Verify the host key"
        assert "ecdsa-sha2" in step.detail


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_servers_with_other_kinds_of_host_keys_work(tmp_path, kind):
    with running_sshd(tmp_path / "other", host_key_type=kind) as other:
        assert client.fetch_host_key("127.0.0.1", other.port) == other.host_key
        deliver(other, "", "f.csv", b"data")
        assert names(other.files) == ["f.csv"]
