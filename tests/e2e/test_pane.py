"""The Set up export pane in a browser: kinds, a connection added meanwhile, tests of ten, long lists, errors."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_axe import AT_REST, NARROWEST, problems
from tests.until import until

EXPORTS, BUSINESS = "/e/contoso/exports/", "/e/contoso-business/exports/"
AGREE = re.compile("agree", re.IGNORECASE)


def panel(page):
    return page.locator("#panel[open]")


def row_of(page, name):
    return page.locator("table.list tbody tr").filter(has=page.get_by_role("link", name=name, exact=True))


def opened(page, name="", connection="Partner SFTP"):
    """Open a new export in the panel."""
    page.get_by_role("link", name="Add export").click()
    pane = panel(page)
    pane.get_by_label("Name", exact=False).first.fill(name)
    pane.locator("#id_connection").select_option(label=connection)
    expect(pane.get_by_role("heading", name="SFTP" if "SFTP" in connection else "Local folder")).to_be_visible()
    return pane


def choose_segment(pane):
    """Choose a segment and all of its fields."""
    pane.get_by_role("checkbox", name=re.compile("^Churn risk")).check()
    pane.get_by_role("button", name=re.compile("^Select all · Fields")).click()
    expect(pane.locator("#export-preview").get_by_role("columnheader", name="CustomerId")).to_be_visible()


def choose_tables(pane):
    pane.get_by_role("radio", name=re.compile("^Tables")).check()
    pane.get_by_role("checkbox", name=re.compile("^Purchases")).check()
    pane.get_by_role("checkbox", name=re.compile("^Churn risk")).check()


@pytest.mark.long
def test_whole_tables_are_set_up_and_sent(portal, visit):
    page = visit()
    pane = opened(page, "Whole tables")
    choose_tables(pane)
    expect(pane.locator("#export-preview").get_by_role("columnheader", name="PurchaseId")).to_be_visible()
    expect(pane.locator("#id_tables output")).to_contain_text("1 selected")
    pane.get_by_role("button", name="Save and run").click()
    expect(pane.locator(".progress-state")).to_contain_text("Successful")
    page.keyboard.press("Escape")
    expect(pane).to_have_count(0)
    expect(row_of(page, "Whole tables")).to_contain_text("Successful")
    folder = portal.sftp_files / "partner" / "Whole_tables"
    assert list(folder.rglob("Purchases*.csv"))
    assert list(folder.rglob("model.json"))
    row_of(page, "Whole tables").get_by_role("link", name="Whole tables").click()
    expect(panel(page).get_by_role("checkbox", name=re.compile("^Purchases"))).to_be_checked()


def test_whole_tables_are_set_up_without_scripts(portal, visit):
    page = visit("carl", EXPORTS + "add", java_script_enabled=False)
    page.locator("#id_connection").select_option(label="Partner SFTP")
    page.get_by_role("button", name="Show this connection's settings").click()
    page.get_by_role("radio", name=re.compile("^Tables")).check()
    page.get_by_role("button", name="Show what can be chosen").click()
    page.get_by_role("checkbox", name=re.compile("^Purchases")).check()
    page.get_by_role("button", name="Show the preview").click()
    expect(page.locator("#export-preview").get_by_role("columnheader", name="PurchaseId")).to_be_visible()
    page.get_by_label("Name", exact=False).first.fill("Plain tables")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("“Plain tables” added.")).to_be_visible()


def test_one_of_several_is_previewed_before_there_is_a_connection(visit):
    page = visit()
    page.get_by_role("link", name="Add export").click()
    pane = panel(page)
    choose_tables(pane)
    which = pane.get_by_label("Records of")
    which.focus()
    which.select_option(label="Churn risk (member list)")
    expect(pane.locator("#export-preview th")).to_have_text(["CustomerId"])
    expect(which).to_be_focused()
    expect(pane.get_by_role("checkbox", name=re.compile("^Purchases"))).to_be_checked()


def test_control_enter_saves_from_anywhere_in_the_panel(visit):
    page = visit()
    pane = opened(page, "By Ctrl+Enter")
    choose_segment(pane)
    expect(pane.get_by_label("Name of EMail in the file")).to_be_visible()
    pane.get_by_label("Description").fill("Two lines")
    page.keyboard.press("Control+Enter")
    expect(row_of(page, "By Ctrl+Enter")).to_contain_text("Not started")
    expect(pane).to_have_count(0)


@pytest.mark.long
def test_the_kind_changes_without_losing_choice_or_focus(visit):
    page = visit()
    pane = opened(page, "Two kinds")
    choose_segment(pane)
    pane.get_by_label("Name of EMail in the file").fill("e_mail")
    segments = pane.get_by_role("radio", name=re.compile("^Segments"))
    segments.focus()
    page.keyboard.press("ArrowDown")
    expect(pane.get_by_role("checkbox", name=re.compile("^Purchases"))).to_be_visible()
    expect(pane.get_by_role("radio", name=re.compile("^Tables"))).to_be_focused()
    pane.get_by_role("checkbox", name=re.compile("^Purchases")).check()
    expect(pane.locator("#export-preview").get_by_role("columnheader", name="PurchaseId")).to_be_visible()
    segments.check()
    expect(pane.get_by_role("checkbox", name=re.compile("^Churn risk"))).to_be_checked()
    expect(pane.get_by_label("Name of EMail in the file")).to_have_value("e_mail")
    pane.get_by_role("radio", name=re.compile("^Tables")).check()
    expect(pane.get_by_role("checkbox", name=re.compile("^Purchases"))).to_be_checked()
    expect(pane.get_by_label("Name", exact=False).first).to_have_value("Two kinds")


@pytest.mark.long
def test_a_new_connection_edited_on_the_way_is_chosen(visit):
    page = visit("ada")
    pane = opened(page, "Long way")
    pane.get_by_role("button", name="Add a connection").click()
    add_connection(pane, "Edited on the way", "Save and test")
    pane.get_by_role("button", name="Test again").click()
    pane.get_by_role("link", name="Edit connection").click()
    pane.get_by_role("link", name="Back to the export").click()
    expect(pane.locator("#id_connection option:checked")).to_have_text("Edited on the way")


def test_the_first_visit_guide_is_come_back_to(visit):
    page = visit("ada", "/e/empty/exports/")
    page.get_by_role("link", name="Add connection").click()
    add_connection(page.locator("main"), "The very first")
    page.wait_for_url("**/e/empty/exports/")
    expect(page.get_by_text("Connection “The very first” saved.")).to_be_visible()
    page.get_by_role("link", name="How to add tables").click()
    page.get_by_role("link", name="Back to exports").click()
    expect(page.get_by_role("heading", name="No exports yet")).to_be_visible()
    # Other tests count on nothing being there.
    page.goto("/e/empty/connections/")
    page.get_by_role("link", name="The very first").click()
    panel(page).get_by_role("link", name="Remove").click()
    panel(page).get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No connections yet")).to_be_visible()


def add_connection(place, name, save="Save"):
    """Set up a Local folder connection in the place that asks for one."""
    place.get_by_role("link", name=re.compile("Local folder")).first.click()
    place.get_by_label("Display name").fill(name)
    place.get_by_label("Folder", exact=False).first.fill(name.lower().replace(" ", "-"))
    place.get_by_role("checkbox", name=AGREE).check()
    place.get_by_role("button", name=save, exact=True).last.click()


@pytest.mark.long
def test_an_administrator_adds_a_connection_and_finds_what_was_typed(visit):
    page = visit("ada")
    pane = opened(page, "Half typed")
    pane.get_by_role("checkbox", name=re.compile("^Churn risk")).check()
    expect(pane.get_by_label("Name of EMail in the file")).to_be_visible()
    pane.get_by_role("checkbox", name="EMail", exact=True).check()
    pane.get_by_role("button", name="Add a connection").click()
    add_connection(pane, "From the pane")
    expect(pane.get_by_label("Name", exact=False).first).to_have_value("Half typed")
    expect(pane.locator("#id_connection option:checked")).to_have_text("From the pane")
    expect(pane.get_by_role("checkbox", name=re.compile("^Churn risk"))).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.locator("#confirm[open]")).to_be_visible()
    page.get_by_role("button", name="Keep editing").click()
    pane.get_by_role("button", name="Save", exact=True).last.click()
    expect(row_of(page, "Half typed")).to_contain_text("From the pane")


def test_an_administrator_adds_a_connection_without_scripts_or_comes_back(visit):
    page = visit("ada", EXPORTS + "add", java_script_enabled=False)
    page.get_by_label("Name", exact=False).first.fill("Slowly typed")
    page.get_by_role("button", name="Add a connection").click()
    page.get_by_role("link", name="Back to the export").click()
    expect(page.get_by_label("Name", exact=False).first).to_have_value("Slowly typed")
    page.get_by_role("button", name="Add a connection").click()
    add_connection(page.locator("main"), "Without scripts either")
    expect(page.get_by_label("Name", exact=False).first).to_have_value("Slowly typed")
    expect(page.locator("#id_connection option:checked")).to_have_text("Without scripts either")


@pytest.mark.long
def test_a_test_of_ten_is_followed_in_the_panel_and_the_status_stays(portal, visit):
    page = visit()
    pane = opened(page, "Try ten")
    choose_segment(pane)
    expect(pane.get_by_label("Name of EMail in the file")).to_be_visible()
    pane.get_by_label("More ways to save").click()
    pane.get_by_role("button", name="Save and send a test of 10").click()
    expect(pane.locator(".progress-state")).to_contain_text("Successful")
    page.keyboard.press("Escape")
    expect(pane).to_have_count(0)
    expect(row_of(page, "Try ten")).to_contain_text("Not started")
    (file,) = (portal.sftp_files / "partner" / "Try_ten" / "test").rglob("*.csv")
    assert len(file.read_bytes().splitlines()) == 11


def test_a_corrected_field_loses_its_error_at_once(visit):
    page = visit(expect=(422,))
    page.get_by_role("link", name="Add export").click()
    pane = panel(page)
    pane.get_by_role("button", name="Save", exact=True).last.click()
    lines = pane.locator("#export-errors li")
    expect(lines).to_have_count(3)
    name = pane.get_by_label("Name", exact=False).first
    name.fill("Corrected")
    expect(name).not_to_have_attribute("aria-invalid", "true")
    expect(lines).to_have_count(2)
    pane.locator("#id_connection").select_option(label="Partner SFTP")
    expect(lines).to_have_count(1)
    pane.get_by_role("checkbox", name=re.compile("^Churn risk")).check()
    expect(pane.locator("#export-errors")).to_have_count(0)
    expect(pane.locator(".field-error")).to_have_count(0)


@pytest.mark.long
def test_a_long_list_is_searched_and_ticked_at_once(visit):
    page = visit()
    pane = opened(page)
    pane.get_by_role("checkbox", name=re.compile("^Churn risk")).check()
    fields = pane.get_by_role("group", name=re.compile("^Fields to include"))
    expect(fields.locator("[id^='fields-count']")).to_have_text("0 of 16")
    find = fields.get_by_role("searchbox")
    find.fill("NAME")
    expect(fields.get_by_role("status")).to_have_text("2 of 16 shown")
    fields.get_by_role("button", name="Select all shown").click()
    expect(pane.locator("#export-preview th")).to_have_text(["FirstName", "LastName"])
    expect(fields.locator("[id^='fields-count']")).to_have_text("2 of 16")
    find.press("Enter")
    expect(pane).to_be_visible()
    find.press("Escape")
    expect(find).to_have_value("")
    expect(fields.get_by_role("checkbox", name="EMail", exact=True)).not_to_be_checked()


def test_what_is_typed_while_an_answer_is_slow_is_not_lost(visit):
    page = visit()
    pane = opened(page)
    waiting, slow = [], [True]
    page.route("**/exports/add", lambda route: waiting.append(route) if slow else route.continue_())
    pane.locator("#id_connection").select_option(label="Analytics folder")
    until(lambda: page.evaluate("1") and waiting)
    pane.get_by_role("checkbox", name=re.compile("^Churn risk")).check()
    pane.locator("#id_settings-delimiter").select_option("pipe")
    pane.get_by_label("Name", exact=False).first.fill("Quick hands")
    slow.clear()
    for route in waiting:
        route.continue_()
    expect(pane.get_by_role("heading", name="Local folder")).to_be_visible()
    expect(pane.get_by_label("Name of EMail in the file")).to_be_visible()
    expect(pane.get_by_role("checkbox", name=re.compile("^Churn risk"))).to_be_checked()
    expect(pane.locator("#id_settings-delimiter")).to_have_value("pipe")
    expect(pane.get_by_label("Name", exact=False).first).to_have_value("Quick hands")


def test_what_is_ticked_while_an_answer_is_slow_is_sent_by_a_quick_click(visit):
    page = visit(expect=(422,))
    pane = opened(page)
    waiting, slow = [], [True]
    page.route("**/exports/add", lambda route: waiting.append(route) if slow else route.continue_())
    pane.locator("#id_connection").select_option(label="Analytics folder")
    until(lambda: page.evaluate("1") and waiting)
    pane.get_by_label("Name", exact=False).first.fill("Quick save")
    pane.get_by_role("checkbox", name=re.compile("^Churn risk")).check()
    pane.get_by_role("button", name="Save", exact=True).last.click()
    slow.clear()
    for route in waiting:
        route.continue_()
    expect(pane.locator("#export-errors li")).to_have_text([re.compile("Choose at least one field")])
    expect(pane.get_by_role("checkbox", name=re.compile("^Churn risk"))).to_be_checked()


@pytest.mark.long
def test_an_export_is_set_up_by_the_keyboard_alone_in_the_order_of_the_screen(visit):
    page = visit()
    page.get_by_role("link", name="Add export").focus()
    page.keyboard.press("Enter")
    pane = panel(page)
    expect(pane.locator(".panel-title")).to_be_focused()

    def go_to(place):
        for _step in range(80):
            page.keyboard.press("Tab")
            if place.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError("Tab does not lead there.")

    go_to(pane.locator("#id_connection"))
    page.keyboard.type("Partner SFTP")
    expect(pane.get_by_role("heading", name="SFTP")).to_be_visible()
    expect(pane.locator("#id_connection")).to_be_focused()
    go_to(pane.locator("#id_name"))
    page.keyboard.type("By keyboard")
    go_to(pane.locator("#id_settings-delimiter"))
    page.keyboard.type("Semicolon")
    go_to(pane.get_by_role("radio", name=re.compile("^Segments")))
    page.keyboard.press("ArrowDown")
    expect(pane.get_by_role("radio", name=re.compile("^Tables"))).to_be_focused()
    purchases = pane.get_by_role("checkbox", name=re.compile("^Purchases"))
    expect(purchases).to_be_visible()
    go_to(purchases)
    page.keyboard.press("Space")
    expect(pane.locator("#export-preview th").first).to_be_visible()
    expect(purchases).to_be_focused()
    go_to(pane.get_by_role("button", name="Save", exact=True).last)
    page.keyboard.press("Enter")
    expect(row_of(page, "By keyboard")).to_contain_text("Not started")


# Nothing that axe finds


def tables_chosen(page):
    pane = opened(page)
    choose_tables(pane)
    pane.get_by_label("More ways to save").click()


def tables_refused(page):
    pane = opened(page)
    pane.get_by_role("radio", name=re.compile("^Tables")).check()
    expect(pane.get_by_role("checkbox", name=re.compile("^Purchases"))).to_be_visible()
    pane.get_by_role("button", name="Save", exact=True).last.click()
    expect(pane.locator("#export-errors")).to_be_visible()


def accounts_and_contacts(page):
    page.get_by_role("link", name="Add export").click()
    panel(page).get_by_role("checkbox", name=re.compile("^Key accounts")).check()
    panel(page).locator("[name^='include-']").first.check()
    expect(panel(page).locator("#export-preview tbody tr").first).to_be_visible()


def lost_draft(page):
    page.goto(EXPORTS + "add?draft=forged")


@pytest.mark.parametrize(
    "person, path, do",
    [
        ("ada", EXPORTS, tables_chosen),
        ("carl", EXPORTS, tables_refused),
        ("carl", BUSINESS, accounts_and_contacts),
        ("ada", EXPORTS, lost_draft),
        ("ada", "/e/empty/exports/add", lambda page: None),
    ],
    ids=["tables chosen", "tables refused", "accounts and contacts", "draft lost", "no connection"],
)
def test_there_is_nothing_that_axe_finds(visit, person, path, do):
    page = visit(person, path, expect=(422,), viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    do(page)
    found = {}
    for theme, width in (("light", 1440), ("dark", 390)):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        page.evaluate(AT_REST)
        if violations := problems(page):
            found[f"{theme}, {width} px"] = violations
    page.set_viewport_size({"width": NARROWEST, "height": 800})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= NARROWEST
    assert found == {}
