"""What changes by itself on the page: it neither blinks nor takes the focus, nor closes or forgets anything."""

import re
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.until import until

NAME = "Welcome series"  # the demo never runs it
STEPS = '[{"key": "check", "label": "Check", "state": "done", "note": "1,000 rows", "seconds": 1}]'
ITEMS = '[{"kind": "segment", "id": 1, "name": "Everybody", "rows": 0, "expected": 1000}]'
# Like a run of the demo, but for what makes it one that somebody works on, for long enough to know its rate.
START = f"""
WITH started AS (
  INSERT INTO exports_run
  SELECT (jsonb_populate_record(run, jsonb_build_object(
    'id', nextval(pg_get_serial_sequence('exports_run', 'id')), 'uuid', gen_random_uuid(), 'export_id', export.id,
    'state', 'running', 'trigger', 'shell', 'triggered_by_id', null, 'token', gen_random_uuid(), 'claims', 1,
    'lease_until', '2099-01-01', 'queued_at', now(), 'not_before', now() - interval '10 seconds',
    'started_at', now() - interval '10 seconds', 'ended_at', null,
    'worker', '', 'connection_id', null, 'target', '{{}}'::jsonb, 'is_publishing', false, 'has_leftovers', false,
    'rows_total', 1000, 'rows_done', 0, 'bytes_done', 0, 'folder', '',
    'folders', '[]'::jsonb, 'files', '[]'::jsonb, 'steps', '{STEPS}'::jsonb, 'items', '{ITEMS}'::jsonb,
    'message_said', 'Interrupted once.', 'detail_said', 'Why.'))).*
  FROM exports_run AS run, exports_export AS export
  WHERE run.state = 'succeeded' AND run.environment_id = export.environment_id AND export.name = '{NAME}'
  ORDER BY run.id LIMIT 1 RETURNING id, export_id)
UPDATE exports_export SET last_run_id = started.id FROM started WHERE exports_export.id = started.export_id
RETURNING last_run_id"""
END = """
UPDATE exports_run SET state = 'succeeded', token = NULL, lease_until = NULL, ended_at = now() WHERE id = {}
RETURNING id"""
# A connection whose test nobody takes.
WAITING = """
INSERT INTO connections_connection
SELECT (jsonb_populate_record(connection, jsonb_build_object('name', 'Soon gone', 'check_asked_at', '2099-01-01',
  'id', nextval(pg_get_serial_sequence('connections_connection', 'id'))))).*
FROM connections_connection AS connection WHERE name = 'Slow partner' RETURNING id"""

# Remembers where everything is, and counts the elements that are put in from now on.
WATCH = """() => {
  window.before = document.activeElement;
  window.body = document.querySelector(".panel-body");
  window.scroll = body.scrollTop;
  window.added = 0;
  getSelection().selectAllChildren(document.querySelector("#progress-id code"));
  window.selected = String(getSelection());
  const elements = (change) => [...change.addedNodes].filter((node) => node.nodeType === Node.ELEMENT_NODE);
  const count = (changes) => { for (const change of changes) added += elements(change).length; };
  new MutationObserver(count).observe(document.querySelector("#progress"), { childList: true, subtree: true });
}"""


class Job:
    """A run that the test moves, as a worker would; the page has no part in it."""

    def __init__(self, portal):
        self.portal = portal
        self.id = portal.query(START)[0][0]

    def send(self, rows):
        items = f"jsonb_set(items, '{{0,rows}}', '{rows}')"
        self.portal.query(
            f"UPDATE exports_run SET rows_done = {rows}, items = {items} WHERE id = {self.id} RETURNING id"
        )

    def wait(self):
        self.portal.query(
            f"UPDATE exports_run SET state = 'retrying', token = NULL, lease_until = NULL, not_before = '2099-01-01' "
            f"WHERE id = {self.id} RETURNING id"
        )

    def end(self):
        self.portal.query(END.format(self.id))

    def remove(self):
        self.portal.delete_runs(f"id = {self.id}")


@pytest.fixture
def job(portal):
    job = Job(portal)
    yield job
    job.remove()


def row_of(page):
    return page.locator("tr", has=page.get_by_role("link", name=NAME, exact=True))


