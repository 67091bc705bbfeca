"""Set up export in an environment with many segments: how long the server and a browser take for each step.

Sets up a database of its own below a temporary directory, serves it on loopback to a headless Chromium, and prints
one JSON object: medians in milliseconds. The server's clock runs from request to answer; the browser's from a click
to the frame that shows its answer.

    .venv/bin/python bench/pane.py
    .venv/bin/python bench/pane.py --segments 1000 --fields 200 --looks 9
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.run import median, own_database, say  # noqa: E402 - found through the path above

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu"]
# Ticks the box and returns how long it takes until the answer is on the screen (milliseconds).
TICK = """async (id) => {
  const frame = () => new Promise(requestAnimationFrame);
  const box = document.getElementById(id);
  box.scrollIntoView();
  const start = performance.now();
  const settled = new Promise((go) => document.addEventListener("htmx:afterSettle", go, { once: true }));
  box.click();
  await settled; await frame(); await frame();
  return performance.now() - start;
}"""
# Does it and returns how long it takes until that is on the screen; nothing is asked of the server.
DO = """async ([selector, what]) => {
  const frame = () => new Promise(requestAnimationFrame);
  const element = document.querySelector(selector);
  const start = performance.now();
  if (what === "click") element.click();
  else { element.value = what; element.dispatchEvent(new Event("input", { bubbles: true })); }
  await frame(); await frame();
  return performance.now() - start;
}"""


def measure_pane(segments: int, fields: int, looks: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the medians of each step, on the server and in a browser."""
    environment, user, first = _fill(segments, fields)
    say(f"made {segments:,} segments of a table with {fields} fields")
    figures = _of_server(environment, user, first, looks)
    say(f"server: {figures}")
    return figures | _of_browser(environment, user, first, looks)


def _fill(segments: int, fields: int) -> tuple[Any, Any, list[int]]:
    """Make an environment; ten of its segments are refreshed. Return it, its administrator and the ids of the ten."""
    from connections.models import Connection, Sharing
    from roles.models import Environment, RoleAssignment, User
    from segments.importing.loading import import_table
    from segments.models import Segment, SegmentStatus, Table
    from segments.warehouse.members import refresh

    user = User.objects.create_superuser("pane-bench", password="bench")
    environment = Environment.objects.create(slug="pane", name="Pane")
    RoleAssignment.objects.create(environment=environment, user=user, role="administrator")
    names = ["CustomerId", *(f"Field {number:03}" for number in range(1, fields))]
    path = Path(os.environ["WAYBILL_DATA_DIR"]) / "customers.csv"
    lines = [",".join(f"{row}-{column}" for column in range(fields)) for row in range(2000)]
    path.write_text("\n".join([",".join(names), *lines]) + "\n", encoding="utf-8")
    import_table(environment, "Customers", path, keys=["CustomerId"], profile_kind="customer")
    table = Table.objects.get(environment=environment)
    Segment.objects.bulk_create(
        Segment(
            environment=environment, table=table, name=f"Segment {number:04}", member_count=number * 37,
            status=SegmentStatus.READY,
        )
        for number in range(segments)
    )  # fmt: skip
    some = list(Segment.objects.filter(environment=environment).order_by("name")[:10])
    for segment in some:
        refresh(segment)
    Connection.objects.create(
        environment=environment, name="Folder", type="local", settings={"folder": "pane"}, sharing=Sharing.ALL
    )
    return environment, user, [segment.pk for segment in some]


def _of_server(environment: Any, user: Any, first: list[int], looks: int) -> dict[str, Any]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client, url = Client(headers={"host": "localhost"}), f"/e/{environment.slug}/exports/add"
    client.force_login(user)
    form = {
        "connection": environment.connections.get().pk, "name": "Bench", "kind": "segments", "schedule_mode": "on",
        "draft": "1", "segments": first[:2],
    }  # fmt: skip

    def once(data: dict[str, Any] | None, target: str) -> None:
        headers = {"HX-Request": "true", "HX-Target": target}
        answer = client.post(url, data, headers=headers) if data else client.get(url, headers=headers)
        if answer.status_code != 200:
            raise SystemExit(f"{target} answered {answer.status_code}")

    figures: dict[str, Any] = {}
    steps = {"open": (None, "panel"), "tick": (form, "export-fields"), "field": (form, "export-preview")}
    for name, step in steps.items():
        once(*step)
        figures[f"server_{name}_ms"] = _median_ms(lambda step=step: once(*step), looks)
        with CaptureQueriesContext(connection) as queries:
            once(*step)
        figures[f"server_{name}_queries"] = len(queries)
    return figures


def _median_ms(do: Callable[[], None], looks: int) -> int:
    times = []
    for _number in range(looks):
        started = time.perf_counter()
        do()
        times.append(time.perf_counter() - started)
    return round(median(times) * 1000)


def _of_browser(environment: Any, user: Any, first: list[int], looks: int) -> dict[str, Any]:
    """Open the pane as that person and tick, search and move in it."""
    from django.conf import settings
    from django.test import Client
    from playwright.sync_api import sync_playwright

    from tests.tools import require_chromium

    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    address = _serve()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(require_chromium()), args=CHROMIUM_FLAGS)
        context = browser.new_context(base_url=address, viewport={"width": 1440, "height": 900})
        context.add_cookies([cookie | {"url": address}])
        page = context.new_page()
        page.goto(f"/e/{environment.slug}/exports/")
        figures = _steps(page, first, looks)
        browser.close()
    return figures


def _steps(page: Any, first: list[int], looks: int) -> dict[str, Any]:
    started = time.perf_counter()
    page.get_by_role("link", name="Add export").first.click()
    page.locator("#panel[open] #id_segments").wait_for()
    figures: dict[str, Any] = {"browser_open_ms": round((time.perf_counter() - started) * 1000)}
    page.locator("#id_connection").select_option(label="Folder")
    page.locator("#export-settings .pane-settings").wait_for()
    boxes = [f"id_segments_{pk}" for pk in first]
    figures["browser_first_tick_ms"] = round(page.evaluate(TICK, boxes[0]))

    def middle(do: Callable[[int], float]) -> int:
        return round(median([do(number) for number in range(looks)]))

    figures["browser_tick_ms"] = middle(lambda number: page.evaluate(TICK, boxes[1 + number % 9]))
    include = page.locator("[id^='include-']").evaluate_all("(boxes) => boxes.map((box) => box.id)")
    figures["browser_field_ms"] = middle(lambda number: page.evaluate(TICK, include[number % len(include)]))
    for name, place in (("segments", "#id_segments"), ("fields", "[id^='fields-']")):
        find = f"{place} [data-pick-filter]"
        times = [page.evaluate(DO, [find, text]) for text in ("0", "00", "003", "03", "")]
        figures[f"browser_search_{name}_ms"] = round(median(times))
    figures["browser_move_ms"] = middle(
        lambda _number: page.evaluate(DO, ["li:nth-child(9) [data-move='top']", "click"])
    )
    return figures


def _serve() -> str:
    """Serve the application on loopback in threads of this process; return its address."""
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://localhost:{server.server_port}"


def main() -> None:
    """Measure in a database of its own and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=1000)
    parser.add_argument("--fields", type=int, default=200)
    parser.add_argument("--looks", type=int, default=9)
    options = parser.parse_args()
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
    scratch = Path(tempfile.mkdtemp(prefix="waybill-bench-"))
    try:
        with own_database(scratch):
            print(json.dumps(measure_pane(options.segments, options.fields, options.looks, say)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
