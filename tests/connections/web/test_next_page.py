"""Adding a connection on the way to something else, and coming back with it."""

import json
import re
from html import unescape

import pytest
from django.urls import reverse

from connections.models import Connection
from connections.web.next_page import PAGES
from tests.connections.delivering import names
from tests.connections.working import work_off
from tests.factories import make_connection, make_environment
from tests.roles.access_table import PERSONS, TABLE

HTMX = {"HX-Request": "true", "HX-Target": "panel"}


def url(environment, name: str, **kwargs) -> str:
    return reverse(f"connections:{name}", kwargs={"environment": environment.slug, **kwargs})


def export_page(environment) -> str:
    """The page that asks for a connection, with what it needs to find its draft again."""
    return reverse("exports:add", kwargs={"environment": environment.slug}) + "?draft=7&name=A+%26+B"


def local_form(**changes) -> dict[str, str]:
    return {"name": "Call list", "sharing": "nobody", "agree": "on", "settings-folder": "next"} | changes


def text_of(answer) -> str:
    return unescape(answer.content.decode())


def came_back(environment) -> str:
    return f"{export_page(environment)}&connection={Connection.objects.get(environment=environment).pk}"


def when_it_ended(browser, answer) -> str:
    """Have the test done that a panel shows, and return what the panel's poll brings."""
    poll = re.search(r'id="test-poll"[^>]* hx-get="([^"]+)"', text_of(answer))[1]
    work_off()
    return text_of(browser.get(poll, headers={"HX-Request": "true", "HX-Target": "test-poll"}))


def test_the_way_back_is_carried_from_the_types_to_the_form_and_the_help(environment, as_ada):
    page = text_of(as_ada.get(url(environment, "add"), {"next": export_page(environment)}))
    quoted = "?next=%2Fe%2F"
    assert url(environment, "set_up", type_="local") + quoted in page
    assert url(environment, "help", type_="local") + quoted in page
    assert f'href="{export_page(environment)}"' in page
    help_page = text_of(as_ada.get(url(environment, "help", type_="local"), {"next": export_page(environment)}))
    assert url(environment, "set_up", type_="local") + quoted in help_page
    form = text_of(as_ada.get(url(environment, "set_up", type_="local"), {"next": export_page(environment)}))
    assert f'name="next" value="{export_page(environment)}"' in form
    assert f'href="{export_page(environment)}"' in form
    assert "connection=" not in form


def test_a_saved_connection_is_taken_back_without_scripts(environment, as_ada):
    form = local_form(next=export_page(environment))
    answer = as_ada.post(url(environment, "set_up", type_="local"), form)
    assert answer.status_code == 302
    assert answer["Location"] == came_back(environment)


def test_a_saved_connection_is_taken_back_into_the_panel(environment, as_ada):
    form = local_form(next=export_page(environment))
    answer = as_ada.post(url(environment, "set_up", type_="local"), form, headers=HTMX)
    place = json.loads(answer["HX-Location"])
    assert place == {"path": came_back(environment), "target": "#panel", "push": "false"}
    triggers = json.loads(answer["HX-Trigger"])
    assert triggers == {"connections:changed": True, "announce": "Connection “Call list” saved."}


def test_a_connection_chosen_before_is_replaced_by_the_new_one(environment, as_ada):
    back = reverse("exports:add", kwargs={"environment": environment.slug}) + "?connection=1&q="
    answer = as_ada.post(url(environment, "set_up", type_="local"), local_form(next=back))
    new = Connection.objects.get(environment=environment)
    assert answer["Location"] == back.replace("connection=1&q=", f"q=&connection={new.pk}")


def test_a_mistake_does_not_lose_the_way_back(environment, as_ada):
    form = local_form(name="", next=export_page(environment))
    answer = as_ada.post(url(environment, "set_up", type_="local"), form, headers=HTMX)
    assert answer.status_code == 422
    assert f'name="next" value="{export_page(environment)}"' in text_of(answer)


