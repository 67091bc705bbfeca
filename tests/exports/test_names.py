"""Names as people type them, through the pages and commands that take them: refused, composed, found."""

import importlib
import logging

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from connections.models import Connection
from exports.models import AlertChannel, Export
from roles.models import Environment, GroupRole, Invitation, User
from roles.people.invitations import invite
from segments.models import Segment, Table
from tests.exports.pane.browser import Pane

pytestmark = pytest.mark.django_db
HIDDEN = ["a\u202eb", "a\u200bb", "a\nb", "a\u2028b", "a\x07b", "a\u2066b", "ab\u3164", "a\u200db", "a\ufeffb"]
DECOMPOSED, COMPOSED = "Cafe\u0301 \u30cf\u309a", "Caf\u00e9 \u30d1"
hidden = pytest.mark.parametrize("name", HIDDEN, ids=ascii)


@pytest.fixture
def place():
    pane = Pane("administrator")
    pane.ada = User.objects.get(username="carl")
    return pane


def add_export(place, name):
    return place.send(name=name), Export


def add_segment(place, name):
    form = {
        "name": name,
        "table": place.table.pk,
        "match": "all",
        "field": "City",
        "operator": "equals",
        "value": "London",
    }
    return post(place, "segments:add", form), Segment


def add_connection(place, name):
    form = {"name": name, "sharing": "all", "agree": "on", "settings-folder": "calls"}
    return post(place, "connections:set_up", form, type_="local"), Connection


def add_channel(place, name):
    form = {"name": name, "kinds": ["failed"], "scope": "all", "url": "https://hooks.example.com/1"}
    return post(place, "alerts:set_up", form, kind="slack"), AlertChannel


def add_group(place, name):
    return post(place, "people:add_group", {"group": name, "role": "viewer"}), GroupRole


ROUTES = [add_export, add_segment, add_connection, add_channel, add_group]
routes = pytest.mark.parametrize("add", ROUTES)


def post(place, where, form, **kwargs):
    return place.client.post(reverse(where, kwargs={"environment": place.environment.slug, **kwargs}), form)


def named(model, name):
    return model.objects.filter(**{"group" if model is GroupRole else "name": name})


@routes
@hidden
def test_no_page_takes_a_name_with_something_that_nobody_sees(place, add, name):
    answer, model = add(place, name)
    assert answer.status_code == 422
    assert "is invisible" in answer.content.decode()
    assert not named(model, name).exists()


@routes
def test_every_page_keeps_one_composition_and_compares_in_it(place, add):
    answer, model = add(place, DECOMPOSED)
    assert answer.status_code in (204, 302)
    assert named(model, COMPOSED).count() == 1
    for again in (COMPOSED, DECOMPOSED):
        assert add(place, again)[0].status_code == 422
    assert named(model, COMPOSED).count() == 1


@routes
@pytest.mark.parametrize("name", ["می\u200cخواهم", "👩\u200d👧 Families", "עברית", "बिक्री", "❤\ufe0f"], ids=ascii)
def test_every_page_takes_what_scripts_and_emoji_are_written_with(place, add, name):
    answer, model = add(place, name)
    assert answer.status_code in (204, 302)
    assert named(model, name).count() == 1


@pytest.mark.parametrize("where", ["exports:list", "segments:list", "connections:list", "system:list"])
def test_a_search_finds_what_is_composed_however_it_is_typed(place, where):
    for add in (add_export, add_segment, add_connection):
        add(place, DECOMPOSED)
    url = reverse(where, kwargs={"environment": place.environment.slug})
    for typed in (COMPOSED, DECOMPOSED):
        assert f">{COMPOSED}<" in place.client.get(url, {"q": typed}).content.decode()


@hidden
def test_a_note_on_a_pause_is_a_line_that_can_be_seen(place, name):
    post(place, "system:pause", {"note": name})
    place.environment.refresh_from_db()
    assert place.environment.paused_at is None
    post(place, "system:pause", {"note": DECOMPOSED})
    place.environment.refresh_from_db()
    assert place.environment.pause_note == COMPOSED


def test_a_description_has_several_lines_and_nothing_hidden(place):
    assert place.send(name="One", description="a\u202eb").status_code == 422
    assert place.send(name="One", description=f"one\r\n{DECOMPOSED}").status_code == 302
    assert Export.objects.get(name="One").description == f"one\n{COMPOSED}"


