"""Settings > Connections in a browser without scripts, and with htmx."""

import json

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connections.models import Connection
from roles.models import AuditEvent
from tests.connections.working import work_off
from tests.factories import client_of, make_connection, make_environment, make_export, make_member, make_user

HTMX = {"HX-Request": "true", "HX-Target": "panel"}


def url(environment, name: str, **kwargs) -> str:
    return reverse(f"connections:{name}", kwargs={"environment": environment.slug, **kwargs})


def local_form(**changes) -> dict[str, str]:
    return {"name": "Call list", "sharing": "nobody", "agree": "on", "settings-folder": "calls"} | changes


def events(environment) -> list[tuple[str, dict]]:
    return list(AuditEvent.objects.filter(environment=environment).order_by("pk").values_list("action", "changes"))


# The list


def test_administrators_see_everything_about_connections_in_the_list(environment, as_ada):
    connection = make_connection(environment, "Call list")
    make_export(environment, connection=connection)
    page = as_ada.get(url(environment, "list"))
    assert page.template_name == "connections/list.html"
    for text in ("Call list", "Local folder", "All contributors", "Never tested", "Add connection"):
        assert text in page.content.decode()
    assert page.context_data["listing"].page[0].export_count == 1


@pytest.mark.parametrize("browser", ["as_carl", "as_vera"])
def test_others_see_names_and_types_alone(environment, browser, request):
    make_connection(environment, "Call list", settings={"folder": "secret-folder"}, check_steps=[], is_check_ok=False)
    text = request.getfixturevalue(browser).get(url(environment, "list")).content.decode()
    assert "Call list" in text
    assert "Local folder" in text
    for hidden in ("secret-folder", "All contributors", "Add connection", "Failed", "/test", "/remove"):
        assert hidden not in text


def test_connections_of_another_environment_are_not_listed(environment, as_ada):
    make_connection(make_environment(), "Foreign")
    assert "Foreign" not in as_ada.get(url(environment, "list")).content.decode()


def test_an_empty_list_says_what_to_do(environment, as_ada, as_vera):
    assert "No connections yet" in as_ada.get(url(environment, "list")).content.decode()
    assert "Ask an administrator" in as_vera.get(url(environment, "list")).content.decode()


@pytest.mark.parametrize("search, found", [("call", ["Call list"]), ("SFTP", ["Upload"]), ("local", ["Call list"])])
def test_search_looks_at_names_and_types(environment, as_ada, search, found):
    make_connection(environment, "Call list")
    make_connection(environment, "Upload", type="sftp", settings={})
    page = as_ada.get(url(environment, "list"), {"q": search})
    assert [connection.name for connection in page.context_data["listing"].page] == found


def test_a_search_without_result_offers_the_way_back(environment, as_ada):
    make_connection(environment)
    text = as_ada.get(url(environment, "list"), {"q": "<zzz>"}).content.decode()
    assert "No connections match" in text
    assert "<zzz>" not in text


@pytest.mark.parametrize("key", ["name", "type", "sharing", "exports", "created", "checked"])
def test_every_column_sorts_both_ways(environment, as_ada, key):
    one, two = make_connection(environment, "A", sharing="all"), make_connection(environment, "B", type="sftp")
    two.sharing, two.is_check_ok = "nobody", True
    two.save()
    make_export(environment, connection=one)
    listed = {}
    for sort in (key, f"-{key}"):
        page = as_ada.get(url(environment, "list"), {"sort": sort}).context_data["listing"].page
        listed[sort] = [connection.pk for connection in page]
    assert set(listed[key]) == set(listed[f"-{key}"]) == {one.pk, two.pk}
    if key != "checked":  # neither was tested
        assert listed[key] == listed[f"-{key}"][::-1]


def test_others_cannot_sort_by_what_they_do_not_see(environment, as_vera):
    page = as_vera.get(url(environment, "list"), {"sort": "-checked"})
    assert page.context_data["listing"].sort == "name"


def test_the_list_takes_the_same_number_of_queries_however_long(environment, as_ada):
    def count() -> int:
        with CaptureQueriesContext(database) as queries:
            as_ada.get(url(environment, "list"))
        return len(queries)

    make_connection(environment)
    few = count()
    for _number in range(30):
        make_export(environment, connection=make_connection(environment, created_by=make_user()))
    assert count() == few <= 8


def test_a_type_whose_package_is_gone_does_not_break_the_list(environment, as_ada):
    connection = make_connection(environment, "Old", type="gone", settings={})
    assert "gone" in as_ada.get(url(environment, "list")).content.decode()
    assert as_ada.get(url(environment, "edit", pk=connection.pk)).status_code == 404
    as_ada.post(url(environment, "test", pk=connection.pk))
    work_off()
    connection.refresh_from_db()
    assert connection.is_check_ok is False


def test_htmx_gets_the_list_alone(environment, as_ada):
    answer = as_ada.get(url(environment, "list"), headers={"HX-Request": "true", "HX-Target": "list"})
    assert answer.template_name == "connections/list.html#list"
    assert "<html" not in answer.content.decode()


