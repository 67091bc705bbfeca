"""Help, and adding a connection from inside an export, in a real browser with and without scripts; checked by axe."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from playwright.sync_api import Page, expect

from connections.models import Connection
from roles.roles import Role
from tests.e2e.bar import command
from tests.factories import make_connection, make_environment, make_member

pytestmark = pytest.mark.django_db(transaction=True)
LOOKS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 844}},
}
EACH_LOOK = pytest.mark.parametrize(
    "look", ["light", *(pytest.param(look, marks=pytest.mark.long) for look in ("dark", "narrow"))]
)


@pytest.fixture
def open_page(live_server, chromium):
    """Return a function that opens a page of the environment as somebody."""
    environment = make_environment("contoso", name="Contoso")
    make_connection(environment, "Call list")
    make_member(environment, Role.ADMINISTRATOR, "ada")
    make_member(environment, Role.CONTRIBUTOR, "carl")
    make_member(environment, Role.VIEWER, "vera")
    opened = []

    def open_it(name: str, path: str, **options) -> Page:
        opened.append(chromium.new_context(reduced_motion="reduce", **options))
        page = opened[-1].new_page()
        page.goto(f"{live_server.url}/login/?next=/e/contoso/{path}")
        page.get_by_label("User").fill(name)
        page.get_by_label("Password").fill(name)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("h1").first).to_be_visible()
        return page

    yield open_it
    for context in opened:
        context.close()
    connections.close_all()  # Django keeps one more for code that runs beside Playwright's loop


def problems(page: Page) -> list[tuple[str, str]]:
    """What axe finds, and whether the page is wider than its window."""
    found = [(one["id"], one["nodes"][0]["html"][:200]) for one in Axe().run(page).response["violations"]]
    is_too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return found + ([("too wide", page.url)] if is_too_wide else [])


def fill_in(page: Page) -> None:
    page.get_by_label("Display name").fill("New folder")
    page.get_by_label("Folder", exact=True).fill("from-the-pane")
    page.get_by_label("I agree").check()


def chosen(page: Page) -> str:
    return page.locator("#id_connection").evaluate("list => list.selectedOptions[0].text")


def test_a_connection_is_added_from_inside_an_export_and_nothing_typed_is_lost(open_page):
    page = open_page("ada", "exports/")
    page.get_by_role("link", name="Add export").first.click()
    panel = page.get_by_role("dialog")
    panel.get_by_label("Name", exact=False).first.fill("Typed before")
    address = page.url
    panel.get_by_role("button", name="Add a connection").click()
    panel.get_by_role("link", name="Help on Local folder").click()
    panel.get_by_role("link", name="Set up a connection").click()
    fill_in(page)
    panel.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#announce")).to_have_text("Connection “New folder” saved.")
    expect(page.locator("#id_name")).to_have_value("Typed before")
    assert chosen(page) == "New folder"
    assert page.url.startswith(address)  # the panel's address has the draft now, which a reload finds
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Discard your changes?")).to_be_visible()


def test_whoever_goes_back_without_adding_one_finds_what_was_typed(open_page):
    page = open_page("ada", "exports/")
    page.get_by_role("link", name="Add export").first.click()
    panel = page.get_by_role("dialog")
    page.locator("#id_name").fill("Typed before")
    panel.get_by_role("button", name="Add a connection").click()
    panel.get_by_role("link", name="Local folder").first.click()
    panel.get_by_role("link", name="Back to the export").click()
    expect(page.locator("#id_name")).to_have_value("Typed before")
    assert Connection.objects.count() == 1


def test_a_connection_is_added_from_inside_an_export_without_scripts(open_page):
    page = open_page("ada", "exports/add", java_script_enabled=False)
    page.locator("#id_name").fill("Typed before")
    page.get_by_role("button", name="Add a connection").click()
    page.get_by_role("link", name="Local folder").first.click()
    fill_in(page)
    page.get_by_role("button", name="Save and test").click()
    page.get_by_role("link", name="Back to the export").click()
    expect(page.locator("#id_name")).to_have_value("Typed before")
    expect(page.locator("#id_connection option:checked")).to_have_text("New folder")


@EACH_LOOK
def test_help_and_types_are_accessible_and_fit(open_page, look):
    page = open_page("ada", "connections/", **LOOKS[look])
    page.get_by_role("link", name="Add connection").click()
    expect(page.get_by_role("link", name="Help on SFTP")).to_be_visible()
    assert problems(page) == []
    page.get_by_role("link", name="Help on SFTP").click()
    expect(page.get_by_role("heading", name="What it takes")).to_be_visible()
    assert problems(page) == []


@EACH_LOOK
def test_a_viewer_reads_help_from_the_list_and_on_a_page_of_its_own(open_page, look):
    page = open_page("vera", "connections/", **LOOKS[look])
    page.get_by_role("link", name="Local folder").click()
    expect(page.get_by_role("dialog").get_by_role("heading", name="What it takes")).to_be_visible()
    assert problems(page) == []
    page.goto(page.url.partition("?")[0] + "types/sftp")
    expect(page.get_by_role("heading", level=1)).to_have_text("SFTP")
    assert problems(page) == []


def named() -> list[str]:
    return [user.username for user in Connection.objects.get(name="Call list").shared_with.order_by("username")]


@EACH_LOOK
def test_who_can_use_a_connection_is_chosen_from_the_list(open_page, look):
    page = open_page("ada", "connections/", **LOOKS[look])
    page.get_by_role("checkbox", name="Call list").check()
    command(page, "Choose who can use it").click()
    panel = page.get_by_role("dialog")
    panel.get_by_role("radio", name="Administrators only").check()
    expect(panel.get_by_role("checkbox", name="carl")).to_be_hidden()
    panel.get_by_role("radio", name="Named contributors").check()
    panel.get_by_role("checkbox", name="carl").check()
    assert problems(page) == []
    panel.get_by_role("button", name="Save").click()
    expect(page.locator("#announce")).to_have_text("Sharing of “Call list” saved.")
    expect(page.locator("#list .cell-connection")).to_have_text("carl")
    assert named() == ["carl"]
    assert problems(page) == []


def test_among_many_contributors_one_is_found_and_ticked(open_page):
    page = open_page("ada", "connections/")
    environment = Connection.objects.get(name="Call list").environment
    for number in range(30):
        make_member(environment, Role.CONTRIBUTOR, f"person{number:02}")
    page.locator(".list tbody summary").first.click()
    page.get_by_role("link", name="Choose who can use it").click()
    panel = page.get_by_role("dialog")
    panel.get_by_role("radio", name="Named contributors").check()
    panel.get_by_role("searchbox").fill("person17")
    expect(panel.locator("[data-pick]:visible")).to_have_count(1)
    panel.get_by_role("checkbox", name="person17").check()
    panel.get_by_role("button", name="Save").click()
    expect(page.locator("#announce")).to_have_text("Sharing of “Call list” saved.")
    assert named() == ["person17"]


def test_who_can_use_a_connection_is_chosen_without_scripts(open_page):
    page = open_page("ada", "connections/", java_script_enabled=False)
    page.locator(".list tbody summary").first.click()
    page.get_by_role("link", name="Choose who can use it").click()
    page.get_by_role("radio", name="Named contributors").check()
    page.get_by_role("checkbox", name="carl").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Sharing of “Call list” saved.")).to_be_visible()
    assert named() == ["carl"]


def test_a_stored_secret_is_replaced_or_kept_after_all(open_page):
    page = open_page("ada", "connections/", java_script_enabled=False)
    connection = Connection.objects.get(name="Call list")
    connection.type, connection.settings = "sftp", {"host": "sftp.example", "port": 22, "username": "x", "folder": ""}
    connection.set_secrets({"password": "planted"})
    connection.save()
    page.get_by_role("link", name="Call list").click()
    password = page.locator("#id_settings-password")
    expect(password).to_be_hidden()
    page.get_by_role("radio", name="Replace").check()
    expect(password).to_be_visible()
    page.get_by_role("radio", name="Stored since").check()
    expect(password).to_be_hidden()
    assert "planted" not in page.content()


@EACH_LOOK
@pytest.mark.parametrize("person", ["ada", "carl"])
def test_discover_is_accessible_fits_and_leads_on(open_page, person, look):
    page = open_page(person, "connections/", **LOOKS[look])
    page.get_by_role("link", name="Discover").click()
    expect(page.get_by_role("heading", name="SFTP")).to_be_visible()
    assert problems(page) == []
    expect(page.get_by_role("link", name="Set up")).to_have_count(2 if person == "ada" else 0)
    page.get_by_role("link", name="Help").first.click()
    expect(page.get_by_role("dialog").get_by_role("heading", name="What it takes")).to_be_visible()
