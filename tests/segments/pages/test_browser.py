"""Segments in a real browser, with and without scripts, and checked by axe."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from playwright.sync_api import Page, expect

from roles.roles import Role
from segments import tasks
from segments.models import Segment
from tests.factories import make_environment, make_member, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def open_page(live_server, chromium):
    """Return a function that opens the Segments page as a contributor."""
    environment = make_environment("contoso", name="Contoso")
    make_segment(make_table(environment), "Londoners", [{"field": "City", "operator": "equals", "value": "London"}])
    make_member(environment, Role.CONTRIBUTOR, "carl")
    opened = []

    def open_it(**options) -> Page:
        opened.append(chromium.new_context(**options))
        page = opened[-1].new_page()
        page.goto(f"{live_server.url}/login/?next=/e/contoso/segments/")
        page.get_by_label("User").fill("carl")
        page.get_by_label("Password").fill("carl")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Segments")).to_be_visible()
        return page

    yield open_it
    for context in opened:
        context.close()
    connections.close_all()  # Django keeps one more for code that runs beside Playwright's loop


def problems(page):
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in Axe().run(page).response["violations"]]


@pytest.mark.long
def test_a_segment_is_made_in_the_panel(open_page):
    page = open_page()
    page.get_by_role("link", name="Add segment").click()
    panel = page.get_by_role("dialog")
    panel.get_by_label("Name").fill("Early or rich")
    panel.get_by_label("People who meet any condition").check()
    panel.get_by_role("button", name="Add condition").click()
    expect(page.locator("#condition-field-1")).to_be_focused()
    page.locator("#condition-field-1").select_option("JoinedOn")
    expect(page.locator("#condition-note-1")).to_contain_text("e.g. 2024-01-31")
    page.locator("#condition-operator-1").select_option(label="is before")
    page.locator("#condition-value-1").fill("2020-01-01")
    panel.get_by_role("button", name="Add condition").click()
    page.locator("#condition-field-2").select_option("Income")
    panel.get_by_role("button", name="Add condition").click()
    expect(page.locator(".condition")).to_have_count(3)
    panel.get_by_role("button", name="Remove condition 3").click()
    expect(page.locator(".condition")).to_have_count(2)
    page.locator("#condition-operator-2").select_option("empty")
    expect(page.locator("#condition-value-2")).to_be_hidden()
    page.locator("#condition-operator-2").select_option("at_least")
    page.locator("#condition-value-2").fill("abc")
    page.locator("#condition-value-2").blur()
    expect(panel.get_by_text("Income: “abc” is not a number.")).to_be_visible()
    expect(page.locator("#condition-value-2")).to_have_attribute("aria-invalid", "true")
    panel.get_by_role("button", name="Save").last.click()
    expect(page.locator("#condition-value-2")).to_be_focused()
    page.locator("#condition-value-2").fill("5000")
    panel.get_by_role("button", name="Count matches").click()
    expect(panel.get_by_text("3 of 5 match")).to_be_visible()
    panel.get_by_role("button", name="Save").last.click()
    row = page.get_by_role("row").filter(has_text="Early or rich")
    expect(row).to_contain_text("Refreshing")
    tasks.refresh_segment(Segment.objects.get(name="Early or rich").pk)
    expect(row).to_contain_text("Ready")
    expect(row).to_contain_text("3")


@pytest.mark.long
def test_a_segment_is_made_without_scripts(open_page):
    page = open_page(java_script_enabled=False)
    page.get_by_role("link", name="Add segment").click()
    page.get_by_label("Name").fill("Parisians")
    page.get_by_role("button", name="Add condition").click()
    page.locator("#condition-field-1").select_option("City")
    page.locator("#condition-value-1").fill("Paris")
    page.get_by_role("button", name="Count matches").click()
    expect(page.get_by_text("1 of 5 match")).to_be_visible()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Segment “Parisians” saved.")).to_be_visible()
    assert Segment.objects.get(name="Parisians").conditions[0]["value"] == "Paris"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="light"),
        pytest.param({"color_scheme": "dark"}, id="dark", marks=pytest.mark.long),
        pytest.param({"viewport": {"width": 390, "height": 800}}, id="narrow", marks=pytest.mark.long),
    ],
)
def test_pages_and_panels_are_accessible(open_page, options):
    page = open_page(reduced_motion="reduce", **options)
    assert problems(page) == []
    page.get_by_role("link", name="Londoners").click()
    page.locator("#condition-value-1").fill("")
    page.get_by_role("dialog").get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("City: enter a value")).to_be_visible()
    assert problems(page) == []
    page.goto(page.url.partition("?")[0].replace("segments/", "tables/"))
    assert problems(page) == []
    page.get_by_role("link", name="Customers").click()
    expect(page.get_by_role("heading", name="Fields")).to_be_visible()
    assert problems(page) == []