def test_save_and_test_shows_the_test_with_the_way_back_first(environment, as_ada):
    form = local_form(next=export_page(environment), then="test")
    asked = as_ada.post(url(environment, "set_up", type_="local"), form, headers=HTMX)
    assert f'class="button" href="{came_back(environment)}"' in text_of(asked)
    page = when_it_ended(as_ada, asked)
    assert f'class="button button-primary" href="{came_back(environment)}"' in page
    assert "Back to the export" in page
    test = url(environment, "test", pk=Connection.objects.get().pk)
    assert f'hx-post="{test}"' in text_of(asked)


def test_save_and_test_keeps_the_way_back_without_scripts(environment, as_ada):
    form = local_form(next=export_page(environment), then="test")
    page = as_ada.post(url(environment, "set_up", type_="local"), form, follow=True)
    work_off()
    ended = as_ada.get(page.redirect_chain[-1][0])
    assert f'class="button button-primary" href="{came_back(environment)}"' in text_of(ended)
    again = as_ada.post(page.request["PATH_INFO"], {"next": export_page(environment)}, follow=True)
    assert came_back(environment) in text_of(again)


def test_a_failed_test_leads_to_the_form_and_from_there_back(environment, as_ada, settings):
    settings.LOCAL_FOLDER_BASE += "/not-there"
    form = local_form(next=export_page(environment), then="test")
    page = when_it_ended(as_ada, as_ada.post(url(environment, "set_up", type_="local"), form, headers=HTMX))
    edit = url(environment, "edit", pk=Connection.objects.get().pk)
    assert f'class="button button-primary" href="{edit}?next=' in page
    assert f'class="button" href="{came_back(environment)}"' in page
    answer = as_ada.post(edit, local_form(next=export_page(environment)), headers=HTMX)
    assert json.loads(answer["HX-Location"])["path"] == came_back(environment)


def test_the_question_about_the_host_key_keeps_the_way_back(environment, as_ada, demo_sftp):
    folder = f"/{environment.slug}"
    sent = {
        f"settings-{name}": value for name, value in demo_sftp.settings(folder=folder).items() if name != "host_key"
    }
    form = {"name": "Upload", "sharing": "nobody", "agree": "on", "next": export_page(environment)} | sent
    asked = as_ada.post(
        url(environment, "set_up", type_="sftp"), form | {"settings-password": "waybill-demo"}, headers=HTMX
    )
    assert asked.status_code == 422
    shown = asked.context_data
    assert f'name="next" value="{export_page(environment)}"' in text_of(asked)
    confirmed = form | {
        "sealed": shown["forms"].sealed,
        "then": "test",
        "settings-is_host_key_confirmed": shown["question"].answer,
        "settings-host_key": shown["type_form"]["host_key"].value(),
        "settings-host_key_proof": shown["type_form"]["host_key_proof"].value(),
    }
    answer = as_ada.post(url(environment, "set_up", type_="sftp"), confirmed, headers=HTMX)
    assert f'class="button button-primary" href="{came_back(environment)}"' in when_it_ended(as_ada, answer)
    assert names(demo_sftp.files / environment.slug) == []