# Adding


def test_the_types_are_offered_and_one_that_is_off_says_why(environment, as_ada, settings):
    settings.LOCAL_FOLDER_BASE = ""
    text = as_ada.get(url(environment, "add")).content.decode()
    assert url(environment, "set_up", type_="sftp") in text
    assert url(environment, "set_up", type_="local") not in text
    assert "WAYBILL_LOCAL_FOLDER_BASE" in text
    assert as_ada.get(url(environment, "set_up", type_="local")).status_code == 404
    assert as_ada.post(url(environment, "set_up", type_="local"), local_form()).status_code == 404


def test_an_unknown_type_is_not_found(environment, as_ada):
    assert as_ada.get(url(environment, "set_up", type_="nothing")).status_code == 404


def test_a_connection_is_added_without_scripts(environment, ada, as_ada):
    answer = as_ada.post(url(environment, "set_up", type_="local"), local_form(sharing="all"), follow=True)
    assert answer.redirect_chain == [(url(environment, "list"), 302)]
    assert "Connection “Call list” saved." in answer.content.decode()
    connection = Connection.objects.get(environment=environment)
    assert (connection.name, connection.type, connection.settings) == ("Call list", "local", {"folder": "calls"})
    assert (connection.sharing, connection.created_by, connection.agreed_by) == ("all", ada, ada)
    assert connection.agreed_at is not None
    action, changes = events(environment)[0]
    assert action == "create"
    assert changes["settings.folder"] == [None, "calls"]


def test_with_htmx_the_panel_closes_and_the_list_reloads(environment, as_ada):
    answer = as_ada.post(url(environment, "set_up", type_="local"), local_form(), headers=HTMX)
    assert answer.status_code == 204
    triggers = json.loads(answer.headers["HX-Trigger"])
    assert triggers["panel:close"] is True
    assert triggers["connections:changed"] is True


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"name": ""}, "Enter a name that people will recognize"),
        ({"name": "taken"}, "Another connection has this name"),
        ({"agree": ""}, "Tick to agree"),
        ({"sharing": "everybody"}, "not one of the available choices"),
        ({"settings-folder": "../../etc"}, "Enter folder names"),
        ({"settings-folder": "/etc"}, "Enter it without the leading /"),
    ],
)
def test_an_invalid_form_says_what_to_do_and_saves_nothing(environment, as_ada, changes, said):
    make_connection(environment, "Taken")
    answer = as_ada.post(url(environment, "set_up", type_="local"), local_form(**changes), headers=HTMX)
    assert answer.status_code == 422
    assert answer.template_name == "connections/form.html#panel"
    assert said in answer.content.decode()
    assert Connection.objects.count() == 1


def test_the_same_name_may_be_used_in_another_environment(environment, as_ada):
    make_connection(make_environment(), "Call list")
    assert as_ada.post(url(environment, "set_up", type_="local"), local_form()).status_code == 302


def test_save_and_test_shows_the_test(environment, as_ada):
    answer = as_ada.post(url(environment, "set_up", type_="local"), local_form(then="test"), follow=True)
    assert "Waiting for a worker" in answer.content.decode()
    work_off()
    assert "The connection works" in as_ada.get(answer.redirect_chain[-1][0]).content.decode()
    assert Connection.objects.get().is_check_ok is True


# Changing


@pytest.fixture
def saved(environment, as_ada) -> Connection:
    as_ada.post(url(environment, "set_up", type_="local"), local_form())
    return Connection.objects.get(environment=environment)


def test_a_new_name_needs_no_new_agreement(environment, as_ada, saved):
    answer = as_ada.post(url(environment, "edit", pk=saved.pk), local_form(name="New", agree=""))
    assert answer.status_code == 302
    saved.refresh_from_db()
    assert saved.name == "New"
    assert events(environment)[-1] == ("change", {"name": ["Call list", "New"]})


def test_another_folder_asks_for_the_agreement_again(environment, saved, as_ada):
    other = make_member(environment)
    browser, form = client_of(other), local_form(agree="", **{"settings-folder": "elsewhere"})
    answer = browser.post(url(environment, "edit", pk=saved.pk), form)
    assert answer.status_code == 422
    assert "I agree that data leaves" in answer.content.decode()
    assert browser.post(url(environment, "edit", pk=saved.pk), form | {"agree": "on"}).status_code == 302
    saved.refresh_from_db()
    assert saved.agreed_by == other
    assert saved.settings == {"folder": "elsewhere"}


def test_an_unchanged_agreement_stays_with_whoever_gave_it(environment, saved, ada):
    client_of(make_member(environment)).post(url(environment, "edit", pk=saved.pk), local_form(name="New"))
    saved.refresh_from_db()
    assert saved.agreed_by == ada


def test_sharing_is_an_event_of_its_own(environment, as_ada, saved):
    as_ada.post(url(environment, "edit", pk=saved.pk), local_form(sharing="all", agree=""))
    assert events(environment)[-1] == ("share", {"sharing": ["nobody", "all"]})


