"""Single sign-on in a browser: off to the provider by the button, and back to the page that was asked for."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from roles.models import GroupRole, User
from roles.roles import Role
from tests.factories import make_environment
from tests.roles.sign_in.single_sign_on import set_up
from tests.servers.oidc_mock import running_provider

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def provider(monkeypatch):
    with running_provider() as running:
        set_up(monkeypatch, running.issuer)
        running.knows("subject-1", preferred_username="grace", name="Grace Hopper", groups=["admins"])
        yield running


@pytest.fixture
def page(browser, live_server, settings):
    settings.PORTAL_URL = live_server.url
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    problems = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert [text for text in problems if "Content Security Policy" in text] == []


@pytest.mark.long
def test_the_button_leads_to_the_provider_and_back_to_the_page_that_was_asked_for(provider, page):
    environment = make_environment("fabrikam")
    GroupRole.objects.create(environment=environment, group="admins", role=Role.ADMINISTRATOR)
    page.goto("/e/fabrikam/connections/")
    page.get_by_role("button", name="Continue with Contoso").click()
    page.wait_for_url(f"{provider.issuer}/**")
    page.get_by_placeholder("sub").fill("subject-1")
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url("**/e/fabrikam/connections/")
    expect(page.get_by_text("Grace Hopper").first).to_be_attached()
    assert User.objects.get().username == "grace"


def test_whoever_cancels_at_the_provider_finds_the_way_back(provider, page):
    page.goto("/login/")
    page.get_by_role("button", name="Continue with Contoso").click()
    page.get_by_role("button", name="Deny").click()
    page.get_by_role("heading", name="You are not logged in").wait_for()
    page.get_by_role("link", name="Go to login").click()
    page.get_by_role("button", name="Continue with Contoso").wait_for()


def stay(page):
    """Show the page that leads to the provider without going there."""

    def without_refresh(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=re.sub(r"<meta http-equiv[^>]*>", "", answer.text()))

    page.route("**/login/sso/", without_refresh)
    page.get_by_role("button", name="Continue with Contoso").click()
    page.get_by_role("link", name="Continue").wait_for()


def refuse(page):
    page.goto("/login/sso/callback/?error=access_denied")
    page.get_by_role("heading", name="You are not logged in").wait_for()


def open_the_form(page):
    page.get_by_text("Operators: log in with a password").click()
    page.get_by_label("Password").wait_for()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("local_login", "do"),
    [(True, lambda page: None), (False, lambda page: None), (False, open_the_form), (True, stay), (True, refuse)],
    ids=["both ways", "one way", "operators", "leave", "refused"],
)
def test_every_page_is_accessible_and_fits(provider, page, settings, scheme, local_login, do):
    settings.LOCAL_LOGIN = local_login
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/login/")
    do(page)
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