def test_without_a_way_back_all_is_as_ever(environment, as_ada):
    answer = as_ada.post(url(environment, "set_up", type_="local"), local_form(), headers=HTMX)
    assert answer.status_code == 204
    assert "HX-Location" not in answer
    page = text_of(as_ada.get(url(environment, "test", pk=Connection.objects.get().pk)))
    assert "Back to the export" not in page


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/e/{slug}/exports/",
        "//evil.example/e/{slug}/exports/",
        "/\\evil.example/e/{slug}/exports/",
        "\t//evil.example",
        "javascript:alert(1)",
        "exports/",
        "/",
        "/admin/",
        "/e/{other}/exports/",
        "/e/{slug}/../{other}/exports/",
        "/e/{slug}/%2e%2e/{other}/exports/",
        "/e/{slug}/..%2f..%2fadmin/",
        "/e/{slug}/no-such-page",
        "/e/{slug}/exports/\r\nSet-Cookie: a=b",
        "/e/{slug}/",
        "/e/{slug}/light",
        "/e/{slug}/exports/run",
        "/e/{slug}/exports/changes",
        "/e/{slug}/exports/4/cancel",
        "/e/{slug}/exports/4/test",
        "/e/{slug}/exports/4/runs/ec7e7957-c36a-4b9b-8ee5-e06452095066/files/0",
        "/e/{slug}/segments/1/row",
        "/e/{slug}/segments/1/refresh",
        "/e/{slug}/connections/1/remove",
    ],
)
def test_only_a_page_of_this_environment_is_a_way_back(environment, as_ada, wanted):
    wanted = wanted.format(slug=environment.slug, other=make_environment().slug)
    page = as_ada.get(url(environment, "add"), {"next": wanted})
    assert page.context_data["next"] == ""
    assert "Back to the export" not in text_of(page)
    answer = as_ada.post(url(environment, "set_up", type_="local"), local_form(next=wanted))
    assert answer["Location"] == url(environment, "list")
    test = url(environment, "test", pk=make_connection(environment).pk)
    assert as_ada.get(test, {"next": wanted}).context_data["back_url"] == ""


def exports_list(environment) -> str:
    return reverse("exports:list", kwargs={"environment": environment.slug})


def test_a_list_that_asked_for_a_connection_is_opened_as_a_page(environment, as_ada):
    types = text_of(as_ada.get(url(environment, "add"), {"next": exports_list(environment)}))
    assert f'href="{exports_list(environment)}" data-close>Back to exports</a>' in types
    assert "Back to the export<" not in types
    form = local_form(next=exports_list(environment))
    answer = as_ada.post(url(environment, "set_up", type_="local"), form, headers=HTMX)
    assert (answer["HX-Redirect"], answer["HX-Trigger"]) == (exports_list(environment), "panel:saved")
    plain = as_ada.post(url(environment, "set_up", type_="local"), form | {"name": "Second"})
    assert plain["Location"] == exports_list(environment)
    assert "Connection “Second” saved." in text_of(as_ada.get(exports_list(environment)))


def test_the_test_leads_back_to_the_list_with_nothing_left_to_discard(environment, as_ada):
    form = local_form(next=exports_list(environment), then="test")
    answer = as_ada.post(url(environment, "set_up", type_="local"), form, headers=HTMX)
    page = when_it_ended(as_ada, answer)
    assert f'class="button button-primary" href="{exports_list(environment)}" data-close>Back to exports' in page
    assert answer["HX-Trigger-After-Swap"] == "panel:saved"


def test_a_new_connection_that_is_edited_on_the_way_is_taken_back(environment, as_ada):
    as_ada.post(url(environment, "set_up", type_="local"), local_form(next=export_page(environment), then="test"))
    edit = url(environment, "edit", pk=Connection.objects.get().pk)
    page = text_of(as_ada.get(edit, {"next": export_page(environment)}))
    assert f'href="{came_back(environment)}" hx-get="{came_back(environment)}"' in page
    assert f'name="next" value="{export_page(environment)}"' in page


@pytest.mark.parametrize("page", ["exports/", "exports/add", "exports/4/", "exports/4/duplicate", "segments/add"])
def test_lists_and_panes_of_this_environment_are_ways_back(environment, as_ada, page):
    wanted = f"/e/{environment.slug}/{page}?draft=7"
    assert as_ada.get(url(environment, "add"), {"next": wanted}).context_data["next"] == wanted


def test_every_way_back_is_a_page_that_an_administrator_can_open():
    gets = {name: answers["GET"].split(" | ") for name, answers in TABLE.items() if name.partition(":")[2] in PAGES}
    assert {name.partition(":")[2] for name in gets} == PAGES
    assert {answer[PERSONS.index("administrator")] for answer in gets.values()} == {"200"}
