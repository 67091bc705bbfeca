"""Whatever is sent to whichever address: never a 500, and never a way off the site.

The names of the parameters are those that the pages' forms have, that the code reads, and that its forms declare; the
values are what people paste and attackers try. The seed is fixed: WAYBILL_FUZZ_SEED tries others.
"""

import logging
import os
import random
import re
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_plus, urljoin, urlsplit

import pytest
from django.conf import settings
from django.db import transaction

from tests.roles.access_table import TABLE

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("WAYBILL_FUZZ_SEED", "20"))
ROOMS = ("roles", "segments", "connections", "exports")
READ = re.compile(r"""(?:GET|POST|query|data|typed|form)(?:\.get(?:list)?\(|\[)["']([\w-]+)["']""")
DECLARED = re.compile(r"^    (\w+) = forms\.\w*(?:Field|Choice)", re.MULTILINE)
NAMED = re.compile(r"""<(?:input|select|textarea|button)\b[^>]*\bname="([^"{]+)\"""")
HEADERS = ("HX-Current-URL", "HX-Target", "HX-Trigger", "HX-Trigger-Name", "HX-Prompt", "Referer", "Accept-Language",
           "Accept", "Authorization", "Range", "If-Modified-Since", "If-None-Match", "Waybill-Poll", "User-Agent",
           "X-Forwarded-For", "X-Forwarded-Proto", "Origin", "Content-Type")  # fmt: skip
COOKIES = ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "DEVICE_COOKIE_NAME", "LANGUAGE_COOKIE_NAME")
PERSONS = ("anonymous", "viewer", "contributor", "administrator", "administrator", "administrator")

