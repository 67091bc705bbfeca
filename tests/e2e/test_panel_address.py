"""A panel has an address on its list's own: reload, Back, Forward, a copied link and a log-in lead to it again."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

EXPORTS = "/e/contoso/exports/"
FILTERED = EXPORTS + "?status=successful&sort=-name"


def panel(page):
    return page.locator("#panel[open]")


def asked(page):
    return parse_qs(urlsplit(page.url).query)


def open_row(page, name="Autumn newsletter"):
    page.get_by_role("link", name=name, exact=True).click()
    expect(panel(page).get_by_label("Name", exact=False).first).to_have_value(name)
    page.wait_for_function("history.state?.panel")


def test_reload_back_and_forward_open_and_close_the_panel_over_the_filtered_list(visit):
    page = visit(path=FILTERED)
    rows = page.locator(".list .row-link").all_inner_texts()
    open_row(page)
    assert urlsplit(page.url).path == EXPORTS
    assert asked(page) | {"panel": ""} == {"status": ["successful"], "sort": ["-name"], "panel": ""}
    assert re.fullmatch(r"exports/\d+/", asked(page)["panel"][0])
    page.reload()
    expect(panel(page).get_by_label("Name", exact=False).first).to_have_value("Autumn newsletter")
    assert page.locator(".list .row-link").all_inner_texts() == rows
    assert page.locator("[href*='panel='], [hx-get*='panel=']").count() == 0, "no link repeats it"
    page.go_back()
    expect(panel(page)).to_have_count(0)
    expect(page).to_have_url(re.compile(re.escape(FILTERED) + "$"))
    expect(page.get_by_role("link", name="Autumn newsletter", exact=True)).to_be_focused()
    page.go_forward()
    expect(panel(page).get_by_label("Name", exact=False).first).to_have_value("Autumn newsletter")
    page.keyboard.press("Escape")
    expect(panel(page)).to_have_count(0)
    expect(page).to_have_url(re.compile(re.escape(FILTERED) + "$"))
    assert page.locator(".list .row-link").all_inner_texts() == rows


def test_the_address_follows_the_panel_and_back_asks_about_what_is_unsaved(visit):
    path = "/e/contoso/connections/"
    page = visit("ada", path)
    page.get_by_role("link", name="Add connection").first.click()
    expect(page).to_have_url(re.compile(r"panel=connections/add$"))
    panel(page).get_by_role("link", name=re.compile("^SF")).click()
    expect(page).to_have_url(re.compile(r"panel=connections/add/sftp$"))
    panel(page).get_by_label("Display name").fill("Half typed")
    page.go_back()
    page.locator("#confirm[open]").get_by_role("button", name="Keep editing").click()
    expect(page).to_have_url(re.compile(r"panel=connections/add/sftp$"))
    expect(panel(page).get_by_label("Display name")).to_have_value("Half typed")
    page.wait_for_function("history.state?.panel")
    page.go_back()
    page.locator("#confirm[open]").get_by_role("button", name="Discard").click()
    expect(panel(page)).to_have_count(0)
    expect(page).to_have_url(re.compile(f"{path}$"))


def test_a_copied_link_opens_the_panel_for_somebody_else_also_after_a_log_in(visit):
    page = visit(permissions=["clipboard-read", "clipboard-write"], path=FILTERED)
    open_row(page)
    panel(page).get_by_role("button", name="Copy link").click()
    expect(page.locator("#announce")).to_have_text("Link copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    other = visit("nobody", link)
    other.get_by_label("User").fill("vera")
    other.locator("#id_password").fill("waybill-demo")
    other.get_by_role("button", name="Log in", exact=True).click()
    expect(panel(other).get_by_role("heading", name="View export")).to_be_visible()
    assert other.url == link
    other.keyboard.press("Escape")
    expect(other).to_have_url(re.compile(re.escape(FILTERED) + "$"))


FORGED = [
    "https://example.com/",
    "//example.com/",
    "/logout/",
    "../../logout/",
    "exports/",
    "exports/run",
    "exports/download",
    "exports/../../other/exports/add",
    "javascript:alert(1)",
]


def test_nothing_else_is_opened(visit):
    page = visit(path=f"{EXPORTS}?panel=exports/add")
    expect(panel(page)).to_be_visible()
    asked_for = []
    page.on("request", lambda request: asked_for.append(request.url))
    for value in FORGED:
        page.goto(f"{EXPORTS}?q=call&panel={value}")
        expect(page).to_have_url(re.compile(r"exports/\?q=call$"))
        expect(panel(page)).to_have_count(0)
    assert not [url for url in asked_for if "example" in urlsplit(url).netloc or "logout" in urlsplit(url).path]


def test_what_is_gone_or_forbidden_is_said_and_leaves_the_address(visit):
    page = visit("vera", f"{EXPORTS}?panel=exports/add", expect=(403, 404))
    expect(page.locator(".notice", has_text="You don't have access to this")).to_be_visible()
    expect(page).to_have_url(re.compile(f"{EXPORTS}$"))
    page.goto(f"{EXPORTS}?panel=exports/999999/")
    expect(page.locator(".notice", has_text="no longer exists")).to_be_visible()
    expect(page).to_have_url(re.compile(f"{EXPORTS}$"))


OTHERS = {
    "connections": ("ada", "/e/contoso/connections/", ".list .row-link", r"panel=connections/\d+"),
    "people": ("ada", "/e/contoso/permissions/", ".list .row-link", r"panel=permissions/\d+"),
    "segments": ("carl", "/e/contoso/segments/", ".list .row-link", r"panel=segments/\d+"),
    "history": ("carl", "/e/contoso/exports/history", ".list .row-link", r"panel=exports/\d+/runs/"),
    "bell": ("carl", "/e/contoso/tables/", "#bell a", r"panel=alerts/"),
    "system": ("ada", "/e/contoso/system/", ".list .row-link", r"panel="),
}


@pytest.mark.long
@pytest.mark.parametrize("page_of", OTHERS)
def test_panels_of_other_pages_come_back_after_a_reload(visit, page_of):
    person, path, link, address = OTHERS[page_of]
    page = visit(person, path)
    page.locator(link).first.click()
    expect(panel(page).locator(".panel-title")).to_be_visible()
    expect(page).to_have_url(re.compile(address))
    title = panel(page).locator(".panel-header").inner_text()
    page.reload()
    expect(panel(page).locator(".panel-header")).to_have_text(re.compile(re.escape(title.split("\n")[0])))


def test_a_question_about_several_rows_has_an_address_too(visit):
    page = visit(viewport={"width": 1440, "height": 900})
    for box in page.locator(".list tbody [data-select]").all()[:2]:
        box.check()
    page.get_by_role("toolbar").get_by_role("button", name="Remove", exact=True).click()
    expect(panel(page)).to_contain_text("Remove 2 exports?")
    page.reload()
    expect(panel(page)).to_contain_text("Remove 2 exports?")
    assert len(parse_qs(urlsplit(asked(page)["panel"][0]).query)["id"]) == 2
    panel(page).get_by_role("link", name="Cancel").click()
    expect(panel(page)).to_have_count(0)
