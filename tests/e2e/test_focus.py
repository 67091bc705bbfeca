"""Where the focus is after an action, what is said of it, and what Back does to a panel."""

from playwright.sync_api import expect


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
    expect(page.locator("#status-line")).to_contain_text("“Autumn newsletter” is queued.")
    expect(page.locator("#status-line button")).to_be_visible()
    expect(menu).to_be_focused()
    expect(page.locator("tr", has=menu).locator(".status-link")).to_contain_text("Successful")
    expect(menu).to_be_focused()
    page.locator("#status-line button").click()
    expect(page.locator("#announce")).to_have_text("")
    expect(menu).to_be_focused()


def test_the_menu_of_a_row_stays_open_while_the_row_asks_for_itself(visit):
    page = visit()
    menu = run_by_keyboard(page, "High value customers")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#page-summary")).not_to_contain_text("running")
    expect(page.locator("tr", has=menu).locator(".status-link")).to_contain_text("Successful")
    expect(page.locator("tr", has=menu).locator(".menu-item").first).to_be_focused()


def test_run_in_the_command_bar_keeps_the_focus(visit):
    page = visit()
    page.get_by_label("Lapsed customers 12 m", exact=True).check()
    run = page.get_by_role("toolbar").get_by_role("button", name="Run", exact=True)
    run.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announce")).to_contain_text("is queued")
    expect(run).to_be_focused()


def test_escape_and_clear_leave_the_focus_where_work_goes_on(visit):
    page = visit()
    page.locator(".list tbody [data-select]").first.check()
    remove = page.get_by_role("toolbar").get_by_role("button", name="Remove", exact=True)
    remove.focus()
    page.keyboard.press("Enter")
    expect(panel(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(remove).to_be_focused()
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
