"""Every page and every state of a panel: no violation that axe finds, light and dark, wide and narrow."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.bar import command

EXPORTS, CONNECTIONS = "/e/contoso/exports/", "/e/contoso/connections/"
PEOPLE = "/e/contoso/permissions/"
NARROWEST = 360
# Colours that are still changing are neither theme's; a colour that is inherited changes one element a frame.
AT_REST = """async () => {
  const moving = () => document.getAnimations().some((one) => one.playState === "running");
  for (let calm = 0, frames = 0; calm < 4 && frames < 100; calm = moving() ? 0 : calm + 1, frames += 1)
    await new Promise(requestAnimationFrame);
}"""


class Shown(NamedTuple):
    """A state of a page: who opens which address, and what they do there."""

    person: str
    path: str
    do: Callable[[Page], object] = lambda page: None
    statuses: tuple[int, ...] = ()


def panel(page):
    return page.locator("#panel[open]")


def opened(page, link):
    """Open a panel by the first link of that name."""
    page.get_by_role("link", name=link, exact=True).first.click()
    expect(panel(page).locator(".panel-title")).to_be_visible()


def status(page, name):
    page.locator("tr", has=page.get_by_role("link", name=name, exact=True)).locator(".status-link").click()
    expect(panel(page).get_by_role("heading", name="Progress details")).to_be_visible()


def refused(page, link):
    opened(page, link)
    panel(page).get_by_role("button", name="Save", exact=True).last.click()
    expect(panel(page).locator("[aria-invalid='true']").first).to_be_visible()


def set_up(page):
    opened(page, "Add export")
    panel(page).get_by_label("Connection").select_option(label="Partner SFTP")
    expect(panel(page).get_by_role("heading", name="SFTP")).to_be_visible()
    panel(page).get_by_role("checkbox", name=re.compile("^Churn risk")).check()
    panel(page).locator("[name^='include-']").first.check()
    expect(panel(page).locator("#export-preview tbody tr").first).to_be_visible()


def removed(page):
    select(page)
    command(page, "Remove").click()
    expect(panel(page).get_by_role("heading", name=re.compile("^Remove"))).to_be_visible()


def select(page):
    for box in page.locator(".list tbody [data-select]").all()[:2]:
        box.check()


def asked(page):
    opened(page, "Add export")
    panel(page).get_by_label("Name", exact=False).first.fill("Half typed")
    page.keyboard.press("Escape")
    expect(page.locator("#confirm[open]")).to_be_visible()


def sftp_form(page):
    opened(page, "Add connection")
    panel(page).get_by_role("link", name=re.compile("^SF")).click()
    expect(panel(page).get_by_label("Display name")).to_be_visible()


def sftp_refused(page):
    sftp_form(page)
    panel(page).get_by_role("button", name="Save", exact=True).click()
    expect(panel(page).locator("[aria-invalid='true']").first).to_be_visible()


def own_role_refused(page):
    opened(page, "Ada Okafor")
    panel(page).get_by_role("radio", name=re.compile("^Viewer")).check()
    panel(page).get_by_role("button", name="Save", exact=True).click()
    expect(panel(page).locator("[aria-invalid='true']").first).to_be_visible()


def unknown_person(page):
    opened(page, "Add person")
    panel(page).get_by_label("User name or e-mail").fill("nobody@example.com")
    panel(page).get_by_role("button", name="Add", exact=True).click()
    expect(panel(page).get_by_role("button", name="Create invitation")).to_be_visible()


def first_link(kind):
    return lambda page: page.locator(kind).first.click()


def connection_status(page):
    page.locator(".cell-status .status-link").first.click()
    expect(panel(page).get_by_role("heading", name="Test connection")).to_be_visible()


def select_one(page):
    page.locator(".list tbody [data-select]").first.check()


def sharing(page):
    select_one(page)
    command(page, "Choose who can use it").click()
    panel(page).get_by_role("radio", name="Named contributors").check()
    expect(panel(page).get_by_role("checkbox").first).to_be_visible()


def menu(page):
    page.locator(".list tbody summary").first.click()


def log_in_refused(page):
    page.get_by_label("User").fill("nobody")
    page.locator("#id_password").fill("wrong")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_text("Wrong user name or password.")).to_be_visible()


def confirmed(page):
    """Give the password again, unless the session has just done that."""
    expect(page.locator("#id_password, .qr")).to_be_visible()
    if page.locator("#id_password").count():
        page.locator("#id_password").fill("waybill-demo")
        page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".qr")).to_be_visible()


def session_ended(page):
    opened(page, "Add export")
    panel(page).get_by_label("Name", exact=False).first.fill("Half typed")
    page.context.clear_cookies(name=re.compile("session"))
    panel(page).get_by_role("button", name="Save", exact=True).last.click()
    expect(panel(page).get_by_role("link", name="Log in in another tab")).to_be_visible()


STATES = {
    "log-in": Shown("nobody", "/login/"),
    "log-in, refused": Shown("nobody", "/login/", log_in_refused),
    "forgot password": Shown("nobody", "/password/reset/"),
    "link no longer good": Shown("nobody", "/password/reset/1-x/"),
    "account switched off": Shown("nobody", "/login/inactive/", statuses=(403,)),
    "account": Shown("carl", "/account/"),
    "change password": Shown("carl", "/account/password/"),
    "second factor": Shown("vera", "/account/factor/", confirmed),
    "session ended": Shown("carl", EXPORTS, session_ended),
    "list": Shown("carl", EXPORTS),
    "list, viewer": Shown("vera", EXPORTS),
    "list, empty": Shown("ada", "/e/empty/exports/"),
    "list, no connection": Shown("carl", "/e/empty/exports/"),
    "list, nothing found": Shown("carl", EXPORTS + "?q=zzz"),
    "list, selected": Shown("carl", EXPORTS, select),
    "list, menu": Shown("carl", EXPORTS, menu),
    "set up": Shown("carl", EXPORTS, set_up),
    "set up, whole page": Shown("carl", EXPORTS + "add"),
    "set up, refused": Shown("carl", EXPORTS, lambda page: refused(page, "Add export"), (422,)),
    "edit": Shown("carl", EXPORTS, lambda page: opened(page, "Autumn newsletter")),
    "view": Shown("vera", EXPORTS, lambda page: opened(page, "Autumn newsletter")),
    "discard?": Shown("carl", EXPORTS, asked),
    "remove?": Shown("carl", EXPORTS, removed),
    "progress, delivered": Shown("carl", EXPORTS, lambda page: status(page, "Autumn newsletter")),
    "progress, failed": Shown("ada", EXPORTS, lambda page: status(page, "Postcards spring")),
    "progress, not started": Shown("vera", EXPORTS, lambda page: status(page, "Welcome series")),
    "tables": Shown("vera", "/e/contoso/tables/"),
    "table": Shown("vera", "/e/contoso/tables/", first_link(".list .row-link")),
    "segments": Shown("carl", "/e/contoso/segments/"),
    "segment": Shown("carl", "/e/contoso/segments/", lambda page: opened(page, "Churn risk")),
    "table, administrator": Shown("ada", "/e/contoso/tables/", first_link(".list .row-link")),
    "segment, viewer": Shown("vera", "/e/contoso/segments/", lambda page: opened(page, "Churn risk")),
    "segment, refused": Shown("carl", "/e/contoso/segments/", lambda page: refused(page, "Add segment"), (422,)),
    "audit": Shown("ada", "/e/contoso/audit/", first_link(".audit summary")),
    "audit, nothing found": Shown("ada", "/e/contoso/audit/?q=zzz"),
    "connections": Shown("ada", CONNECTIONS),
    "connections, contributor": Shown("carl", CONNECTIONS),
    "connections, one selected": Shown("ada", CONNECTIONS, select_one),
    "connections, nothing found": Shown("ada", CONNECTIONS + "?q=zzz"),
    "connections, empty": Shown("ada", "/e/empty/connections/"),
    "discover": Shown("ada", CONNECTIONS + "discover"),
    "discover, contributor": Shown("carl", CONNECTIONS + "discover"),
    "who can use it": Shown("ada", CONNECTIONS, sharing),
    "connection types": Shown("ada", CONNECTIONS, lambda page: opened(page, "Add connection")),
    "connection form": Shown("ada", CONNECTIONS, sftp_form),
    "connection refused": Shown("ada", CONNECTIONS, sftp_refused, (422,)),
    "connection": Shown("ada", CONNECTIONS, lambda page: opened(page, "Partner SFTP")),
    "connection test": Shown("ada", CONNECTIONS, connection_status),
    "people": Shown("ada", PEOPLE),
    "people, selected": Shown("ada", PEOPLE, select),
    "people, menu": Shown("ada", PEOPLE, menu),
    "people, nobody found": Shown("ada", PEOPLE + "?q=zzz"),
    "person": Shown("ada", PEOPLE, lambda page: opened(page, "Carl Nyström")),
    "person, oneself": Shown("ada", PEOPLE, own_role_refused, (422,)),
    "people, remove?": Shown("ada", PEOPLE, removed),
    "add person": Shown("ada", PEOPLE, lambda page: opened(page, "Add person")),
    "add person, unknown": Shown("ada", PEOPLE, unknown_person, (422,)),
    "invitations, empty": Shown("ada", "/e/empty/permissions/invitations"),
    "groups, empty": Shown("ada", "/e/empty/permissions/groups"),
    "group": Shown("ada", PEOPLE + "groups", lambda page: opened(page, "Add group")),
    "roles": Shown("vera", PEOPLE + "roles"),
    "roles, administrator": Shown("ada", PEOPLE + "roles"),
    "invitation, gone": Shown("nobody", "/invitations/unknown/", statuses=(404,)),
    "not found": Shown("carl", "/e/contoso/exports/999999/", statuses=(404,)),
    "forbidden": Shown("vera", "/e/contoso/connections/add", statuses=(403,)),
}


# One of each kind of page; the others take minutes together.
QUICK = {
    "account",
    "connections",
    "edit",
    "list",
    "list, menu",
    "log-in",
    "not found",
    "people",
    "progress, delivered",
    "segments",
    "tables",
    "view",
}


@pytest.mark.parametrize(
    "views",
    [
        pytest.param([("light", 1440)], id="light and wide"),
        pytest.param([("dark", 390), ("dark", 1440), ("light", 390)], id="else", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in STATES]
)
def test_there_is_nothing_that_axe_finds(visit, name, views):
    state = STATES[name]
    viewport = {"width": 1440, "height": 900}
    page = visit(state.person, state.path, expect=state.statuses, viewport=viewport, reduced_motion="reduce")
    state.do(page)
    found = {}
    for theme, width in views:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        page.evaluate(AT_REST)
        if violations := problems(page):
            found[f"{theme}, {width} px"] = violations
    page.set_viewport_size({"width": NARROWEST, "height": 800})
    page.evaluate(AT_REST)
    if (wide := page.evaluate("document.scrollingElement.scrollWidth")) > NARROWEST:
        found[f"{NARROWEST} px"] = f"the page is {wide} px wide"
    assert found == {}


def problems(page) -> list[str]:
    """Return axe's violations, one line for each element; axe is brought into the page once."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))} {node['any'][0]['message'] if node['any'] else ''}"
        for rule in page.evaluate("axe.run({resultTypes: ['violations'], elementRef: false})")["violations"]
        for node in rule["nodes"]
    ]


def test_axe_would_find_something(visit):
    """Without this a broken set-up of axe could pass for an accessible page."""
    page = visit("carl", EXPORTS)
    page.evaluate("document.querySelector('#search').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('#search').removeAttribute('placeholder')")
    assert any(problem.startswith("label: #search") for problem in problems(page))
