"""Focus and pointer move nothing on a list, so that a click meets what it was aimed at."""

import pytest
from playwright.sync_api import expect

EXPORTS = "/e/contoso/exports/"
PLACES = "[...document.querySelectorAll('.list tbody tr')].map(row => row.getBoundingClientRect().top)"
LONG = """() => {
  for (const row of document.querySelectorAll('.list tbody tr')) {
    const cut = row.querySelectorAll('.cut > .row-link, .cut > .clamp > span, .status-link .clamp > span');
    for (const one of cut) one.append(' and many words more'.repeat(8));
  }
}"""
LISTS = {
    "exports": ("ada", EXPORTS),
    "connections": ("ada", "/e/contoso/connections/"),
    "people": ("ada", "/e/contoso/permissions/"),
    "segments": ("carl", "/e/contoso/segments/"),
    "system": ("ada", "/e/contoso/system/"),
}


@pytest.mark.parametrize(
    "name", [name if name == "exports" else pytest.param(name, marks=pytest.mark.long) for name in LISTS]
)
def test_no_row_moves_below_the_pointer_or_with_the_focus(visit, name):
    page = visit(*LISTS[name], viewport={"width": 1440, "height": 900})
    page.evaluate(LONG)
    before = page.evaluate(PLACES)
    assert len(before) > 1
    page.keyboard.press("Tab")
    for row in page.locator(".list tbody tr").all()[:3]:
        for link in row.locator("a:visible, summary:visible").all():
            link.focus()
            assert page.evaluate(PLACES) == before
        row.locator("td").nth(1).hover()
        assert page.evaluate(PLACES) == before


def test_after_a_panel_is_closed_the_next_click_opens_what_it_was_aimed_at(visit):
    page = visit(viewport={"width": 1440, "height": 900})
    page.evaluate(LONG)
    first, second = (page.locator(".list tbody .status-link").nth(number) for number in (0, 1))
    first.click()
    title = page.locator("#panel[open] .panel-subtitle")
    expect(title).to_be_visible()
    was = title.inner_text()
    page.keyboard.press("Escape")
    expect(page.locator("#panel[open]")).to_have_count(0)
    second.click()
    expect(title).to_be_visible()
    expect(title).not_to_have_text(was)
