"""Takes the pictures of the documents: `python -m docs.pictures.make [ADDRESS]` or `make pictures`.

Without the address of a running demo it starts one of its own in a temporary directory, and stops it.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from docs.pictures.shrink import shrink

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--font-render-hinting=none"),
]
USER, PASSWORD = "carl", "waybill-demo"


class Picture(NamedTuple):
    """One screen: `export` and what to open of it (a CSS selector in its row); "" for the list alone."""

    name: str
    width: int
    height: int
    theme: str = "light"
    export: str = ""
    opens: str = ""


PICTURES = [
    Picture("exports-list", 1440, 900, export="Autumn newsletter", opens=".row-link"),
    Picture("progress-dark", 1440, 900, "dark", "Contoso data lake", ".status-link"),
    Picture("exports-narrow", 390, 844),
]


@contextmanager
def demo() -> Iterator[str]:
    """Give the address of a new demo, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="waybill-pictures-") as directory:
        command = [sys.executable, "manage.py", "up", "--demo"]
        environment = os.environ | {"WAYBILL_DATA_DIR": directory}
        portal = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603
        try:
            yield _address(portal)
        finally:
            portal.terminate()
            portal.wait()


def _address(portal: subprocess.Popen[str]) -> str:
    """Pass on what the portal says until it says where it is."""
    for line in portal.stdout or ():
        print(line, end="", flush=True)
        if found := re.search(r"Waybill is at (\S+)", line):
            return found[1]
    sys.exit("The demo did not start.")


def take(browser: Browser, address: str) -> None:
    """Take every picture."""
    session = _log_in(browser, address)
    for picture in PICTURES:
        with _window(browser, picture, session) as page:
            _show(page, picture, address)
            file = HERE / f"{picture.name}.png"
            file.write_bytes(shrink(page.screenshot(animations="disabled", caret="hide")))
            print(f"{file.name}: {file.stat().st_size // 1000} kB")


def _log_in(browser: Browser, address: str) -> StorageState:
    page = browser.new_page()
    page.goto(f"{address}/login/")
    page.fill("[name=login]", USER)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/exports/")
    state = page.context.storage_state()
    page.close()
    return state


@contextmanager
def _window(browser: Browser, picture: Picture, session: StorageState) -> Iterator[Page]:
    options: dict[str, Any] = {"color_scheme": picture.theme, "storage_state": session, "reduced_motion": "reduce"}
    context = browser.new_context(viewport={"width": picture.width, "height": picture.height}, **options)
    try:
        yield context.new_page()
    finally:
        context.close()


def _show(page: Page, picture: Picture, address: str) -> None:
    """Open the list and what the picture shows beside it; wait until no run moves."""
    page.goto(f"{address}/e/contoso/exports/")
    page.wait_for_selector("tbody tr")
    page.wait_for_selector("tbody tr[hx-trigger='every 1s']", state="detached", timeout=60_000)
    if picture.opens:
        page.locator("tbody tr", has_text=picture.export).locator(picture.opens).click()
        page.wait_for_selector("#panel[open] .panel-body")
    page.wait_for_load_state("networkidle")


def main(addresses: list[str]) -> None:
    """Take the pictures of the demo at the address given, or of a new one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        if addresses:
            return take(browser, addresses[0])
        with demo() as address:
            take(browser, address)


if __name__ == "__main__":
    main(sys.argv[1:])
