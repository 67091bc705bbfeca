"""One portal and one browser for the session, a new context for each test; any error in the browser fails it."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools import require_chromium

PASSWORD = "waybill-demo"
SECONDS = 60_000  # milliseconds that a page may take on a busy machine
STATUS = re.compile(r"status of (\d+)|Status Error Code (\d+)")


@pytest.fixture(scope="session")
def portal() -> Iterator[object]:
    """The real thing, with a small demo, an environment without anything and a slow SFTP server."""
    from tests.e2e.portal import Portal, Slow
    from tests.servers.faulty_sftp import running_faulty

    require_chromium()
    scratch = Path(tempfile.mkdtemp(prefix="waybill e2e "))
    (scratch / "slow").mkdir()
    portal = Portal(scratch / "var")
    try:
        with running_faulty(scratch / "slow", Slow) as slow:
            portal.wait_until_ready()
            portal.seed(slow)
            yield portal
    finally:
        portal.stop()
        shutil.rmtree(scratch)


@pytest.fixture(scope="session")
def browser(portal, chromium) -> object:
    return chromium


@pytest.fixture(scope="session")
def sessions(portal, browser) -> dict[str, object]:
    """The cookies of each person, logged in once."""
    found = {}
    for person in ("ada", "carl", "vera"):
        context = browser.new_context(base_url=portal.address)
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        page.goto("/login/")
        page.get_by_label("User").fill(person)
        page.locator("#id_password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        page.wait_for_url("**/e/contoso/exports/")
        found[person] = context.storage_state()
        context.close()
    return found


class Errors(list):
    """What went wrong in the browser; statuses that a test expects are let pass."""

    def __init__(self, expected: set[int]) -> None:
        self.expected = expected

    def watch(self, page) -> None:
        page.on("console", lambda message: self.note(message) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.append(f"{page.url}: {error}"))

    def note(self, message) -> None:
        found = STATUS.search(message.text)
        if not found or int(found[1] or found[2]) not in self.expected:
            self.append(message.text)


@pytest.fixture
def visit(portal, browser, sessions):
    """Return a function that opens a page as somebody; `expect` are statuses that count as no error."""
    opened = []

    def open_page(person: str = "carl", path: str = "/e/contoso/exports/", expect: tuple[int, ...] = (), **options):
        state = sessions.get(person)
        context = browser.new_context(base_url=portal.address, storage_state=state, locale="en-GB", **options)
        context.set_default_timeout(SECONDS)
        errors = Errors(set(expect))
        opened.append((context, errors))
        page = context.new_page()
        errors.watch(page)
        page.goto(path)
        return page

    yield open_page
    for context, _errors in opened:
        context.close()
    assert [error for _context, errors in opened for error in errors] == []