@contextmanager
def polls(page, what):
    """Collect the statuses of the polls of `what` meanwhile."""
    statuses = []

    def note(response):
        if re.search(what, response.url) and response.request.headers.get("hx-request"):
            statuses.append(response.status)

    page.on("response", note)
    yield statuses
    page.remove_listener("response", note)


def wait_for(page, condition):
    until(lambda: page.wait_for_timeout(50) or condition(), what="the page")


def open_details(page):
    row_of(page).locator(".status-link").click()
    panel = page.locator("#panel[open]")
    expect(panel.get_by_role("heading", name="Progress details")).to_be_visible()
    return panel


@pytest.mark.long
def test_ten_polls_of_a_running_job_leave_focus_details_selection_and_scroll_alone(visit, job):
    job.send(20)
    page = visit("ada", viewport={"width": 1000, "height": 420})
    panel = open_details(page)
    detail = panel.locator("#progress-detail")
    detail.locator("summary").click()
    copy = panel.get_by_label("Copy the run's id")
    copy.focus()
    page.evaluate(WATCH)
    with polls(page, "/runs/") as statuses:
        for number in range(1, 11):
            job.send(number * 40)
            wait_for(page, lambda number=number: len([one for one in statuses if one == 200]) >= number)
        expect(panel.locator("#progress-bar strong")).to_have_text("40 %")
    expect(panel.locator("#progress-items .item-figures")).to_have_text("400 of 1,000")
    assert page.evaluate("document.activeElement === before && before.isConnected")
    assert page.evaluate("String(getSelection()) === selected && selected.length === 36")
    assert page.evaluate("body.isConnected && body.scrollTop === scroll && scroll > 0")
    assert page.evaluate("added") == 0, "nothing was put in anew, so nothing blinks"
    expect(detail).to_have_attribute("open", "")
    expect(panel.locator("#progress-said")).to_have_text("Refreshing, 25 %")


@pytest.mark.long
def test_a_job_that_waits_is_answered_with_nothing_and_one_that_ended_asks_no_more(visit, job):
    job.wait()
    page = visit("ada")
    panel = open_details(page)
    with polls(page, "/runs/") as statuses:
        wait_for(page, lambda: len(statuses) >= 2)
        assert set(statuses) == {204}
        job.end()
        expect(panel.locator("#progress-state")).to_contain_text("Successful")
        count = len(statuses)
        page.wait_for_timeout(2500)
        assert len(statuses) == count
    expect(panel.locator("#progress-run")).to_be_visible()


def test_canceling_keeps_the_panel_and_moves_the_focus_to_what_can_be_done(visit, job):
    page = visit("ada")
    panel = open_details(page)
    cancel = panel.get_by_role("button", name="Cancel job")
    cancel.focus()
    page.keyboard.press("Enter")
    expect(panel.locator("#progress-state")).to_contain_text("canceling")
    expect(cancel).to_have_count(0)
    assert page.evaluate("!!document.activeElement.closest('#panel')")


@pytest.mark.long
def test_a_run_started_elsewhere_is_seen_on_the_list_and_disturbs_nobody(visit, portal):
    page = visit("ada")
    row = row_of(page)
    row.locator("[data-select]").check()
    menu = row.locator("summary")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    first = row.locator(".menu-item").first
    expect(first).to_be_focused()
    page.evaluate("window.link = document.activeElement")
    job = Job(portal)
    try:
        job.send(420)
        expect(row.locator(".status-link")).to_contain_text("42 %")
        expect(page.locator("#page-summary")).to_contain_text("1 running")
        expect(page.locator("#filter-running")).to_contain_text("1")
        job.send(430)
        expect(row.locator(".status-link")).to_contain_text("43 %")
        assert page.evaluate("document.activeElement === link")
        expect(row.locator("[data-select]")).to_be_checked()
        page.keyboard.press("Escape")
        expect(menu).to_be_focused()
        job.end()
        expect(row.locator(".status-link")).to_contain_text("Successful")
        expect(page.locator("#filter-running")).to_have_count(0)
        expect(menu).to_be_focused()
        expect(page.get_by_role("toolbar").get_by_role("button", name="Run", exact=True)).to_be_visible()
    finally:
        job.remove()


@pytest.mark.long
def test_the_place_of_the_keyboard_in_the_list_stays_while_a_row_changes(visit, job):
    page = visit("ada")
    link = row_of(page).locator(".row-link")
    link.focus()
    with polls(page, "/changes") as statuses:
        for number in range(1, 4):
            job.send(number * 100)
            wait_for(page, lambda number=number: statuses.count(200) >= number)
    expect(link).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(link).not_to_be_focused()
    assert page.evaluate("document.activeElement.matches('.row-link')")