ADDRESSES = (
    b"http://[", b"http://[::1", b"//", b"//evil.example", b"///evil.example", b"/\\evil.example", b"\\\\evil.example",
    b"http:///evil.example", b"https:evil.example", b"javascript:alert(1)", b"/\t/evil.example", b"\x00//evil.example",
    b"http://evil.example\\@testserver/", b"//testserver@evil.example/", b" //evil.example", b"/%00", b"/e/",
    b"http://testserver:99999999/", b"http://\xff/", b"/login/?next=//evil.example", b"/e/x/exports/\r\nA: b", b"/[x]",
    b"?" * 3, b"/" + b"a" * 9000, b"http://testserver", "/e/ünï/😀".encode(), b"http://\xe2\x84\x80.example/",
)  # fmt: skip
NUMBERS = (
    b"1e400", b"-1e400", b"nan", b"inf", b"-0", b"-1", b"0", b"9" * 5000, b"9223372036854775807",
    b"9223372036854775808", b"2147483648", b"1.5", "١٢٣".encode(), "²".encode(), b"0x10", b"1_000", b" 7 ", b"1e5",
    b"+1", b"0" * 400 + b"1", b"1,5", b"99999999999", b"sNaN", b"1e-400", b"Infinity",
)  # fmt: skip
TIMES = (
    b"0000-00-00", b"0000-01-01", b"0001-01-01", b"9999-12-31", b"99999-01-01", b"2026-02-30", b"0001-01-01T00:00",
    b"9999-12-31T23:59:59.999999+00:00", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"25:61", b"24:00",
    b"2026-W01-1", b"20260101", b"-1", b"* * * * *", b"0 0 30 2 *", b"* * * * * * * *", b"@yearly", b"0 0 L * *",
    b"*/0 * * * *", b"Europe", b"../UTC", b"/etc/localtime", b"localtime", b"UTC\x00", b"posixrules", b"", b"CON",
    b"2026-01-01T00:00:00+99:99", b"2026-10-25T02:30",
)  # fmt: skip
TEXTS = (
    b"", b" ", b"\x00", b"a\x00b", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", b"x" * 20_000, b"%", b"%s%n", b"{}", b"[]",
    b'{"a":', b"{{ 7|add }}", b"<script>alert(1)</script>", "\u202eabc".encode(), "😀".encode() * 300, b"null", b"true",
    b"00000000-0000-0000-0000-000000000000", b"not-a-uuid", b"../../etc/passwd", b"env:HOME", b"file:/etc/passwd",
    b"'; DROP TABLE x; --", b'"', b"\\", b"\r\nSet-Cookie: a=b", b"a=b;c=d", "é".encode(), "é".encode(),
    b"__class__", b"id__gt", b"-", b"--", b".", b"..", b"-name", b"?", b"name,id", b"*", b"on", b"add", b"test", b"1:2",
    b"rules-0-x", b"(((((((((((((((", b"sftp", b"local", b"{" * 2000, b"[" * 9000, b"1|2|3", b"\x7f\x1b[31m",
)  # fmt: skip
VALUES = (*ADDRESSES, *NUMBERS, *TIMES, *TEXTS)
BODIES = (
    (b"", "multipart/form-data"),
    (b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhalf", "multipart/form-data; boundary=x"),
    (b"--x\r\nbroken\r\n--x--", "multipart/form-data; boundary=x"),
    (b"--x\r\nContent-Disposition: form-data; name*=utf-8''%ff\r\n\r\n\xff\r\n--x--",
     "multipart/form-data; boundary=x"),
    (b"--x\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--x--",
     "multipart/form-data; boundary=x"),
    (b"a=b", "multipart/form-data; boundary=" + "x" * 300),
    (b"a=b", "application/x-www-form-urlencoded; charset=utf-7"),
    (b"a=b", "application/x-www-form-urlencoded; charset=no-such"),
    (b"%=%ZZ&=&&&a[]=1&a[b]=2", "application/x-www-form-urlencoded"),
    (b'{"a": ', "application/json"),
    (b"[" * 100_000, "application/json"),
    (b"\xff\x00", "text/plain"),
    (b"\xff\x00", ""),
    (b"<a/>", "application/xml; charset=\xff".encode("latin-1").decode("latin-1")),
)  # fmt: skip


@contextmanager
def undone():
    """Roll back whatever a request changed."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def names_in_code():
    """Return the parameters that the code reads, the forms declare, and the templates name."""
    names = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text()
            names |= set(READ.findall(text)) | set(DECLARED.findall(text))
    for path in (ROOT / "templates").rglob("*.html"):
        names |= {name for name in NAMED.findall(path.read_text()) if "{" not in name}
    return sorted(names)


class Fuzz:
    """Sends one odd request after another, and remembers what went wrong."""

    def __init__(self, world, logged):
        self.world, self.logged = world, logged
        self.dice, self.wrong, self.sent = random.Random(SEED), [], 0

    def client(self, person):
        browser = self.world.client(person)
        browser.raise_request_exception = False
        return browser

    def send(self, method, url, *, query=b"", body=b"", content_type="application/x-www-form-urlencoded", headers=None,
             person=None, cookies=None):  # fmt: skip
        person = person or self.dice.choice(PERSONS)
        client = self.client(person)
        for name, value in (cookies or {}).items():
            client.cookies[name] = value
        url = f"{url}?{query.decode('latin-1')}" if query else url
        with undone(), self._noting(method, url, body, headers, person):
            self.logged.clear()
            answer = client.generic(method, url, body, content_type, headers=headers)
            self.sent += 1
            self._judge(answer, url)

    @contextmanager
    def _noting(self, method, url, body, headers, person):
        try:
            yield
        except Exception as error:
            self.wrong.append(f"{person} {method} {url[:300]} {body[:300]!r} {str(headers)[:300]}: {error!r:.300}")

    def _judge(self, answer, url):
        if answer.status_code >= 500:
            error = getattr(answer, "exc_info", None)
            raise AssertionError(f"{answer.status_code} {error[1]!r}" if error else str(answer.status_code))
        assert not self.logged.records, self.logged.records[-1].getMessage()
        for header in ("Location", "HX-Redirect"):
            where = answer.headers.get(header, "")
            assert urlsplit(urljoin("http://testserver/", where.replace("\\", "/"))).netloc == "testserver", where

    def parameters(self, names, valid=None, odd=None):
        """Return a query or form: each of `names` with an odd value, after those of `valid`."""
        pairs = [(name, each) for name, value in (valid or {}).items() for each in _each(value) if name not in names]
        pairs += [(name, odd if odd is not None else self.dice.choice(VALUES)) for name in names]
        if names and self.dice.random() < 0.2:
            pairs += [(self.dice.choice(names), self.dice.choice(VALUES))]  # twice
        return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()


def _each(value):
    return [str(one).encode() for one in (value if isinstance(value, list | tuple) else [value])]


def names_on(page):
    return sorted(set(re.findall(r'\bname="([^"]+)"', page.content.decode("utf-8", "replace")))) if page else []


@pytest.fixture
def fuzz(world, caplog):
    caplog.set_level(logging.ERROR)
    return Fuzz(world, caplog)


def report(fuzz):
    lines = sorted(set(fuzz.wrong))
    assert not lines, f"{len(lines)} of {fuzz.sent} requests:\n" + "\n".join(lines[:60])


@pytest.mark.parametrize("name", sorted(TABLE))
def test_no_parameter_breaks_an_address(fuzz, world, name):
    url, valid, known = world.mine.url(name), world.body(name), names_in_code()
    shown = world.client("administrator").get(url)
    here = sorted({*(names_on(shown) if shown.status_code == 200 and not shown.streaming else []), *valid})
    for _time in range(6):
        odd = fuzz.dice.choice(VALUES)
        fuzz.send("GET", url, query=fuzz.parameters(known, odd=odd))
        fuzz.send("POST", url, query=b"", body=fuzz.parameters([*here, *known], odd=odd))
        fuzz.send("GET", url, query=fuzz.parameters(fuzz.dice.sample(known, 6)), headers={"HX-Request": "true"})
        fuzz.send("POST", url, body=fuzz.parameters(fuzz.dice.sample(known, 6), valid))
    for field in here:
        fuzz.send("POST", url, body=fuzz.parameters([field], valid), person="administrator")
    report(fuzz)


TAKING_NEXT = ("account_login", "account_reauthenticate", "mfa_reauthenticate", "account_logout", "mfa_activate_totp",
               "account_change_password", "connections:set_up", "connections:share", "home", "exports:add")  # fmt: skip


@pytest.mark.parametrize("person", ["anonymous", "administrator"])
@pytest.mark.parametrize("name", TAKING_NEXT)
def test_what_comes_next_is_a_page_of_ours(fuzz, world, name, person):
    url, valid = world.mine.url(name), world.body(name)
    for odd in ADDRESSES:
        fuzz.send("GET", url, query=fuzz.parameters(["next"], odd=odd), person=person)
        fuzz.send("POST", url, body=fuzz.parameters(["next"], valid, odd=odd), person=person)
    report(fuzz)


@pytest.mark.parametrize("person", ["anonymous", "administrator"])
@pytest.mark.parametrize("header", HEADERS)
def test_no_header_breaks_a_page(fuzz, world, header, person):
    for odd in fuzz.dice.sample(ADDRESSES, 12) + fuzz.dice.sample((*TEXTS, *TIMES, *NUMBERS), 8):
        text = re.sub(r"[\r\n\0]", "", odd.decode("latin-1"))
        headers = {"HX-Request": "true", header: text} if header.startswith("HX-") else {header: text}
        name = fuzz.dice.choice(("exports:list", "exports:add", "account_login", "segments:list", "audit:list"))
        fuzz.send("GET", world.mine.url(name), headers=headers, person=person)
        fuzz.send("POST", world.mine.url(name), headers=headers, person=person)
    report(fuzz)


@pytest.mark.parametrize("cookie", COOKIES)
def test_no_cookie_breaks_a_page(fuzz, world, cookie):
    for odd in fuzz.dice.sample(VALUES, 20):
        value = re.sub(r"[\r\n\0]", "", odd.decode("latin-1"))[:4000]
        cookies = {getattr(settings, cookie): value}
        fuzz.send("GET", world.mine.url("exports:list"), cookies=cookies, person="viewer")
        fuzz.send("POST", "/login/", body=b"login=a&password=b", cookies=cookies, person="anonymous")
    report(fuzz)


@pytest.mark.parametrize("name", ["account_login", "exports:add", "exports:run", "segments:add", "system:schedule"])
def test_no_body_breaks_a_page(fuzz, world, name):
    for body, content_type in BODIES:
        for person in ("anonymous", "administrator"):
            fuzz.send("POST", world.mine.url(name), body=body, content_type=content_type, person=person)
    report(fuzz)


PARTS = ("0", "-1", "9223372036854775807", "9223372036854775808", "9" * 5000, "1e400", "%00", "%FF", "%ED%A0%80",
         "a%00b", "..", "%2e%2e%2f", "%2F", "%0D%0AA:b", "x" * 5000, "😀", "٣", "%D9%A3", "²", "[", "%5B", "a-b",
         "00000000-0000-0000-0000-000000000000", "MQ-x", "1-" + "x" * 300, "zzzzzzzzzzzzzzzzzzzz-x-y")  # fmt: skip


def odd_addresses(url):
    """Return `url` with each of its parts, but for the words of the URLconf, made odd."""
    parts = url.split("/")
    for index, part in enumerate(parts):
        if part and (any(sign.isdigit() for sign in part) or index == 2 or len(part) > 30):
            yield from ("/".join([*parts[:index], odd, *parts[index + 1 :]]) for odd in PARTS)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_no_part_of_an_address_breaks_it(fuzz, world, name):
    for url in odd_addresses(world.mine.url(name)):
        fuzz.send("GET", url, person="administrator")
        fuzz.send("POST", url, person=fuzz.dice.choice(PERSONS), body=fuzz.parameters([], world.body(name)))
    report(fuzz)
