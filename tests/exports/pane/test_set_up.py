"""The Set up export pane as browsers send it: what is kept, what is refused, what is only shown."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from connections.models import Sharing
from exports.models import Export, Run
from tests.exports.pane.browser import FIELDS, PANEL, Pane, boxes, heads, rows, text_of, value_of
from tests.factories import make_connection, make_environment, make_export, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pane():
    return Pane()


def test_an_export_is_added_without_scripts(pane):
    answer = pane.client.post(pane.url(), pane.form(left_out=["Email"], names={"City": "Town"}), follow=True)
    assert "“Weekly” added." in text_of(answer)
    export = Export.objects.get()
    assert (export.name, export.connection, export.schedule_mode) == ("Weekly", pane.connection, "off")
    assert export.created_by.username == "carl"
    assert list(export.segments.all()) == [pane.segment]
    chosen = export.field_selection[str(pane.table.pk)]
    assert {"field": "City", "name": "Town"} in chosen
    assert [entry["field"] for entry in chosen] == [name for name in FIELDS if name != "Email"]
    assert not Run.objects.exists(), "saving does not run the export"


def test_the_pane_opens_with_a_segment_of_the_environment_chosen(pane):
    shown = pane.client.get(pane.url(), {"segment": pane.segment.pk})
    assert boxes(shown, "segments") == {pane.segment.pk: "checked"}
    assert "Fields to include" in text_of(shown)
    foreign = make_segment(make_table(make_environment()))
    for forged in (foreign.pk, "x", "", "-1", "9" * 40):
        assert "checked" not in boxes(pane.client.get(pane.url(), {"segment": forged}), "segments").values()
    pane.send()
    other = make_segment(pane.table, "Other")
    edited = pane.client.get(pane.url("edit", pk=Export.objects.get().pk), {"segment": other.pk})
    assert boxes(edited, "segments") == {pane.segment.pk: "checked", other.pk: ""}


def test_save_and_run_queues_one_run(pane):
    answer = pane.send(headers=PANEL, then="run")
    triggers = json.loads(answer.headers["HX-Trigger"])
    assert triggers == {"announce": "“Weekly” added. Run queued.", "exports:changed": True}
    assert answer.headers["HX-Trigger-After-Swap"] == "panel:saved"
    assert 'id="progress"' in text_of(answer), "the panel shows how it goes"
    run = Run.objects.get()
    assert (run.export.name, run.trigger, run.triggered_by.username) == ("Weekly", "saved", "carl")


def test_save_and_run_leads_to_progress_details_without_scripts(pane):
    answer = pane.send(then="run")
    assert answer.headers["Location"].endswith(f"/runs/{Run.objects.get().uuid}/")
    assert "“Weekly” added. Run queued." in text_of(pane.client.get(answer.headers["Location"]))


@pytest.mark.parametrize(
    "state, words",
    [
        ("failed", "Failed (permanent)"),
        ("retrying", "Failed (retrying)"),
        ("held", "Held"),
        ("skipped", "Skipped"),
        ("succeeded", ""),
        ("canceled", ""),
    ],
)
def test_an_export_in_trouble_says_so_first(pane, state, words):
    pane.send()
    export = Export.objects.get()
    reason, soon = "the partner's folder is gone", timezone.now() + timedelta(minutes=5)
    run = Run.objects.create(
        environment=pane.environment, export=export, state=state, reason=reason, not_before=soon, trigger="person"
    )
    Export.objects.update(last_run=run)
    top = text_of(pane.client.get(pane.url("edit", pk=export.pk))).partition("panel-body")[2].partition("panel-form")[0]
    assert words in top
    assert (reason in top) == (bool(words) and state != "retrying")
    assert (pane.url("progress", pk=export.pk) in top) == bool(words)


def test_an_export_is_changed_and_says_who_did_it(pane):
    pane.send()
    export = Export.objects.get()
    answer = pane.send("edit", pk=export.pk, name="Monthly", order=FIELDS[::-1])
    assert answer.status_code == 302
    export.refresh_from_db()
    assert export.name == "Monthly"
    assert [entry["field"] for entry in export.field_selection[str(pane.table.pk)]] == FIELDS[::-1]
    assert "Last changed by carl" in text_of(pane.client.get(pane.url("edit", pk=export.pk)))


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"name": ""}, "Enter a name for the export."),
        ({"name": "  \t "}, "Enter a name for the export."),
        ({"name": "TAKEN"}, "Another export has this name."),
        ({"name": " taken  "}, "Another export has this name."),
        ({"name": "x" * 121}, "at most 120 characters"),
        ({"name": "a\0b"}, "Null characters are not allowed."),
        ({"description": "x" * 1001}, "at most 1000 characters"),
        ({"connection": ""}, "Choose the connection to send data through."),
        ({"connection": "999999999"}, "You cannot use that connection."),
        ({"connection": "abc"}, "You cannot use that connection."),
        ({"segments": []}, "Choose at least one segment."),
        ({"segments": ["999999999", "x", "-1"]}, "Choose at least one segment."),
        ({"schedule_mode": "hourly"}, "Choose On or Off."),
        ({"schedule_mode": "on", "repeat": "daily", "time": "", "zone": "UTC"}, "Type a time like 09:30."),
        ({"left_out": FIELDS}, "Choose at least one field."),
        ({"names": {"City": "Email"}}, "Another column has this name."),
        ({"names": {"City": "  "}}, "Enter a name for the column."),
    ],
)
@pytest.mark.parametrize("headers", [{}, PANEL])
def test_what_is_wrong_is_said_beside_it_and_nothing_is_saved(pane, changes, said, headers):
    make_export(pane.environment, "Taken", pane.connection)
    answer = pane.send(headers=headers, **changes)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert 'aria-invalid="true"' in answer.content.decode() or "field-error" in answer.content.decode()
    assert [export.name for export in Export.objects.all()] == ["Taken"]


def test_a_connection_that_is_not_shared_is_neither_offered_nor_taken(pane):
    private = make_connection(pane.environment, "Finance", sharing=Sharing.NOBODY)
    assert "Finance" not in text_of(pane.client.get(pane.url()))
    answer = pane.send(connection=private.pk)
    assert answer.status_code == 422
    assert "You cannot use that connection." in text_of(answer)


def test_an_export_may_keep_its_own_name(pane):
    pane.send()
    assert pane.send("edit", pk=Export.objects.get().pk, name="WEEKLY").status_code == 302


def test_a_column_name_has_single_blanks_and_none_around(pane):
    pane.send(names={"City": "x" * 120, "Email": " a\t\n b "})
    named = {entry["field"]: entry["name"] for entry in Export.objects.get().field_selection[str(pane.table.pk)]}
    assert named["City"] == "x" * 120
    assert named["Email"] == "a b"


@pytest.mark.parametrize("name, said", [("x" * 121, "at most 120 characters"), ("a\0b", "is invisible")])
def test_a_column_name_that_no_file_should_have_is_refused_and_shown_again(pane, name, said):
    answer = pane.send(names={"City": name})
    assert answer.status_code == 422
    assert text_of(answer).count(said) == 3, "above, beside the field, and in the place of the preview"
    assert text_of(pane.send(names={"City": name}, draft="1")).count(said) == 1
    assert not Export.objects.exists()


def test_fields_that_the_table_does_not_have_are_dropped(pane):
    pane.send(order=[*FIELDS, "Password", 'x" FROM secrets; --'])
    assert [entry["field"] for entry in Export.objects.get().field_selection[str(pane.table.pk)]] == FIELDS


# Drafts: what was typed is shown again


def test_a_draft_keeps_what_is_typed_saves_nothing_and_finds_no_fault(pane):
    answer = pane.send(draft="1", name="", description="Why", names={"City": "Town"}, left_out=["Income"])
    page = text_of(answer)
    assert answer.status_code == 200
    assert not Export.objects.exists()
    assert "field-error" not in page
    assert "Why" in page
    assert 'value="Town"' in page
    assert heads(answer) == ["CustomerId", "FirstName", "LastName", "Email", "Town", "JoinedOn"]


def test_a_draft_of_a_saved_export_does_not_change_it(pane):
    pane.send()
    export = Export.objects.get()
    answer = pane.send("edit", pk=export.pk, draft="1", name="Something else", left_out=FIELDS[1:])
    assert value_of(answer, "name") == "Something else"
    export.refresh_from_db()
    assert export.name == "Weekly"
    assert len(export.field_selection[str(pane.table.pk)]) == len(FIELDS)


def test_choosing_a_segment_shows_its_fields_and_a_preview_that_is_masked(pane):
    form = {"draft": "1", "connection": "", "name": "Half", "segments": [pane.segment.pk], "schedule_mode": "off"}
    assert "Choose at least one field." in text_of(pane.client.post(pane.url(), form))
    answer = pane.send(draft="1", connection="")
    assert heads(answer) == FIELDS
    assert len(rows(answer)) == 5
    shown = text_of(answer).partition('id="export-preview"')[2]
    for secret in ("ada@example.com", "Lovelace", "chloe@example.com", 'O"Neil'):
        assert secret not in shown


@pytest.mark.parametrize(
    "move, order",
    [
        ("up:FirstName", ["FirstName", "CustomerId"]),
        ("down:CustomerId", ["FirstName", "CustomerId"]),
        ("up:CustomerId", ["CustomerId", "FirstName"]),
        ("up:nothing", ["CustomerId", "FirstName"]),
        ("", ["CustomerId", "FirstName"]),
    ],
)
def test_moving_a_field_changes_the_order_alone(pane, move, order):
    answer = pane.send(move=f"{pane.table.pk}:{move}", names={"FirstName": "Given name"})
    assert answer.status_code == 200
    assert not Export.objects.exists()
    assert [{"Given name": "FirstName"}.get(head, head) for head in heads(answer)[:2]] == order
    assert value_of(answer, "name") == "Weekly"


@pytest.mark.parametrize("move", ["", ":", "::", "x:up:City", "999:up:City", "\0"])
def test_a_move_that_makes_no_sense_does_no_harm(pane, move):
    answer = pane.send(move=move, draft="1")
    assert answer.status_code == 200
    assert heads(answer) == FIELDS


def test_the_preview_follows_names_and_order_of_the_file(pane):
    pane.send(order=["City", "CustomerId"], names={"City": "Town, or city"})
    answer = pane.client.get(pane.url("edit", pk=Export.objects.get().pk))
    assert heads(answer) == ["Town, or city", "CustomerId"]
    assert sorted(row[0] for row in rows(answer))[:4] == ["Budapest", "London", "London", "Paris"]


def test_a_segment_that_was_never_refreshed_or_whose_table_is_gone_does_not_break_the_pane(pane):
    from tests.warehouse import writer

    with writer() as connection:
        connection.execute(f"DROP TABLE waybill_work.members_{pane.segment.pk}")
    answer = pane.send(draft="1")
    assert answer.status_code == 200
    assert "The segment cannot be read now." in text_of(answer)


def test_the_pane_shows_settings_of_the_chosen_type_and_keeps_them(pane):
    sftp = make_connection(pane.environment, "Mid", type="sftp", settings={"host": "h", "port": 22, "username": "u"})
    answer = pane.send(draft="1", connection=sftp.pk)
    assert 'name="settings-compression"' in answer.content.decode()
    assert pane.send(connection=sftp.pk, **{"settings-compression": "gzip"}).status_code == 302
    assert Export.objects.get().settings["compression"] == "gzip"
    assert pane.send(connection=sftp.pk, name="Other", **{"settings-compression": "rar"}).status_code == 422


def test_htmx_gets_the_panel_and_a_browser_the_page(pane):
    assert "<html" not in pane.client.get(pane.url(), headers=PANEL).content.decode()
    assert "<html" in pane.client.get(pane.url()).content.decode()