def test_a_changed_target_forgets_the_last_test(environment, as_ada, saved):
    as_ada.post(url(environment, "test", pk=saved.pk))
    work_off()
    as_ada.post(url(environment, "edit", pk=saved.pk), local_form(name="New"))
    saved.refresh_from_db()
    assert saved.is_check_ok is True
    as_ada.post(url(environment, "edit", pk=saved.pk), local_form(**{"settings-folder": "elsewhere"}))
    saved.refresh_from_db()
    assert (saved.is_check_ok, saved.checked_at, saved.check_steps) == (None, None, [])


def test_the_edit_pane_shows_the_last_test_and_leads_on(environment, as_ada, saved):
    edit = url(environment, "edit", pk=saved.pk)
    text = as_ada.get(edit).content.decode()
    assert "Edit connection</h1>" in text
    assert "Never tested" in text
    as_ada.post(url(environment, "test", pk=saved.pk))
    work_off()
    text = as_ada.get(edit).content.decode()
    assert "Works" in text
    for name in ("test", "remove"):
        assert f'href="{url(environment, name, pk=saved.pk)}"' in text


def test_what_contributors_would_lose_is_said_before(environment, as_ada, saved):
    said, edit = "3 exports become view only for contributors", url(environment, "edit", pk=saved.pk)
    for name in ("A", "B", "C"):
        make_export(environment, name, connection=saved)
    assert said not in as_ada.get(edit).content.decode()
    Connection.objects.update(sharing="all")
    assert said in as_ada.get(edit).content.decode()


# Testing


def test_a_test_keeps_its_steps_and_shows_them(environment, as_ada, saved):
    assert "Test now" in as_ada.get(url(environment, "test", pk=saved.pk)).content.decode()
    as_ada.post(url(environment, "test", pk=saved.pk))
    work_off()
    text = as_ada.get(url(environment, "test", pk=saved.pk)).content.decode()
    assert "The connection works" in text
    assert "Write, rename and read back a test file" in text
    saved.refresh_from_db()
    assert [step["state"] for step in saved.check_steps] == ["done"] * 4
    assert events(environment)[-1] == ("test", {"is_check_ok": True})
    assert "Works" in as_ada.get(url(environment, "list")).content.decode()


def test_a_failed_test_names_the_step(environment, as_ada, saved, settings):
    settings.LOCAL_FOLDER_BASE += "/gone"
    answer = as_ada.post(url(environment, "test", pk=saved.pk), headers=HTMX)
    work_off()
    text = as_ada.get(url(environment, "test", pk=saved.pk)).content.decode()
    assert "Failed: Find the base directory" in text
    assert "Ask your Waybill operator to create it." in text
    assert "not reached" in text
    assert 'class="button button-primary" href="' + url(environment, "edit", pk=saved.pk) in text
    assert answer.headers["HX-Trigger"] == "connections:changed"
    listed = as_ada.get(url(environment, "list")).content.decode()
    failed = listed.split('title="Find the base directory"')[1].split("</td>")[0]
    assert "Connection failed" in failed
    assert "</time>" in failed


def test_opening_the_test_page_tests_nothing(environment, as_ada, saved):
    as_ada.get(url(environment, "test", pk=saved.pk))
    saved.refresh_from_db()
    assert saved.checked_at is None


# Removing


def test_an_unused_connection_is_removed_after_a_question(environment, as_ada, saved):
    assert "will be deleted" in as_ada.get(url(environment, "remove", pk=saved.pk)).content.decode()
    assert Connection.objects.filter(pk=saved.pk).exists()
    answer = as_ada.post(url(environment, "remove", pk=saved.pk), follow=True)
    assert "Connection “Call list” removed." in answer.content.decode()
    assert not Connection.objects.filter(pk=saved.pk).exists()
    assert events(environment)[-1][0] == "remove"


def test_a_used_connection_stays_and_its_exports_are_named(environment, as_ada, saved):
    export = make_export(environment, "Weekly calls", connection=saved)
    text = as_ada.get(url(environment, "remove", pk=saved.pk)).content.decode()
    assert "Weekly calls" in text
    assert f'href="/e/{environment.slug}/exports/{export.pk}/"' in text
    answer = as_ada.post(url(environment, "remove", pk=saved.pk), headers=HTMX)
    assert answer.status_code == 422
    assert "Weekly calls" in answer.content.decode()
    assert Connection.objects.filter(pk=saved.pk).exists()
    assert "remove" not in [action for action, _changes in events(environment)]


# Django admin


def test_support_staff_read_connections_and_never_a_secret(environment, client, admin_user):
    connection = make_connection(environment)
    connection.set_secrets({"password": "planted"})
    connection.save()
    client.force_login(admin_user)
    for path in ("/admin/connections/connection/", f"/admin/connections/connection/{connection.pk}/change/"):
        page = client.get(path)
        assert page.status_code == 200
        for secret in ("planted", connection.encrypted_secrets, "encrypted"):
            assert secret not in page.content.decode()
    assert client.get("/admin/connections/connection/add/").status_code == 403
    assert client.post(f"/admin/connections/connection/{connection.pk}/delete/").status_code == 403
