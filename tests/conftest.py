"""The surroundings of every test: a data directory and a PostgreSQL of their own, no network but loopback."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import moments

if "django.conf" in sys.modules:
    sys.exit("Unset DJANGO_SETTINGS_MODULE: the tests choose their settings before Django reads them.")

CHROMIUM_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
SCRATCH = Path(tempfile.mkdtemp(prefix="waybill-tests-"))
for _name in [name for name in os.environ if name.startswith("WAYBILL_")]:
    del os.environ[_name]
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "WAYBILL_DATA_DIR": str(SCRATCH / "var"),
    "WAYBILL_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
    "WAYBILL_HTTPS": "0",
    "WAYBILL_LOCAL_FOLDER_BASE": str(SCRATCH / "files"),
}
for _directory in ("var/staticfiles", "files"):
    (SCRATCH / _directory).mkdir(parents=True)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background; what tests start would, too
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    moments.set_own_clock()
    config.option.allow_hosts = "127.0.0.0/8,::1,localhost"
    config.option.allow_unix_socket = True
    config.addinivalue_line("markers", "long: takes many seconds; left out of `make test`")
    from django.conf import settings

    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.PASSWORD_HASHERS.insert(0, "django.contrib.auth.hashers.MD5PasswordHasher")


@pytest.hookimpl(trylast=True)  # after pytest-django's own order
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        from tests import spreading

        spreading.in_order_of_weight(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With several processes: a file stays in one."""
    from tests import spreading

    return spreading.scheduler(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let each process choose its own surroundings above, before Django reads them."""
    os.environ.pop("DJANGO_SETTINGS_MODULE")


@pytest.hookimpl(trylast=True)  # when the fixtures of the session have ended
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave no process behind, and let the process that reports know what this one has to say."""
    from tests import spreading, tools

    if session.config.pluginmanager.has_plugin("dsession"):
        return  # this one only hands out the tests
    tools.left += spreading.end_what_is_left()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput |= {"missing": tools.missing, "left": tools.left}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    from tests import tools

    said = getattr(node, "workeroutput", {})
    tools.missing.update(said.get("missing", {}))
    tools.left += said.get("left", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests import tools

    if tools.left:
        terminalreporter.section("Processes that tests left behind, ended now")
        terminalreporter.write_line("\n".join(tools.left))
    if tools.missing:
        terminalreporter.section("Tests left out because something is missing")
        for what, how in tools.missing.items():
            terminalreporter.write_line(f"{what}: {how}")


def pytest_unconfigure() -> None:
    shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[None]:
    """A throw-away server for the session, unless DATABASE_URL names one."""
    from django.conf import settings

    from config.embedded_postgres import Server

    if not settings.EMBEDDED_DATABASE:
        yield
        return
    with Server(settings.DATA_DIR, throw_away=True):
        moments.set_database_clock(settings.DATA_DIR)
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    from tests import emptying

    emptying.take_the_place_of_flush()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres_server: None, django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Start the server before the test database is made."""


@pytest.fixture(autouse=True)
def work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run no workers: what the header knows of them is kept for good, so that pages ask as much each time."""
    from roles import heartbeats

    monkeypatch.setattr(heartbeats, "_kept", (float("inf"), []))


@pytest.fixture(autouse=True)
def what_is_done_comes_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test makes of this process, such as a worker, ends with the test."""
    from roles.audit import origin

    monkeypatch.setattr(origin, "_process", origin.COMMAND_LINE)


@pytest.fixture(autouse=True)
def places_for_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own: no web server closes the downloads that one leaves unread."""
    import threading

    from roles.net import downloads

    monkeypatch.setattr(downloads, "_slots", threading.BoundedSemaphore(downloads.MOST_AT_ONCE))
    monkeypatch.setattr(downloads, "_here", set())


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """One browser for the process; Playwright's loop runs in this thread from now on, which Django has to stand."""
    from playwright.sync_api import expect, sync_playwright

    from tests.tools import require_chromium

    program = require_chromium()
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    expect.set_options(timeout=30_000)  # milliseconds; a busy machine may take them
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def people_list() -> Iterator[type]:
    """A connection type that takes people or companies and has limits (tests/servers/people_list.py)."""
    from connections.destinations.registry import registered
    from tests.servers.people_list import PeopleList

    with registered(PeopleList):
        yield PeopleList
