"""What each role is offered in the browser."""

import re

from playwright.sync_api import expect


def test_a_viewer_sees_everything_and_changes_nothing(visit):
    page = visit("vera")
    rows = page.locator("table.list tbody tr")
    expect(rows.nth(11)).to_be_visible()
    assert {text.strip() for text in rows.locator("td:nth-last-child(2)").all_text_contents()} == {"View only"}
    expect(page.get_by_role("link", name="Add export")).to_have_count(0)
    rows.first.locator("summary").click()
    offered = [text.strip() for text in rows.first.locator(".menu-item").all_inner_texts()]
    assert offered == ["View", "Progress details"]
    page.keyboard.press("Escape")
    page.locator(".list .row-link").first.click()
    panel = page.locator("#panel[open]")
    expect(panel.get_by_role("heading", name="View export")).to_be_visible()
    expect(panel.get_by_role("button", name=re.compile("Save"))).to_have_count(0)
    expect(panel.get_by_label("Name", exact=False).first).to_be_disabled()
    panel.get_by_role("link", name="Close").last.click()
    expect(panel).to_have_count(0)


def test_a_viewer_has_no_command_but_to_look(visit):
    page = visit("vera")
    commands = page.get_by_role("toolbar").locator(".command:visible")
    expect(commands).to_have_text(["History"])
    page.locator(".list tbody [data-select]").first.check()
    expect(commands).to_have_text(["History", "View", "Progress details"])
    page.locator(".list tbody summary").first.click()
    expect(page.locator("details[open] .menu-item", has_text="View")).to_be_visible()


def test_a_contributor_views_what_is_on_a_connection_that_is_not_shared(visit):
    page = visit("carl")
    row = page.locator("tr", has=page.get_by_role("link", name="Revenue by customer"))
    expect(row).to_contain_text("View only")
    row.get_by_role("link", name="Revenue by customer").click()
    expect(page.locator("#panel[open]").get_by_role("heading", name="View export")).to_be_visible()


def test_a_page_that_is_not_for_them_says_so_and_leads_back(visit):
    page = visit("vera", "/e/contoso/exports/add", expect=(403,))
    expect(page.get_by_role("heading", name="You don't have access to this page")).to_be_visible()
    page.get_by_role("link", name="Go to Exports").click()
    page.wait_for_url("**/e/contoso/exports/")


def test_who_has_no_connection_is_told_whom_to_ask(visit):
    page = visit("carl", "/e/empty/exports/")
    expect(page.get_by_text("Ask Ada Okafor to add one and share it with you.")).to_be_visible()
    expect(page.get_by_role("button", name="Add export")).to_be_disabled()


def test_the_switcher_keeps_the_section(visit):
    page = visit("carl", "/e/contoso/segments/")
    page.locator(".switcher summary").click()
    page.get_by_role("link", name=re.compile("^Empty")).click()
    page.wait_for_url("**/e/empty/segments/")


def test_logging_out_ends_the_visit_and_the_next_fragment_leads_to_the_log_in(visit):
    page = visit("nobody", "/login/")
    page.get_by_role("button", name=re.compile("^vera")).click()
    page.wait_for_url("**/e/contoso/exports/")
    page.context.clear_cookies()
    page.locator(".list .row-link").first.click()
    page.wait_for_url(re.compile(r"/login/\?next="))


def test_logging_in_leads_to_where_one_wanted_to_go(visit):
    page = visit("nobody", "/e/contoso/segments/")
    page.get_by_role("button", name=re.compile("^carl")).click()
    page.wait_for_url("**/e/contoso/segments/")
    page.locator("summary[aria-label='User carl']").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login/")
