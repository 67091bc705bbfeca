"""The front door in a browser: a session that ends under a half-filled pane, the second factor, one's account."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PASSWORD

EXPORTS = "/e/contoso/exports/"


@pytest.fixture
def enter(visit):
    """Return a function that logs somebody in anew: their other sessions are let be."""

    def log_in(person="carl", path=EXPORTS, **options):
        page = visit("nobody", f"/login/?next={path}", **options)
        fill_in(page, person)
        page.wait_for_url(f"**{path}")
        return page

    return log_in


def fill_in(page, person):
    page.get_by_label("User").fill(person)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def panel(page):
    return page.locator("#panel[open]")


def half_fill(page):
    page.get_by_role("link", name="Add export").first.click()
    panel(page).get_by_label("Name", exact=False).first.fill("Half typed")


def try_to_save(page):
    panel(page).get_by_role("button", name="Save", exact=True).last.click()


def forget_session(page):
    """Let the session end: the cookie stays as it would, the server no longer knows it."""
    page.context.clear_cookies(name=re.compile("session"))


@pytest.mark.long
def test_what_is_typed_survives_a_session_that_ends_and_is_saved_after_a_log_in_in_another_tab(enter):
    page = enter(expect=(403, 422))
    half_fill(page)
    forget_session(page)
    try_to_save(page)
    notice = panel(page).get_by_text("Your session expired; nothing is lost.")
    expect(notice).to_be_visible()
    with page.context.expect_page() as opened:
        panel(page).get_by_role("link", name="Log in in another tab").click()
    other = opened.value
    fill_in(other, "carl")
    other.wait_for_url(f"**{EXPORTS}")
    other.close()
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(notice).to_have_count(0)
    expect(page.locator("#announce")).to_have_text("You are logged in again. Save now.")
    expect(panel(page).get_by_label("Name", exact=False).first).to_have_value("Half typed")
    try_to_save(page)
    expect(panel(page).locator("[aria-invalid='true']").first).to_be_visible()  # saved but for the connection
    expect(panel(page).get_by_label("Name", exact=False).first).to_have_value("Half typed")


@pytest.mark.long
def test_somebody_else_in_the_other_tab_does_not_save_it(enter):
    page = enter()
    half_fill(page)
    forget_session(page)
    try_to_save(page)
    other = page.context.new_page()
    other.goto("/login/")
    fill_in(other, "vera")
    other.wait_for_url(f"**{EXPORTS}")
    other.close()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(panel(page).get_by_text("Another person is logged in now.")).to_be_visible()


@pytest.mark.long
def test_a_pane_older_than_the_log_in_of_another_tab_is_brought_up_to_date(enter):
    page = enter(expect=(403, 422))
    half_fill(page)
    other = page.context.new_page()
    other.goto("/account/")
    other.evaluate("document.querySelector(\"form[action='/logout/']\").submit()")
    other.wait_for_url("**/login/")
    fill_in(other, "carl")
    other.wait_for_url(f"**{EXPORTS}")
    other.close()
    token = panel(page).locator("[name='csrfmiddlewaretoken']").first
    old = token.input_value()
    try_to_save(page)
    expect(panel(page).get_by_text("try again")).to_be_visible()
    expect(token).not_to_have_value(old)  # brought up to date in the background
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.status == 422):
        try_to_save(page)


def test_a_page_without_unsaved_input_goes_to_the_log_in_and_comes_back(enter):
    page = enter()
    forget_session(page)
    page.locator(".list .row-link").first.click()
    page.wait_for_url(re.compile(r"/login/\?next="))
    fill_in(page, "carl")
    page.wait_for_url(f"**{EXPORTS}")


@pytest.mark.long
def test_a_session_is_ended_from_the_account_and_the_other_browser_is_out(enter):
    here, there = enter(), enter()
    here.goto("/account/")
    here.get_by_role("button", name=re.compile("^End the session with")).first.click()  # the last one that began
    expect(here.get_by_text("Session with Chrome on Linux ended.")).to_be_visible()
    there.reload()
    there.wait_for_url(re.compile(r"/login/\?next="))
    here.reload()
    expect(here.get_by_role("heading", name="Your account")).to_be_visible()
