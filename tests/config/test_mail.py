"""The mail server's address becomes Django's settings, or a sentence that quotes no password."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.mail import mail_settings


def test_without_an_address_nothing_is_set():
    assert mail_settings("") == {}


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "ssl"),
    [
        ("smtp://mail.example.com", "mail.example.com", 25, False, False),
        ("smtp://u:p@mail.example.com:587?tls=1", "mail.example.com", 587, True, False),
        ("smtps://u:p@mail.example.com/", "mail.example.com", 465, False, True),
        ("smtps://u:p@[::1]:4650?tls=1", "::1", 4650, False, True),
    ],
)
def test_an_address_is_read(url, host, port, tls, ssl):
    found = mail_settings(url)
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == (host, port)
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (tls, ssl)
    assert found["EMAIL_TIMEOUT"] > 0


def test_user_and_password_may_hold_any_character():
    found = mail_settings("smtp://me%40example.com:a%2Fb%23c%3Ad@mail.example.com")
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("me@example.com", "a/b#c:d")


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://u:planted@h", "smtp://u:planted#x@h", "smtp://u:planted@h:x"]
)
def test_what_cannot_be_read_is_refused_without_quoting_it(url):
    with pytest.raises(ImproperlyConfigured) as caught:
        mail_settings(url)
    assert "WAYBILL_EMAIL_URL" in str(caught.value)
    assert "planted" not in str(caught.value)
