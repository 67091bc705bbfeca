"""Forms by keyboard: links to what is wrong, saving from anywhere, and a fingerprint that nobody confirms unseen."""

import pytest
from playwright.sync_api import expect

EXPORTS, CONNECTIONS = "/e/contoso/exports/", "/e/contoso/connections/"
SETTINGS = "SELECT settings FROM connections_connection WHERE name = 'Partner SFTP'"
IN_PANEL = "!!document.activeElement.closest('#panel') && document.activeElement.matches('input, select, textarea')"


def panel(page):
    return page.locator("#panel[open]")


FORMS = {
    "export": ("carl", EXPORTS + "?panel=exports/add"),
    "connection": ("ada", CONNECTIONS + "?panel=connections/add/sftp"),
    "segment": ("carl", "/e/contoso/segments/?panel=segments/add"),
    "person": ("ada", "/e/contoso/permissions/?panel=permissions/add"),
    "channel": ("ada", "/e/contoso/alerts/channels?panel=alerts/channels/add/email"),
}


@pytest.mark.parametrize("name", ["export", *(pytest.param(one, marks=pytest.mark.long) for one in list(FORMS)[1:])])
def test_ctrl_enter_saves_and_links_to_what_is_wrong_lead_to_their_fields(visit, name):
    page = visit(*FORMS[name], expect=(422,))
    panel(page).locator("input:visible, select:visible").first.focus()
    page.keyboard.press("Control+Enter" if name != "segment" else "Meta+Enter")
    links = panel(page).locator(".notice.tone-danger a")
    expect(links.first).to_be_visible()
    for link in links.all():
        link.click()
        assert page.evaluate(IN_PANEL), link.inner_text()
        expect(page.locator(":focus")).to_be_in_viewport()
    expect(page.locator("#confirm[open]")).to_have_count(0)
    assert "#" not in page.url
    page.go_back()
    expect(panel(page)).to_have_count(0)


def test_a_fingerprint_is_ticked_by_the_person_and_on_the_screen_when_it_is_saved(visit, portal):
    ((settings,),) = portal.query(SETTINGS)
    path, narrow = CONNECTIONS + "?panel=connections/add/sftp", {"width": 390, "height": 700}
    page = visit("ada", path, expect=(422,), viewport=narrow)
    form = panel(page)
    form.get_by_label("Display name").fill("Unseen")
    for name in ("host", "port", "username"):
        form.locator(f"#id_settings-{name}").fill(str(settings[name]))
    form.locator("#id_settings-password").fill("waybill-demo")
    form.locator("#id_agree").check()
    form.locator(".panel-footer").get_by_role("button", name="Save", exact=True).click()
    box = form.get_by_label("Yes, this is the right server")
    expect(box).to_be_in_viewport()
    expect(box).not_to_be_checked()
    sent = []
    page.on("request", lambda request: sent.append(request.method) if request.method == "POST" else None)
    save = form.locator(".panel-footer").get_by_role("button", name="Save", exact=True)
    for is_ticked in (False, True):
        if is_ticked:
            box.check()
        page.locator("#panel .panel-body").evaluate("body => body.scrollTo(0, body.scrollHeight)")
        expect(box).not_to_be_in_viewport()
        save.click()
        expect(box).to_be_focused()
        expect(box).to_be_in_viewport()
        expect(form.get_by_text("SHA256:")).to_be_in_viewport()
    assert sent == []
    save.click()
    expect(panel(page)).to_have_count(0)
    expect(page.get_by_role("link", name="Unseen")).to_be_visible()
    portal.query("DELETE FROM connections_connection WHERE name = 'Unseen' RETURNING id")


def test_the_list_of_keys_can_be_opened_and_the_single_ones_switched_off(visit):
    page = visit()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_contain_text("Go to the search")
    keys.get_by_label("Use shortcuts of one letter or sign").uncheck()
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(keys).to_have_count(0)
    expect(page.locator("#search")).not_to_be_focused()
    page.reload()
    page.get_by_label("User carl").click()
    expect(page.get_by_role("link", name="Help", exact=True)).to_be_visible()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    keys.get_by_label("Use shortcuts of one letter or sign").check()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#search")).to_have_value("?")
    expect(keys).to_have_count(0)


def test_selecting_a_row_hides_no_command_and_viewers_select_for_theirs(visit):
    for person, theirs in (("carl", ["Edit", "Run"]), ("vera", ["View", "Progress details"])):
        page = visit(person, viewport={"width": 1440, "height": 900})
        commands = page.locator(".commands > .command:visible")
        before = commands.all_inner_texts()
        page.locator(".list tbody [data-select]").first.check()
        expect(page.locator(".commands > .command:visible", has_text=theirs[-1]).first).to_be_visible()
        assert commands.all_inner_texts()[: len(before)] == before
        assert set(theirs) <= set(commands.all_inner_texts())


def test_what_was_done_is_said_in_one_place_that_the_bar_does_not_hide(visit):
    page = visit(viewport={"width": 1280, "height": 500})
    page.evaluate("scrollTo(0, 400)")
    page.evaluate("document.dispatchEvent(new CustomEvent('notice', {detail: {tone: 'warning', text: 'Left out.'}}))")
    page.evaluate("document.dispatchEvent(new CustomEvent('announce', {detail: 'Done.'}))")
    expect(page.locator("#status-line[data-on]")).to_contain_text("Done.")
    for text in ("Left out.", "Done."):
        shown = page.locator("#results").get_by_text(text)
        expect(shown).to_be_in_viewport(ratio=1)
        box = shown.bounding_box()
        at = [box["x"] + 2, box["y"] + box["height"] / 2]
        assert page.evaluate("([x, y]) => !!document.elementFromPoint(x, y).closest('#results')", at)
