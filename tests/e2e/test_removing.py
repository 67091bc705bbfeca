"""Testing and removing a connection in a browser: the whole guide, with scripts, by keyboard and without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_axe import problems
from tests.until import until

CONNECTIONS = "/e/contoso/connections/"
# Like the slow partner and its export, so that a run takes a while.
CONNECTION = """
INSERT INTO connections_connection
SELECT (jsonb_populate_record(connection, jsonb_build_object(
  'id', nextval(pg_get_serial_sequence('connections_connection', 'id')), 'name', 'Leaving partner'))).*
FROM connections_connection AS connection WHERE name = 'Slow partner' RETURNING id"""
EXPORTS = """
INSERT INTO exports_export
SELECT (jsonb_populate_record(export, jsonb_build_object('id', nextval(pg_get_serial_sequence('exports_export', 'id')),
  'name', 'Leaving ' || number, 'folder', 'leaving_' || number, 'connection_id', {}, 'last_run_id', null,
  'last_state', ''))).*
FROM exports_export AS export, generate_series(1, 3) AS number WHERE name = 'Slow delivery' RETURNING id"""
SEGMENTS = """
INSERT INTO exports_exportsegment (position, export_id, segment_id)
SELECT 0, export.id, (SELECT id FROM segments_segment WHERE name = 'All customers' ORDER BY id LIMIT 1)
FROM exports_export AS export WHERE name LIKE 'Leaving %' RETURNING id"""


@pytest.fixture
def leaving(portal):
    """A connection with three exports, which the test may detach and remove; return its id."""
    connection = portal.query(CONNECTION)[0][0]
    portal.query(EXPORTS.format(connection))
    portal.query(SEGMENTS)
    yield connection
    ids = "SELECT id FROM exports_export WHERE name LIKE 'Leaving %'"
    ended = f"SELECT count(*) FROM exports_run WHERE export_id IN ({ids}) AND ended_at IS NULL"
    until(lambda: portal.query(ended)[0][0] == 0, what="the runs to end")
    portal.delete_runs(f"export_id IN ({ids})")
    portal.query(f"DELETE FROM exports_exportsegment WHERE export_id IN ({ids}) RETURNING id")
    portal.query("DELETE FROM exports_export WHERE name LIKE 'Leaving %' RETURNING id")
    portal.query(f"DELETE FROM connections_connection WHERE id = {connection} RETURNING id")


def panel(page):
    return page.locator("#panel[open]")


def line(place, name):
    return place.locator(".guide-list li").filter(has_text=name)


def yes(page, button):
    dialog = page.locator("#confirm[open]")
    dialog.get_by_role("button", name=button).click()
    expect(page.locator("#confirm[open]")).to_have_count(0)


def open_guide(page, name):
    row = page.locator("table.list tbody tr").filter(has_text=name)
    row.get_by_label(f"Actions for {name}").click()
    page.locator("details[open] .menu-item", has_text="Remove").click()
    expect(panel(page).get_by_role("heading", name="Remove connection")).to_be_visible()
    return panel(page)


def gone(portal, connection):
    return portal.query(f"SELECT count(*) FROM connections_connection WHERE id = {connection}")[0][0] == 0


@pytest.mark.long
def test_the_whole_guide_in_the_panel_by_keyboard(visit, portal, leaving):
    page = visit("ada", CONNECTIONS)
    guide = open_guide(page, "Leaving partner")
    expect(guide.get_by_role("button", name="Remove connection")).to_be_disabled()
    assert problems(page) == []
    detach = line(guide, "Leaving 1").get_by_role("button", name="Detach")
    detach.focus()
    page.keyboard.press("Enter")
    expect(guide.locator(".guide-list li")).to_have_count(2)
    expect(page.locator("#announce")).to_contain_text("“Leaving 1” detached.")
    expect(line(guide, "Leaving 2").get_by_role("button", name="Detach")).to_be_focused()
    line(guide, "Leaving 2").get_by_role("button", name="Remove").click()
    yes(page, "Remove")
    expect(guide.locator(".guide-list li")).to_have_count(1)
    line(guide, "Leaving 3").get_by_role("button", name="Detach").click()
    final = guide.get_by_role("button", name="Remove connection")
    expect(final).to_be_enabled()
    expect(final).to_be_focused()
    assert problems(page) == []
    final.click()
    yes(page, "Remove connection")
    expect(panel(page)).to_have_count(0)
    expect(page.locator("#list")).not_to_contain_text("Leaving partner")
    assert gone(portal, leaving)
    left = portal.query("SELECT name, connection_id FROM exports_export WHERE name LIKE 'Leaving %' ORDER BY name")
    assert left == [("Leaving 1", None), ("Leaving 3", None)]


@pytest.mark.long
def test_a_running_job_is_named_canceled_and_gone_on_from(visit, leaving):
    carls = visit("carl", "/e/contoso/exports/?q=Leaving 2")
    carls.get_by_label("Leaving 2", exact=True).check()
    carls.get_by_role("toolbar").get_by_role("button", name="Run", exact=True).click()
    expect(carls.locator("tr", has_text="Leaving 2")).to_contain_text("Refreshing")
    page = visit("ada", CONNECTIONS)
    guide = open_guide(page, "Leaving partner")
    running = line(guide, "Leaving 2")
    expect(running).to_contain_text(re.compile(r"Sending since .*, started by Carl"))
    expect(running.get_by_role("button", name="Detach")).to_have_count(0)
    running.get_by_role("button", name="Cancel job").click()
    expect(running.get_by_role("button", name="Detach")).to_be_visible()
    guide.get_by_role("button", name="Detach all").click()
    yes(page, "Detach")
    expect(guide).to_contain_text("No export uses it.")


@pytest.mark.long
def test_the_whole_guide_without_scripts(visit, portal, leaving):
    page = visit("ada", f"{CONNECTIONS}{leaving}/remove", java_script_enabled=False)
    expect(page.get_by_role("button", name="Remove connection")).to_be_disabled()
    line(page, "Leaving 1").get_by_role("button", name="Detach").click()
    expect(page.get_by_text("“Leaving 1” detached.")).to_be_visible()
    line(page, "Leaving 2").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="Remove these exports?")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("“Leaving 2” removed.")).to_be_visible()
    line(page, "Leaving 3").get_by_role("button", name="Detach").click()
    page.get_by_role("button", name="Remove connection").click()
    expect(page.get_by_text("Connection “Leaving partner” removed.")).to_be_visible()
    assert gone(portal, leaving)


@pytest.mark.long
def test_a_test_is_followed_in_the_panel_and_the_list_hears_of_its_end(visit):
    page = visit("ada", CONNECTIONS)
    row = page.locator("table.list tbody tr").filter(has_text="Partner SFTP")
    row.locator(".cell-status a").click()
    again = panel(page).get_by_role("button", name=re.compile("Test (now|again)"))
    expect(again).to_be_visible()
    page.evaluate("document.querySelector('#test-works')?.setAttribute('data-before', '')")  # an earlier test's
    again.click()
    expect(panel(page).locator("#test-works:not([data-before])")).to_be_visible()
    expect(panel(page).locator(".step.tone-success")).to_have_count(6)
    expect(panel(page).locator("#test-poll[hx-get]")).to_have_count(0)
    assert problems(page) == []
    page.keyboard.press("Escape")
    expect(row.locator(".cell-status")).to_contain_text(re.compile("Works · (tested )?now"))
    expect(row.locator(".cell-status a")).to_be_focused()


def test_a_test_is_followed_without_scripts(visit):
    page = visit("ada", CONNECTIONS, java_script_enabled=False)
    page.locator("table.list tbody tr").filter(has_text="Partner SFTP").locator(".cell-status a").click()
    page.get_by_role("button", name=re.compile("Test (now|again)")).click()
    again = page.get_by_role("link", name="Show how far it is")

    def works() -> bool:
        if again.count():
            again.click()
        return page.get_by_text("The connection works").count() > 0

    until(works, what="the test to end")
