"""The main job, from a click in the browser to the bytes on the SFTP server, with and without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.bar import command
from tests.e2e.delivery import SEGMENT, assert_delivered, assert_masked, expected_rows
from tests.until import until


def row_of(page, name):
    return page.locator("table.list tbody tr").filter(has=page.get_by_role("link", name=name, exact=True))


def reload_until(page, shown):
    """Load the page anew, as somebody without scripts does, until it shows what `shown` finds."""
    until(lambda: page.reload() and shown.count())


def fill_in(form, name):
    form.get_by_label("Connection").select_option(label="Partner SFTP")
    form.get_by_label("Name", exact=False).first.fill(name)
    form.get_by_role("checkbox", name=re.compile(f"^{SEGMENT}")).check()


def choose_fields(form):
    for box in form.locator("[name^='include-']").all():
        box.check()
    form.get_by_role("checkbox", name="Telephone", exact=True).uncheck()
    form.get_by_label("Name of EMail in the file").fill("e_mail")
    form.get_by_label("Name of EMail in the file").press("Tab")


def test_a_contributor_sends_a_segment_over_sftp(portal, visit):
    page = visit("carl")
    page.evaluate("window.isTheSamePage = true")
    page.get_by_role("link", name="Add export").click()
    panel = page.locator("#panel[open]")
    fill_in(panel, "With scripts")
    expect(panel.get_by_role("checkbox", name="Telephone", exact=True)).not_to_be_checked()
    choose_fields(panel)
    preview = panel.locator("#export-preview")
    expect(preview.get_by_role("columnheader", name="e_mail")).to_be_visible()
    expect(preview.get_by_role("columnheader", name="Telephone")).to_have_count(0)
    expect(preview.locator("tbody tr")).to_have_count(5)
    assert_masked(portal, preview.inner_text())
    panel.get_by_role("button", name="Save and run").click()
    expect(panel.get_by_role("heading", name="Progress details")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    row = row_of(page, "With scripts")
    expect(row).to_contain_text("Successful")
    expect(row).to_contain_text(f"{expected_rows(portal):,}")
    assert page.evaluate("window.isTheSamePage"), "the list followed the run without a reload"
    row.get_by_role("link", name=re.compile("^Successful")).click()
    details = page.locator("#panel[open]")
    expect(details.get_by_role("heading", name="Progress details")).to_be_visible()
    facts = details.locator("dl")
    expect(facts).to_contain_text("Save and run · Carl Nyström")
    expect(facts).to_contain_text(f"{expected_rows(portal):,}")
    assert_delivered(portal, portal.sftp_files / "partner" / "With_scripts")


@pytest.mark.long
def test_a_contributor_sends_a_segment_over_sftp_without_scripts(portal, visit):
    page = visit("carl", java_script_enabled=False)
    page.get_by_role("link", name="Add export").click()
    page.wait_for_url("**/exports/add")
    fill_in(page, "Without scripts")
    page.get_by_role("button", name="Show fields and preview").click()
    expect(page.get_by_label("Name", exact=False).first).to_have_value("Without scripts")
    choose_fields(page)
    page.get_by_role("button", name="Show fields and preview").click()
    expect(page.locator("#export-preview").get_by_role("columnheader", name="e_mail")).to_be_visible()
    assert_masked(portal, page.locator("#export-preview").inner_text())
    page.get_by_role("button", name="Save and run").click()
    expect(page.get_by_text("“Without scripts” added. Run queued.")).to_be_visible()
    expect(page.get_by_role("heading", name="Progress details")).to_be_visible()
    page.goto("/e/contoso/exports/")
    reload_until(page, row_of(page, "Without scripts").get_by_text("Successful"))
    row_of(page, "Without scripts").get_by_role("link", name=re.compile("^Successful")).click()
    expect(page.get_by_role("heading", name="Progress details")).to_be_visible()
    expect(page.locator("dl")).to_contain_text(f"{expected_rows(portal):,}")
    assert_delivered(portal, portal.sftp_files / "partner" / "Without_scripts")


@pytest.mark.long
def test_a_running_job_is_canceled_from_its_details(portal, visit):
    page = visit("carl")
    row = row_of(page, "Slow delivery")
    row.locator("summary").click()
    row.get_by_role("button", name="Run", exact=True).click()
    expect(row).to_contain_text("Refreshing")
    row.locator(".status-link").click()
    panel = page.locator("#panel[open]")
    panel.get_by_role("button", name="Cancel job").click()
    expect(panel.locator(".progress-state")).to_contain_text("Canceled")
    expect(panel.get_by_role("button", name="Cancel job")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(row).to_contain_text("Canceled")
    state, rows = portal.query("SELECT state, claims FROM exports_run ORDER BY id DESC LIMIT 1")[0]
    assert (state, rows) == ("canceled", 1)


@pytest.mark.long
def test_a_running_job_is_canceled_without_scripts(portal, visit):
    page = visit("carl", java_script_enabled=False)
    row = row_of(page, "Another slow delivery")
    row.locator("summary").click()
    row.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("“Another slow delivery” queued.")).to_be_visible()
    row_of(page, "Another slow delivery").locator(".status-link").click()
    with page.expect_event("load"):
        page.get_by_role("button", name="Cancel job").click()
    reload_until(page, page.locator(".progress-state").get_by_text("Canceled"))


@pytest.mark.long
def test_an_export_is_removed_after_a_question(visit):
    page = visit("carl")
    page.get_by_role("link", name="Add export").click()
    panel = page.locator("#panel[open]")
    panel.get_by_label("Connection").select_option(label="Partner SFTP")
    expect(panel.get_by_role("heading", name="SFTP")).to_be_visible()  # drawn anew, so that no tick is lost
    fill_in(panel, "Short-lived")
    panel.get_by_role("checkbox", name="EMail", exact=True).check()
    panel.get_by_role("button", name="Save", exact=True).last.click()
    row = row_of(page, "Short-lived")
    expect(row).to_contain_text("Not started")
    row.get_by_role("checkbox").check()
    command(page, "Remove").click()
    expect(panel).to_contain_text("Short-lived")
    expect(panel.get_by_role("link", name="Cancel")).to_be_focused()
    panel.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    expect(page.locator("#announce")).to_contain_text("“Short-lived” removed.")