@pytest.mark.parametrize("name", ["Eve\u202eada", "Eve\nAda", "E\u200bve", "\u3164"], ids=ascii)
def test_a_person_who_accepts_an_invitation_has_a_name_that_can_be_seen(place, name):
    token = invite(place.environment, "eve@example.com", "viewer", days=1, by=place.ada).token
    form = {"name": name, "username": "eve", "password": "long enough 1"}
    assert Client().post(f"/invitations/{token}/", form).status_code == 422
    assert Client().post(f"/invitations/{token}/", form | {"name": f"Eve {DECOMPOSED}"}).status_code == 302
    assert User.objects.get(username="eve").get_full_name() == f"Eve {COMPOSED}"


@pytest.mark.parametrize("email", ["eve@exa\u202emple.com", "eve@exa\u200bmple.com", "eve@example.com\nx"], ids=ascii)
def test_an_invitation_goes_to_an_address_that_can_be_seen(place, email):
    form = {"person": email, "role": "viewer", "then": "invite"}
    assert post(place, "people:add", form).status_code == 422
    assert not Invitation.objects.exists()


@hidden
def test_commands_refuse_such_names_too(place, name, tmp_path):
    words = ("new", f"--name={name}", "--audience=consumers", "--administrator=carl")
    with pytest.raises(CommandError, match="invisible"):
        call_command("create_environment", *words)
    assert not Environment.objects.filter(slug="new").exists()
    (tmp_path / "a.csv").write_text("Key\n1\n")
    slug = place.environment.slug
    with pytest.raises(CommandError, match="invisible"):
        call_command("import_table", "--environment", slug, "--name", name, "--key", "Key", str(tmp_path / "a.csv"))


def test_commands_compose(place, tmp_path):
    words = ("new", f"--name={DECOMPOSED}", "--audience=consumers", "--administrator=carl")
    call_command("create_environment", *words)
    assert Environment.objects.get(slug="new").name == COMPOSED
    (tmp_path / "a.csv").write_text("Key\n1\n")
    words = ("import_table", "--environment", place.environment.slug, "--key", "Key", str(tmp_path / "a.csv"), "--name")
    for typed in (DECOMPOSED, COMPOSED):
        call_command(*words, typed)
    assert Table.objects.get(environment=place.environment, name=COMPOSED).row_count == 1


def test_a_table_that_was_made_before_names_were_composed_is_replaced_under_its_own_name(place, tmp_path):
    from segments.importing.loading import import_table

    (tmp_path / "a.csv").write_text("Key\n1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segments.importing.loading.composed", lambda text: text)
        import_table(place.environment, DECOMPOSED, tmp_path / "a.csv", keys=["Key"])
    import_table(place.environment, COMPOSED, tmp_path / "a.csv", keys=["Key"])
    assert [name for name in place.environment.tables.values_list("name", flat=True) if "Caf" in name] == [DECOMPOSED]


def compose_stored(app, number):
    with database.schema_editor() as editor:
        importlib.import_module(f"{app}.migrations.{number}_composed_names").compose_all(apps, editor)


def test_an_upgrade_composes_what_is_stored_and_keeps_both_where_two_would_be_one(place, caplog):
    for name in (COMPOSED, "other", "third"):
        place.send(name=name)
    Export.objects.filter(name="other").update(name=DECOMPOSED)
    Export.objects.filter(name="third").update(name="e\u0301", description="e\u0301")
    User.objects.filter(pk=place.ada.pk).update(last_name="e\u0301")
    with caplog.at_level(logging.WARNING):
        for app, number in (("roles", "0009"), ("segments", "0004"), ("connections", "0006"), ("exports", "0012")):
            compose_stored(app, number)
    assert set(Export.objects.values_list("name", "description")) == {(COMPOSED, ""), (DECOMPOSED, ""), ("é", "é")}
    place.ada.refresh_from_db()
    assert place.ada.last_name == "é"
    assert [record.getMessage() for record in caplog.records if record.name == "roles.composing"] == [
        f"export {Export.objects.get(name=DECOMPOSED).pk} keeps its name as it was written: composed (NFC) it would "
        "be that of another, or too long."
    ]
