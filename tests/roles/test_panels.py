"""`?panel=` opens panels of the open environment, and nothing else; the list of keys is what the scripts listen by."""

import re
from pathlib import Path

import pytest
from django.urls import get_resolver

from roles.ui import keys
from roles.ui.panels import address_of
from tests.roles.access_table import OUTSIDE, walk
from tests.roles.test_access_table import HTMX, ask

STATIC = Path(__file__).parents[2] / "static"


def test_just_the_views_that_answer_with_a_panel_are_marked(world):
    views = {name: view for name, view in walk(get_resolver().url_patterns) if name not in OUTSIDE}
    answers = {name: ask(world, "administrator", name, "GET", HTMX) for name in views}
    panels = {name for name, answer in answers.items() if str(getattr(answer, "template_name", "")).endswith("#panel")}
    assert panels == {name for name, view in views.items() if getattr(view, "is_panel", False)}


@pytest.mark.parametrize(
    "wanted",
    ["exports/add", "exports/7/", "exports/remove?id=1&id=2", "connections/add/sftp?next=%2Fe%2Fmine%2Fexports%2F"],
)
def test_a_panel_has_an_address(wanted):
    assert address_of(wanted, "mine") == f"/e/mine/{wanted}"


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "exports/",
        "exports/run",
        "exports/7/run",
        "alerts/seen",
        "light",
        "/e/mine/exports/add",
        "//example.com/exports/add",
        "https://example.com/",
        "https:exports/add",
        "javascript:alert(1)",
        "../other/exports/add",
        "exports/../../other/exports/add",
        "exports/%2e%2e/add",
        "exports/add#x",
        "exports/add\n",
        "exports\\add",
        "exports/add?" + "x" * 2000,
    ],
)
def test_anything_else_has_none(wanted):
    assert address_of(wanted, "mine") == ""


def test_links_and_polls_of_the_page_do_not_repeat_the_panel(world):
    page = world.client("administrator").get(world.mine.url("exports:list") + "?q=a&panel=exports/add")
    text = page.content.decode()
    assert 'data-open="/e/' in text
    assert not re.findall(r'(?:href|hx-get|action)="[^"]*panel=', text)
    answer = world.client("anonymous").get(world.mine.url("exports:list") + "?q=a&panel=exports/add")
    assert answer.headers["Location"].endswith("%3Fq%3Da%26panel%3Dexports/add")


def test_scripts_listen_to_each_key_of_the_list_and_to_no_other():
    named = {key.name for _heading, group in keys.GROUPS for key in group if key.name}
    scripts = "".join(path.read_text() for path in STATIC.glob("*.js"))
    listened = set(re.findall(r'isKey\("([\w-]+)"', scripts)) | set(re.findall(r'^    "([\w-]+)": ', scripts, re.M))
    assert listened == named


def test_a_helper_of_scripts_is_defined_once():
    names = [
        (name, path.name)
        for path in STATIC.glob("*.js")
        for name in re.findall(r"^(?:export )?(?:async )?(?:const|function) ([\w$]+)", path.read_text(), re.M)
    ]
    shared = {name for name, file in names if file == "dom.js"}
    assert {name for name, file in names if file != "dom.js"} & shared == set()


@pytest.mark.parametrize("name", ["connections:test", "exports:cancel"])
def test_a_panel_that_answers_a_post_says_where_it_is_shown_again(world, name):
    answer = ask(world, "administrator", name, "POST", HTMX)
    place = answer.headers["Waybill-Panel"]
    assert address_of(place.removeprefix(f"/e/{world.mine.environment.slug}/"), world.mine.environment.slug) == place
