"""A second format is one more file: it is found, offered, written, stated in the manifest and downloaded."""

import json
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse

import exports.formats
from connections.destinations.local.destination import LocalFolder
from exports import actions
from exports.formats import registry
from exports.formats.form import export_form
from exports.models import Export
from exports.spec.problems import Code
from exports.spec.settings import judged_form, problems_of_settings
from exports.work.watch import work_until_idle
from roles.audit.changes import changes_of
from roles.models import AuditEvent
from tests.exports.pane.browser import Pane, text_of
from tests.exports.work.data_out import make_data_out
from tests.factories import folder_of, make_export

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = Path(__file__).parent / "second"


@pytest.fixture
def jsonl(monkeypatch):
    """The format's file, as if it lay in exports/formats/."""
    monkeypatch.setattr(exports.formats, "__path__", [*exports.formats.__path__, str(SECOND)])
    registry.formats.cache_clear()
    yield registry.formats()["jsonl"]
    sys.modules.pop("exports.formats.jsonl")
    del exports.formats.jsonl
    registry.formats.cache_clear()


@pytest.fixture
def pane():
    return Pane()


def run_of(export):
    run, _is_new = actions.run_now(export, by=None)
    work_until_idle()
    run.refresh_from_db()
    assert run.state == "succeeded", run.message
    return run


def manifest_of(run):
    (path,) = [file["path"] for file in run.files if file["role"] == "manifest"]
    return json.loads((folder_of(run.connection) / path).read_text())


def test_the_audit_log_calls_the_options_what_the_form_calls_them(jsonl):
    changes = {"settings.nulls": [False, True], "settings.compression": ["none", "gzip"]}
    event = AuditEvent(action="edit", object_type="exports.export", changes=changes)
    assert [str(change.name) for change in changes_of(event)] == ["Write null", "Compression"]


def test_one_format_needs_no_choice():
    assert list(registry.formats()) == ["csv"]
    assert list(export_form(LocalFolder, {}).base_fields) == ["delimiter", "compression"]


def test_two_formats_are_a_choice_and_the_chosen_one_asks_for_its_options(jsonl, people_list):
    assert list(registry.formats()) == ["csv", "jsonl"]
    assert list(export_form(LocalFolder, {}).base_fields) == ["format", "delimiter", "compression"]
    form = export_form(LocalFolder, {"format": "jsonl"})({"format": "jsonl", "nulls": "on"})
    assert form.is_valid()
    assert form.cleaned_data == {"format": "jsonl", "nulls": True}
    assert list(export_form(people_list, {"format": "jsonl"}).base_fields) == ["format", "nulls", "targeting"]


def test_a_slug_that_is_taken_is_refused(jsonl, monkeypatch):
    monkeypatch.setattr(jsonl, "slug", "csv")
    registry.formats.cache_clear()
    with pytest.raises(ImproperlyConfigured, match="“csv”"):
        registry.formats()


def test_a_run_writes_it_the_manifest_states_it_and_it_can_be_downloaded(jsonl, carl, environment, shared, segment):
    run = run_of(make_export(environment, "Calls", shared, [segment], settings={"format": "jsonl", "nulls": True}))
    (index,) = [index for index, file in enumerate(run.files) if file["role"] == "data"]
    file = run.files[index]
    assert file["path"].endswith("/Everybody_1.jsonl")
    lines = (folder_of(shared) / file["path"]).read_text().splitlines()
    assert len(lines) == file["rows"] == run.rows_done == 5
    assert {key for line in lines for key in json.loads(line)} >= {"CustomerId", "Email"}
    manifest = manifest_of(run)
    assert (manifest["media_type"], manifest["encoding"]) == ("application/jsonl", "UTF-8")
    assert {"delimiter", "quote", "null", "compression"}.isdisjoint(manifest)
    url = reverse("exports:file", args=[environment.slug, run.export_id, run.uuid, index])
    answer = carl.get(url)
    assert b"".join(answer.streaming_content).decode().splitlines() == lines
    assert answer.headers["Content-Type"] == "application/jsonl"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Everybody_1.jsonl"'
    answer.close()
    assert carl.get(url, {"as": "spreadsheet"}).status_code == 404


def test_its_tables_go_out_with_a_model_that_names_no_format(jsonl, environment, table):
    run = run_of(make_data_out(environment, [table], settings={"format": "jsonl", "nulls": False}))
    (path,) = [file["path"] for file in run.files if file["role"] == "model"]
    model = json.loads((folder_of(run.connection) / path).read_text())
    (partition,) = model["entities"][0]["partitions"]
    assert partition["location"].endswith(".jsonl")
    assert "fileFormatSettings" not in partition


def test_the_pane_and_the_help_page_know_it(jsonl, pane):
    shown = pane.send(draft="1", **{"settings-format": "jsonl"}).content.decode()
    assert 'name="settings-nulls"' in shown
    assert 'name="settings-delimiter"' not in shown
    assert pane.send(**{"settings-format": "jsonl", "settings-nulls": "on"}).status_code == 302
    assert Export.objects.get().settings == {"format": "jsonl", "nulls": True}
    assert pane.send(name="Other", **{"settings-format": "x"}).status_code == 422
    help_page = pane.client.get(reverse("connections:help", args=[pane.environment.slug, "local"])).content.decode()
    assert "An object for each record." in help_page


def test_a_format_that_is_gone_is_refused_by_save_check_and_run_instead_of_sending_another(pane):
    export = make_export(pane.environment, "Old", pane.connection, [pane.segment], settings={"format": "gone"})
    run, _is_new = actions.run_now(export, by=None)
    work_until_idle()
    run.refresh_from_db()
    assert (run.state, run.reason) == ("failed", "Its format is gone")
    assert run.message == str(registry.UnknownFormatError("gone"))
    (problem,) = problems_of_settings(judged_form(LocalFolder, export.settings), export.settings)
    assert (problem.path, problem.code) == (("settings", "format"), Code.INVALID_CHOICE)
    shown = pane.client.get(pane.url("edit", pk=export.pk)).content.decode()
    assert "gone (no longer available)" in shown
    for typed in ({}, {"settings-format": "gone", "settings-delimiter": "comma"}):
        refused = pane.send("edit", pk=export.pk, name="Old", **typed)
        assert refused.status_code == 422
        assert "There is no format “gone” any more" in text_of(refused)
    assert pane.send("edit", pk=export.pk, name="Old", **{"settings-format": "csv"}).status_code == 302
    export.refresh_from_db()
    assert export.settings["format"] == "csv"


def test_an_export_whose_format_is_gone_and_its_files_do_not_break(environment, shared):
    with pytest.raises(registry.UnknownFormatError, match="no format “gone” any more"):
        registry.format_of({"format": "gone"})
    assert registry.format_of_file({"format": "gone", "path": "x/a.gone", "role": "data"}, {}) is None
