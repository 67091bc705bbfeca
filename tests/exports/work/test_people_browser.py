"""A run to a target that takes people, in a real browser: from the click on Run to its end."""

import re

import pytest
from django.db import connections
from playwright.sync_api import Page, expect

from roles.roles import Role
from tests.exports.work.people import EVERYBODY, export, lists  # noqa: F401
from tests.exports.work.test_people import FOREIGN
from tests.exports.work.test_run import in_thread
from tests.factories import make_member
from tests.until import until

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60.0  # seconds, on a busy machine


@pytest.fixture
def page(live_server, chromium, environment, export):  # noqa: F811
    """The list of exports, before a contributor."""
    make_member(environment, Role.CONTRIBUTOR, "carl")
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{live_server.url}/login/?next=/e/{environment.slug}/exports/")
    page.get_by_label("User").fill("carl")
    page.get_by_label("Password").fill("carl")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Weekly news", exact=True)).to_be_visible()
    yield page
    context.close()
    connections.close_all()  # Django keeps one more for code that runs beside Playwright's loop


def row_of(page: Page):
    return page.locator("table.list tbody tr")


def work():
    from exports.work.watch import work_until_idle

    return in_thread(work_until_idle)


def run_until_the_first_batch(page: Page, lists):  # noqa: F811
    """Click on Run, let a worker send one batch, and open the details; return its thread and the panel."""
    lists.stops_after = 1
    row_of(page).locator("summary").click()
    row_of(page).get_by_role("button", name="Run", exact=True).click()
    expect(row_of(page)).to_contain_text("Queued")
    worker = work()
    until(lambda: lists.is_stopped, PATIENCE, "the first batch")
    row_of(page).locator(".status-link").click()
    panel = page.locator("#panel[open]")
    expect(panel.locator("#progress-bar")).to_contain_text("2 people of 5")
    return worker, panel


@pytest.mark.long
def test_a_run_goes_from_a_click_to_its_end_and_says_people(page, lists):  # noqa: F811
    worker, panel = run_until_the_first_batch(page, lists)
    lists.goes_on.set()
    worker.join(PATIENCE)
    expect(panel.locator(".progress-state")).to_contain_text("Successful")
    expect(panel.locator("#progress-items")).to_contain_text("People by segment")
    expect(panel.locator("#progress-steps")).to_contain_text("5 people at the destination")
    panel.locator("#progress-log summary").first.click()
    expect(panel.locator("#progress-log")).to_contain_text("Successful: 5 people")
    assert FOREIGN.findall(panel.inner_text()) == []
    page.keyboard.press("Escape")
    expect(row_of(page)).to_contain_text(re.compile("Successful.*5 people", re.DOTALL))
    assert lists.people("Everybody") == EVERYBODY


@pytest.mark.long
def test_a_cancel_in_the_middle_says_what_was_sent(page, lists):  # noqa: F811
    worker, panel = run_until_the_first_batch(page, lists)
    panel.get_by_role("button", name="Cancel job").click()
    worker.join(PATIENCE)
    expect(panel.locator(".progress-state")).to_contain_text("Canceled")
    expect(panel.locator("#progress-message")).to_contain_text("2 people were sent before and stay there.")
    assert len(lists.people("Everybody")) == 2
