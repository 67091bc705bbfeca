"""Where the focus is after an action, what is said of it, and what Back does to a panel."""

import pytest
from playwright.sync_api import expect

from tests.e2e.bar import command

MAKE = """
INSERT INTO exports_export
SELECT (jsonb_populate_record(export, jsonb_build_object('id', nextval(pg_get_serial_sequence('exports_export', 'id')),
  'name', 'Loose ' || number, 'folder', 'loose_' || number, 'last_run_id', null, 'last_state', ''))).*
FROM exports_export AS export, generate_series(1, 4) AS number WHERE name = 'Autumn newsletter' RETURNING id"""
WIDE = {"width": 1280, "height": 800}


def press(page, name, button):
    """Give a command in the bar and say yes in its panel."""
    command(page, name).click()
    panel(page).get_by_role("button", name=button).click()
    expect(panel(page)).to_have_count(0)


def panel(page):
    return page.locator("#panel[open]")


def run_by_keyboard(page, name):
    """Run an export from its row's menu, without a mouse."""
    menu = page.get_by_label(f"Actions for {name}", exact=True)
    menu.focus()
    page.keyboard.press("Enter")
    page.locator("details[open] [data-action='run']").focus()
    page.keyboard.press("Enter")
    return menu


def test_run_in_the_menu_of_a_row_gives_the_focus_back_to_it_and_says_so_visibly(visit):
    page = visit()
    menu = run_by_keyboard(page, "Autumn newsletter")
    expect(page.locator("#status-line")).to_contain_text("“Autumn newsletter” queued.")
    expect(page.locator("#status-line button")).to_be_visible()
    expect(menu).to_be_focused()
    expect(page.locator("tr", has=menu).locator(".status-link")).to_contain_text("Successful")
    expect(menu).to_be_focused()
    page.locator("#status-line button").click()
    expect(page.locator("#announce")).to_have_text("")
    expect(menu).to_be_focused()


@pytest.mark.long
def test_the_menu_of_a_row_stays_open_while_the_row_asks_for_itself(visit):
    page = visit()
    menu = run_by_keyboard(page, "High value customers")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#page-summary")).not_to_contain_text("running")
    expect(page.locator("tr", has=menu).locator(".status-link")).to_contain_text("Successful")
    expect(page.locator("tr", has=menu).locator(".menu-item").first).to_be_focused()


def test_run_in_the_command_bar_ends_the_selection_and_leads_back_to_the_row(visit):
    page = visit()
    page.get_by_label("Lapsed customers 12 m", exact=True).check()
    run = command(page, "Run")
    run.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announce")).to_contain_text("queued")
    expect(run).to_be_hidden()
    expect(page.locator(".list tbody :checked")).to_have_count(0)
    expect(page.get_by_role("link", name="Lapsed customers 12 m", exact=True)).to_be_focused()


@pytest.fixture
def loose(portal):
    """Four exports with names that nothing else has, which the test may detach and remove."""
    made = portal.query(MAKE)
    yield ["Loose 1", "Loose 2", "Loose 3", "Loose 4"]
    portal.query(f"DELETE FROM exports_export WHERE id IN ({', '.join(str(pk) for (pk,) in made)}) RETURNING id")


@pytest.mark.long
def test_after_detaching_the_focus_is_on_that_row_and_after_removing_on_the_next(visit, loose):
    page = visit(path="/e/contoso/exports/?q=Loose", viewport=WIDE)
    page.get_by_label(loose[1], exact=True).check()
    press(page, "Detach connection", "Detach")
    expect(page.get_by_role("link", name=loose[1], exact=True)).to_be_focused()
    expect(page.locator("tr", has_text=loose[1])).to_contain_text("No Connection")
    expect(page.locator(".list tbody :checked")).to_have_count(0)
    page.get_by_label(loose[1], exact=True).check()
    press(page, "Remove", "Remove")
    expect(page.locator(".list tbody tr")).to_have_count(3)
    expect(page.get_by_role("link", name=loose[2], exact=True)).to_be_focused()
    menu = page.get_by_label(f"Actions for {loose[3]}", exact=True)
    menu.click()
    page.locator("details[open] .menu-item", has_text="Remove").click()
    panel(page).get_by_role("button", name="Remove").click()
    expect(page.locator(".list tbody tr")).to_have_count(2)
    expect(page.get_by_role("link", name=loose[2], exact=True)).to_be_focused()


def test_removing_several_leads_to_the_row_that_follows_them(visit, loose):
    page = visit(path="/e/contoso/exports/?q=Loose", viewport=WIDE)
    for name in loose[1:3]:
        page.get_by_label(name, exact=True).check()
    press(page, "Remove", "Remove")
    expect(page.locator(".list tbody tr")).to_have_count(2)
    expect(page.get_by_role("link", name=loose[3], exact=True)).to_be_focused()


def test_a_question_starts_on_cancel_and_tab_leads_to_what_it_asks_about(visit):
    page = visit(viewport=WIDE)
    page.locator(".list tbody [data-select]").first.check()
    for name, button in (("Detach connection", "Detach"), ("Remove", "Remove")):
        command(page, name).click()
        expect(panel(page).get_by_role("link", name="Cancel")).to_be_focused()
        expect(page.locator(".htmx-settling")).to_have_count(0)
        page.keyboard.press("Tab")
        expect(panel(page).get_by_role("button", name=button)).to_be_focused()
        page.keyboard.press("Escape")
        expect(panel(page)).to_have_count(0)


def test_escape_and_clear_leave_the_focus_where_work_goes_on(visit):
    page = visit(viewport=WIDE)
    page.locator(".list tbody [data-select]").first.check()
    edit = command(page, "Edit")
    edit.focus()
    page.keyboard.press("Enter")
    expect(panel(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(edit).to_be_focused()
    page.get_by_role("button", name="Clear the selection").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-select-all]")).to_be_focused()


def test_back_closes_the_panel_and_stays_on_the_page(visit):
    page = visit()
    page.evaluate("window.isSamePage = true")
    for key in (None, "Escape"):
        page.get_by_role("link", name="Add export").click()
        expect(panel(page)).to_be_visible()
        page.keyboard.press(key) if key else page.go_back()
        expect(panel(page)).to_have_count(0)
        page.wait_for_function("!history.state?.panel")
        expect(page.get_by_role("link", name="Add export")).to_be_focused()
    assert page.evaluate("window.isSamePage")


def test_back_asks_about_unsaved_changes(visit):
    page = visit()
    page.get_by_role("link", name="Add export").click()
    panel(page).get_by_label("Name", exact=False).first.fill("Half typed")
    page.go_back()
    question = page.locator("#confirm[open]")
    question.get_by_role("button", name="Keep editing").click()
    expect(panel(page).get_by_label("Name", exact=False).first).to_have_value("Half typed")
    page.wait_for_function("history.state?.panel")
    page.go_back()
    question.get_by_role("button", name="Discard").click()
    expect(panel(page)).to_have_count(0)
