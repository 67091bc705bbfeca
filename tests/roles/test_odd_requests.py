"""Requests that no page of ours sends; tests/roles/test_fuzz.py tries many more."""

import pytest

NO_ADDRESS = ("http://[", "http://[::1", "//evil.example", "/\\evil.example", "http://evil.example/", "/" + "a" * 9000)


@pytest.mark.parametrize("address", NO_ADDRESS)
def test_a_next_page_that_is_no_address_of_ours_is_left_out(world, address):
    client, valid = world.client("anonymous"), world.body("account_login")
    assert client.get("/login/", {"next": address}).status_code == 200
    assert client.post("/login/", valid | {"next": address}).headers["Location"] == "/"
    assert client.post("/logout/", {"next": address}).headers["Location"] == "/login/"


@pytest.mark.parametrize("address", (*NO_ADDRESS, "", "about:blank", "null"))
def test_a_fragment_whose_page_has_no_address_of_ours_leads_to_the_log_in(world, address):
    headers = {"HX-Request": "true", "HX-Current-URL": address}
    answer = world.client("anonymous").get(world.mine.url("exports:list"), headers=headers)
    assert answer.headers["HX-Redirect"] == "/login/?next=/"


def test_whoever_asks_for_an_endless_address_is_led_to_the_log_in(world):
    answer = world.client("anonymous").get(world.mine.url("exports:list"), {"q": "a" * 5000})
    assert answer.headers["Location"] == "/login/?next=/"


@pytest.mark.parametrize("name", ["audit:list", "exports:history"])
@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "99999-01-01", "0000-00-00", "2026-02-30"])
def test_a_day_that_cannot_be_reckoned_with_asks_for_nothing(world, name, day):
    query = {"since": day, "until": day, "period": "custom"}
    assert world.client("administrator").get(world.mine.url(name), query).status_code == 200