def test_a_list_that_is_told_again_while_it_asks_asks_once_more(visit):
    page = visit("ada", "/e/contoso/connections/")
    waiting, answers = [], []
    page.route("**/connections/", lambda route: route.continue_() if waiting else waiting.append(route))
    page.on("response", lambda response: answers.append(response) if response.url.endswith("/connections/") else None)
    tell = "htmx.trigger(document.body, 'connections:changed')"
    page.evaluate(tell)
    until(lambda: page.evaluate("1") and waiting)
    page.evaluate(tell)
    waiting[0].continue_()
    until(lambda: page.evaluate("1") and len(answers) == 2)
    expect(page.locator("table.list")).to_be_visible()


ANSWER = """() => {
  const poll = document.querySelector("#list-poll");
  const html = (text) => `<p id="page-summary">${text}</p>`;
  const answer = (text) => htmx.swap(poll, html(text), { swapStyle: "live" }, { contextElement: poll });
  answer("in time");
  poll.remove();
  answer("too late");
}"""


def test_an_answer_to_a_list_that_is_gone_changes_nothing_of_the_one_that_is_shown(visit):
    page = visit("ada")
    page.evaluate(ANSWER)
    expect(page.locator("#page-summary")).to_have_text("in time")


@pytest.mark.long
def test_what_somebody_removed_is_said_once_and_asked_for_no_more(visit, portal):
    connection = portal.query(WAITING)[0][0]
    page = visit("ada", "/e/contoso/connections/", expect=(404,))
    answers = []
    page.on("response", lambda response: answers.append(response.status) if "/test" in response.url else None)
    row = page.locator("table.list tbody tr").filter(has_text="Soon gone")
    row.get_by_label("Actions for Soon gone").click()
    page.locator("details[open] .menu-item", has_text="Test connection").click()
    panel = page.locator("#panel[open]")
    expect(panel.locator("#test-running")).to_contain_text("Waiting for a worker")
    portal.query(f"DELETE FROM connections_connection WHERE id = {connection} RETURNING id")
    expect(panel.locator(".notice")).to_contain_text("This no longer exists.")
    page.wait_for_timeout(2500)
    assert answers.count(404) == 1
    expect(panel.locator(".notice")).to_have_count(1)


def test_the_last_runs_are_compared_by_keyboard(visit, portal):
    page = visit("ada")
    jobs = [Job(portal), None]
    try:
        jobs[0].send(100)
        jobs[0].end()
        jobs[1] = Job(portal)
        jobs[1].send(1000)
        jobs[1].end()
        page.reload()
        panel = open_details(page)
        first, last = panel.locator(".column").all()
        expect(last).to_have_attribute("aria-current", "true")
        first.focus()
        expect(first.locator(".column-words")).to_have_css("opacity", "1")
        page.keyboard.press("Enter")
        expect(panel).to_contain_text("This is an earlier run.")
        expect(panel.locator(".column").first).to_be_focused()
        expect(panel.locator(".column").first).to_have_attribute("aria-current", "true")
        panel.get_by_role("link", name="Show the last one").click()
        expect(panel.locator(".column").last).to_have_attribute("aria-current", "true")
    finally:
        for job in filter(None, reversed(jobs)):
            job.remove()


def test_a_delivered_file_is_downloaded_and_a_missing_one_is_told_in_the_panel(visit, portal):
    page = visit("carl")
    page.locator("tr", has_text="Autumn newsletter").locator(".status-link").click()
    panel = page.locator("#panel[open]")
    with page.expect_download() as download:
        panel.locator("#progress-files").get_by_role("link", name="Download", exact=False).first.click()
    assert download.value.suggested_filename.endswith(".csv.gz")
    path = panel.locator(".file-path").first.inner_text()
    file = next(found for found in portal.sftp_files.rglob("*.csv.gz") if str(found).endswith(path))
    kept = file.read_bytes()
    file.unlink()
    try:
        panel.locator("#progress-files a").first.click()
        expect(panel.locator(".notice")).to_contain_text("The file no longer exists.")
    finally:
        file.write_bytes(kept)
