"""Search, sort, Back, the keyboard, and what the panel does with what was typed."""

import re

import pytest
from playwright.sync_api import expect

FOCUSED = "(e => e.id || e.ariaLabel || e.innerText.trim())(document.activeElement)"


def names(page):
    return page.locator(".list .row-link").all_inner_texts()


def open_add(page):
    page.get_by_role("link", name="Add export").click()
    panel = page.locator("#panel[open]")
    expect(panel.get_by_role("heading", name="Set up export")).to_be_visible()
    return panel


def test_the_list_and_the_panel_need_no_mouse(visit):
    page = visit()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("call")
    expect(page.locator(".list .row-link")).to_have_count(2)
    first, second = names(page)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name=first, exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name=second, exact=True)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    panel = page.locator("#panel[open]")
    expect(panel.get_by_label("Name", exact=False).first).to_have_value(first)
    page.keyboard.press("/")
    expect(page.locator("#search")).not_to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.get_by_role("link", name=first, exact=True)).to_be_focused()


def test_tab_goes_through_the_dialog_in_the_order_of_the_page_and_stays_in_it(visit):
    page = visit()
    open_add(page)
    order = []
    for _ in range(40):
        page.keyboard.press("Tab")
        assert page.evaluate("!!document.activeElement.closest('#panel') || document.activeElement === document.body")
        order.append(page.evaluate(FOCUSED))
        if order[-1] == "Cancel":
            break
    wanted = ["id_connection", "id_name", "id_description", "save-export", "Save and run", "Cancel"]
    assert [name for name in order if name in wanted] == wanted
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("!document.activeElement.closest('.layout, .header')"), "the page behind is out of reach"


def test_a_row_is_selected_and_its_menu_used_by_keyboard(visit):
    page = visit()
    link = page.locator(".list .row-link").first
    link.focus()
    page.keyboard.press("Space")
    expect(page.locator(".list tbody [data-select]").first).to_be_checked()
    expect(page.get_by_role("toolbar").get_by_role("button", name="Run", exact=True)).to_be_visible()
    page.keyboard.press("Space")
    summary = page.locator(".list tbody summary").first
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".list tbody .menu-item").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()


@pytest.mark.long
def test_search_sort_and_back_live_in_the_address(visit):
    page = visit()
    everything = names(page)
    page.locator("#search").fill("analytics")  # at once: each pause in typing is a step back
    expect(page.locator(".list .row-link")).not_to_have_count(len(everything))
    expect(page).to_have_url(re.compile(r"q=analytics$"))
    expect(page.locator("#search")).to_be_focused()
    found = names(page)
    assert set() < set(found) < set(everything)
    page.locator("#sort-rows").click()
    expect(page.locator("th[aria-sort='ascending']")).to_contain_text("Rows sent")
    expect(page).to_have_url(re.compile(r"q=analytics&sort=rows"))
    page.locator("#sort-rows").click()
    expect(page.locator("th[aria-sort='descending']")).to_contain_text("Rows sent")
    page.go_back()
    expect(page.locator("th[aria-sort='ascending']")).to_contain_text("Rows sent")
    page.go_back()
    expect(page.locator("th[aria-sort]")).to_contain_text("Display name")
    expect(page.locator("#search")).to_have_value("analytics")
    assert names(page) == found
    page.go_back()
    expect(page.locator(".list .row-link")).to_have_count(len(everything))
    expect(page.locator("#search")).to_have_value("")


def test_escape_empties_the_search_and_takes_it_out_of_the_address(visit):
    page = visit(path="/e/contoso/exports/?q=call")
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_have_value("")
    expect(page).to_have_url(re.compile(r"/exports/$"))
    expect(page.locator("#search")).to_be_focused()
    expect(page.locator(".list .row-link").nth(2)).to_be_visible()


