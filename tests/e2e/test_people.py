"""From an invitation to a role that changes under somebody who is at work."""

import re

import pytest
from playwright.sync_api import expect

PEOPLE = "/e/contoso/permissions/"


def panel(page):
    return page.locator("#panel[open]")


def row(page, name):
    return page.locator("tr", has=page.get_by_role("link", name=name, exact=True))


def choose(page, role):
    panel(page).get_by_role("radio", name=re.compile(f"^{role}")).check()


@pytest.mark.long
def test_somebody_is_invited_joins_and_gets_another_role_at_work(visit):
    ada = visit("ada", PEOPLE, expect=(422,))
    ada.get_by_role("link", name="Add person").click()
    panel(ada).get_by_label("User name or e-mail").fill("nora@example.com")
    choose(ada, "Contributor")
    panel(ada).get_by_role("button", name="Add", exact=True).click()
    expect(panel(ada).get_by_label("Link expires in")).to_have_value("7")
    panel(ada).get_by_role("button", name="Create invitation").click()
    link = panel(ada).locator(".invitation-link code").inner_text()
    panel(ada).get_by_role("link", name="Close").last.click()
    expect(ada.get_by_role("link", name=re.compile("^Invitations 1$"))).to_be_visible()

    nora = visit("nobody", link[link.index("/invitations/") :], expect=(403, 404))
    expect(nora.get_by_role("heading", name="Join Contoso Coffee")).to_be_visible()
    for label, value in (("Your name", "Nora New"), ("User name", "nora"), ("Password", "quite-a-long-one")):
        nora.get_by_label(label).fill(value)
    nora.get_by_role("button", name="Create account and join").click()
    nora.wait_for_url("**/e/contoso/exports/")
    expect(nora.get_by_role("link", name="Add export")).to_be_visible()

    ada.goto(PEOPLE)
    ada.get_by_role("link", name="Nora New", exact=True).click()
    choose(ada, "Viewer")
    panel(ada).get_by_role("button", name="Save").click()
    expect(row(ada, "Nora New")).to_contain_text("Viewer")

    nora.get_by_role("link", name="Add export").click()  # the page is still that of a contributor
    expect(nora.get_by_text("You don't have access to this")).to_be_visible()
    nora.goto("/e/contoso/exports/")
    expect(nora.get_by_role("link", name="Add export")).to_have_count(0)

    row(ada, "Nora New").locator("summary").click()
    row(ada, "Nora New").get_by_role("button", name="Remove").click()
    expect(panel(ada).get_by_role("heading", name="Remove Nora New?")).to_be_visible()
    panel(ada).get_by_role("button", name="Remove").click()
    expect(row(ada, "Nora New")).to_have_count(0)
    nora.goto("/e/contoso/exports/")
    expect(nora.get_by_role("heading", name="Page not found")).to_be_visible()
    expect(nora.locator(".nav")).to_have_count(0)


def test_the_last_administrator_is_told_why_they_stay(visit):
    page = visit("ada", PEOPLE, expect=(422,))
    page.get_by_role("link", name="Ada Okafor", exact=True).click()
    expect(panel(page)).to_contain_text("Ada Okafor is the last administrator")
    choose(page, "Viewer")
    panel(page).get_by_role("button", name="Save").click()
    expect(panel(page)).to_contain_text("you are changing your own role")
    panel(page).get_by_role("checkbox").check()
    panel(page).get_by_role("button", name="Save").click()
    expect(page.locator(".notices")).to_contain_text(
        "is the last administrator. Make someone else an administrator first."
    )
    expect(row(page, "Ada Okafor")).to_contain_text("Administrator")


def test_the_list_is_searched_filtered_and_kept_in_the_address(visit):
    page = visit("ada", PEOPLE)
    page.get_by_role("searchbox").fill("nystr")
    page.wait_for_url("**/permissions/?q=nystr*")
    expect(page.locator(".list tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("link", name=re.compile("^Viewer")).click()
    page.wait_for_url("**role=viewer*")
    expect(page.get_by_role("link", name="Vera Moretti")).to_be_visible()
    expect(page.get_by_role("link", name="Ada Okafor")).to_have_count(0)
