"""An address that somebody typed is reached only where the policy allows it, and only by a name that is proved."""

import datetime
import ipaddress
import re
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exports.alerts.channels import signing
from exports.alerts.channels.posting import post
from exports.alerts.errors import NotDeliveredError
from tests.servers.webhook import answer, raw, running_receiver

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "alerts.md"


@pytest.fixture
def receiver():
    with running_receiver() as server:
        yield server


def why_not(url: str) -> NotDeliveredError:
    with pytest.raises(NotDeliveredError) as caught:
        post(url, b"{}", {})
    return caught.value


@pytest.fixture
def resolved_to(monkeypatch):
    """Let every name have the addresses that the test gives, one list for each time that it is asked."""
    answers: list[list[str]] = []

    def resolve(host: str, port: int, **_kwargs):
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(families[ipaddress.ip_address(one).version], socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


@pytest.mark.parametrize("address", ["10.0.0.8", "169.254.169.254", "192.168.1.1", "::ffff:10.0.0.8", "fd00::1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_private_networks_are_not_reached(resolved_to, scheme, address):
    resolved_to.append([address])
    error = why_not(f"{scheme}://hooks.example.com/1")
    assert "WAYBILL_ALLOWED_NETWORKS" in str(error)
    assert error.is_permanent
    assert address not in str(error)
    assert "example" not in str(error)


def test_one_private_address_among_public_ones_is_enough_to_refuse(resolved_to):
    resolved_to.append(["93.184.216.34", "10.0.0.8"])
    assert "WAYBILL_ALLOWED_NETWORKS" in str(why_not("https://hooks.example.com/1"))


def test_a_name_is_asked_for_once_so_that_no_second_answer_counts(resolved_to, receiver):
    resolved_to += [["127.0.0.1"], ["10.0.0.8"]]
    post(f"http://hooks.example.com:{receiver.server_port}/1", b"{}", {})
    assert len(resolved_to) == 1
    assert len(receiver.got) == 1


def test_plain_http_stays_within_the_allowed_networks(resolved_to):
    resolved_to.append(["93.184.216.34"])
    assert "Use https://" in str(why_not("http://hooks.example.com/1"))


def test_loopback_is_refused_where_it_is_not_allowed(receiver, settings):
    settings.ALLOWED_NETWORKS = []
    assert "WAYBILL_ALLOWED_NETWORKS" in str(why_not(receiver.url))
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.com", "ftp://hooks.example.com/", "file:///etc/passwd", "https:///1", "https://h:0/",
        "https://h:99999/", "https://user:word@h/", "https://h/ 1", "https://h/\r\nX: 1", "https://h/é", "https://[::1/",
        "https://h/" + "x" * 2000,
    ],
    ids=[
        "empty", "no-scheme", "ftp", "file", "no-host", "port-0", "no-port", "password", "space", "newline", "letter",
        "bracket", "long",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url):
    assert why_not(url).is_permanent


def test_a_name_that_is_not_known_may_be_known_later():
    error = why_not("https://no-such-name.invalid/")
    assert not error.is_permanent


def test_nobody_at_the_address_may_be_there_later():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = why_not(f"http://127.0.0.1:{free.getsockname()[1]}/")
    assert (str(error), error.is_permanent) == ("Nothing answers at this address.", False)


@pytest.mark.parametrize("location", ["http://169.254.169.254/", "/elsewhere"])
def test_no_redirect_is_followed(receiver, location):
    receiver.behaves = [answer(307, Location=location)]
    assert why_not(receiver.url).is_permanent
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/9.1 200 OK\r\n\r\n", b"HTTP/1.1 2xx OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
    ids=["another-service", "another-version", "no-status", "many-headers", "long-header"],
)  # fmt: skip
def test_what_is_no_answer_of_a_web_server_is_said_so(receiver, head):
    receiver.behaves = [raw(head)]
    error = why_not(receiver.url)
    assert (str(error), error.is_permanent) == ("The receiver's answer is not HTTP.", False)


def test_path_and_query_arrive_as_typed(receiver):
    post(f"{receiver.url}?key=a%2Fb&x=1", b"{}", {})
    assert receiver.got[0].path == "/hooks/planted-path?key=a%2Fb&x=1"
    assert receiver.got[0].headers["host"] == f"127.0.0.1:{receiver.server_port}"


def test_a_receiver_proves_its_name(tmp_path, monkeypatch):
    good, bad = certificate(tmp_path, "localhost"), certificate(tmp_path, "other.example.com")
    for made, is_taken in ((good, True), (bad, False)):
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        with running_receiver(server_context(made)) as server:
            if is_taken:
                post(server.url, b"{}", {})
            else:
                assert "certificate" in str(why_not(server.url))
            assert len(server.got) == int(is_taken)
    monkeypatch.delenv("SSL_CERT_FILE")
    with running_receiver(server_context(good)) as server:
        assert "certificate" in str(why_not(server.url))


def test_the_document_verifies_what_we_sign():
    code = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[1]
    names: dict = {}
    exec(code, names)
    secret, now = signing.new_secret(), int(names["time"].time())
    headers = signing.signed_headers(secret, "msg_1", now, b"{}")
    assert names["is_from_waybill"](secret, headers, b"{}")
    assert not names["is_from_waybill"](secret, headers, b"{ }")
    assert not names["is_from_waybill"](signing.new_secret(), headers, b"{}")
    old = signing.signed_headers(secret, "msg_1", now - 3600, b"{}")
    assert not names["is_from_waybill"](secret, old, b"{}")


def certificate(folder: Path, name: str) -> Path:
    """Write a certificate for `name` that its own key signed, with that key, and return where."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2000, 1, 1))
        .not_valid_after(datetime.datetime(2099, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, own = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = folder / f"{name}.pem"
    path.write_bytes(built.public_bytes(pem) + key.private_bytes(pem, own, serialization.NoEncryption()))
    return path


def server_context(made: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made)
    return context