def test_a_key_leads_to_the_commands_and_arrows_move_between_them(visit):
    page = visit()
    link = page.locator(".list .row-link").nth(1)
    link.focus()
    page.keyboard.press("Space")
    page.keyboard.press("c")
    toolbar = page.get_by_role("toolbar")
    expect(toolbar.get_by_role("button", name="Edit", exact=True)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(toolbar.get_by_role("button", name="Run", exact=True)).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(toolbar.get_by_role("button", name="Clear the selection")).to_be_focused()
    page.keyboard.press("Home")
    expect(toolbar.get_by_role("link", name="Add export")).to_be_focused()
    page.keyboard.press("Escape")
    expect(link).to_be_focused()


def test_the_commands_of_a_row_follow_those_of_the_page_and_are_in_a_menu_where_it_is_narrow(visit):
    page = visit(viewport={"width": 1440, "height": 900})
    of_page = page.locator(".commands > .command:visible").all_inner_texts()
    page.locator(".list tbody [data-select]").first.check()
    more = page.locator(".command-more")
    items = page.locator(".list tbody .menu-list").first.locator(".menu-item")
    wanted = [text.strip() for text in items.all_text_contents()]
    expect(more).to_be_visible()
    shown = page.locator(".commands > .command:visible").all_inner_texts()
    hidden = more.locator(".command:not([hidden])").all_text_contents()
    assert shown + [text.strip() for text in hidden if text.strip() != "View"] == of_page + wanted
    page.set_viewport_size({"width": 390, "height": 844})
    expect(more).to_be_visible()
    page.locator(".list .row-link").first.focus()
    page.keyboard.press("c")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(more.locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    expect(more.locator(".command", has_text="Remove")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#panel[open]")).to_contain_text("Remove this export?")
    page.keyboard.press("Escape")
    expect(more.locator("summary")).to_be_focused()


def test_unsaved_changes_are_asked_about(visit):
    page = visit()
    panel = open_add(page)
    panel.get_by_label("Name", exact=False).first.fill("Half typed")
    page.keyboard.press("Escape")
    question = page.locator("#confirm[open]")
    expect(question).to_contain_text("Discard your changes?")
    expect(question.get_by_role("button", name="Keep editing")).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.get_by_label("Name", exact=False).first).to_have_value("Half typed")
    panel.get_by_role("link", name="Cancel").click()
    question.get_by_role("button", name="Discard").click()
    expect(panel).to_have_count(0)
    expect(page.get_by_role("link", name="Add export")).to_be_focused()


def test_what_is_unchanged_is_closed_without_a_question(visit):
    page = visit()
    panel = open_add(page)
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.locator("#confirm[open]")).to_have_count(0)


def test_leaving_a_page_with_unsaved_changes_is_asked_about(visit):
    page = visit(path="/e/contoso/exports/add")
    page.get_by_label("Name", exact=False).first.press_sequentially("Half typed")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="Segments").first.click()
    page.wait_for_url("**/segments/")
    assert asked == ["beforeunload"]


def test_an_invalid_form_keeps_what_was_typed_and_shows_where_it_is_wrong(visit):
    page = visit(expect=(422,))
    panel = open_add(page)
    panel.get_by_label("Name", exact=False).first.fill("autumn NEWSLETTER")
    panel.get_by_role("button", name="Save", exact=True).last.click()
    expect(panel.get_by_label("Connection")).to_be_focused()
    expect(panel.get_by_label("Connection")).to_have_attribute("aria-invalid", "true")
    expect(panel).to_contain_text("Another export has this name.")
    expect(panel).to_contain_text("Choose at least one segment.")
    expect(panel.get_by_label("Name", exact=False).first).to_have_value("autumn NEWSLETTER")
    page.keyboard.press("Escape")
    expect(page.locator("#confirm[open]")).to_be_visible()


def test_fields_are_moved_without_a_request(visit):
    page = visit()
    panel = open_add(page)
    panel.get_by_role("checkbox", name=re.compile("^Churn risk")).check()
    panel.get_by_role("button", name=re.compile("^Select all · Fields")).click()
    heads = panel.locator("#export-preview").get_by_role("columnheader")
    expect(heads.first).to_have_text("CustomerId")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    panel.get_by_role("button", name="Move FirstName up").focus()
    page.keyboard.press("Enter")
    expect(heads.first).to_have_text("FirstName")
    expect(panel.locator("[data-said]")).to_have_text("FirstName: place 1 of 16")
    page.keyboard.press("Alt+ArrowDown")
    expect(heads.nth(1)).to_have_text("FirstName")
    page.keyboard.press("Alt+End")
    expect(heads.last).to_have_text("FirstName")
    panel.get_by_role("button", name="Move LastName to the top").click()
    expect(heads.first).to_have_text("LastName")
    grips = panel.locator("[data-grip]")
    grips.nth(0).scroll_into_view_if_needed()
    grips.nth(0).drag_to(grips.nth(2))
    expect(panel.locator("[data-said]")).to_have_text("LastName: place 3 of 16")
    expect(heads.nth(2)).to_have_text("LastName")
    order = panel.locator("[name^='order-']").evaluate_all("(inputs) => inputs.map((input) => input.value)")
    assert (order[2], order[-1]) == ("LastName", "FirstName")
    panel.get_by_role("button", name="Reset to the default order").click()
    expect(heads.first).to_have_text("CustomerId")
    assert page.evaluate("!!document.activeElement.closest('#panel')")
    assert sent == []


def test_choosing_another_connection_keeps_what_is_typed(visit):
    page = visit()
    panel = open_add(page)
    panel.get_by_label("Name", exact=False).first.fill("Stored")
    panel.get_by_role("checkbox", name=re.compile("^Churn risk")).check()
    panel.get_by_label("Connection").select_option(label="Analytics folder")
    expect(panel.get_by_role("heading", name="Local folder")).to_be_visible()
    expect(panel.get_by_label("Name", exact=False).first).to_have_value("Stored")
    expect(panel.get_by_role("checkbox", name=re.compile("^Churn risk"))).to_be_checked()
