"""A data-out export in the pane: tables and member lists to choose, to show and to keep."""

import json
import re

import pytest

from exports.models import Export, ExportTable, Run
from roles.roles import Role
from tests.exports.pane.browser import FIELDS, PANEL, Pane, boxes, heads, line_of, rows, text_of
from tests.factories import client_of, make_connection, make_environment, make_member, make_segment, make_table
from tests.servers.people_list import PeopleList

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = "OrderId,CustomerId,Total\n1,C1,10\n2,C2,20\n"


@pytest.fixture
def pane():
    pane = Pane()
    pane.orders = make_table(pane.environment, "Orders", ORDERS, key="OrderId", profile_kind="")
    return pane


def data_out(pane, **changes):
    """What a browser sends of a data-out export of both tables."""
    return pane.form(kind="data_out", segments=[], tables=[pane.orders.pk, pane.table.pk]) | changes


def test_tables_and_member_lists_are_saved_in_the_order_chosen(pane):
    answer = pane.client.post(pane.url(), data_out(pane, members=[pane.segment.pk]))
    assert answer.status_code == 302
    export = Export.objects.get()
    assert (export.kind, export.field_selection) == ("data_out", {})
    assert [entry.table for entry in export.export_tables.all()] == [pane.orders, pane.table]
    assert list(export.segments.all()) == [pane.segment]
    shown = pane.client.get(pane.url("edit", pk=export.pk))
    assert boxes(shown, "tables") == {pane.orders.pk: "checked", pane.table.pk: "checked"}
    assert boxes(shown, "members") == {pane.segment.pk: "checked"}
    assert boxes(shown, "segments") == {}


def test_a_table_says_how_many_rows_it_has_and_how_old_they_are(pane):
    shown = pane.send(draft="1", kind="data_out")
    assert line_of(shown, "Orders") == "Orders 2 Data of now"
    assert line_of(shown, "Everybody") == "Everybody 5"
    assert "A model.json and a manifest describe them" in text_of(shown)
    assert "Fields to include" not in text_of(shown)


@pytest.mark.parametrize(
    "chosen, columns, many",
    [
        ({"tables": "orders"}, ["OrderId", "CustomerId", "Total"], 2),
        ({"tables": [], "members": "segment"}, ["CustomerId"], 5),
    ],
)
def test_the_preview_shows_what_is_chosen_first_masked(pane, chosen, columns, many):
    ids = {name: [getattr(pane, what).pk] if what else [] for name, what in chosen.items()}
    shown = pane.client.post(pane.url(), data_out(pane, draft="1") | ids)
    assert (heads(shown), len(rows(shown))) == (columns, many)


def test_one_of_several_is_chosen_for_the_preview(pane):
    form = data_out(pane, draft="1", members=[pane.segment.pk])
    shown = pane.client.post(pane.url(), form)
    assert heads(shown) == ["OrderId", "CustomerId", "Total"]
    offered = rf'<option value="members-{pane.segment.pk}"[^>]*>Everybody \(member list\)</option>'
    assert re.search(offered, shown.content.decode())
    assert heads(pane.client.post(pane.url(), form | {"preview": f"tables-{pane.table.pk}"})) == FIELDS
    assert heads(pane.client.post(pane.url(), form | {"preview": f"members-{pane.segment.pk}"})) == ["CustomerId"]
    not_chosen = form | {"preview": f"segments-{pane.segment.pk}"}
    assert heads(pane.client.post(pane.url(), not_chosen)) == ["OrderId", "CustomerId", "Total"]


def test_the_kind_is_offered_before_a_connection_is_chosen(pane):
    assert "id_kind_data_out" in pane.client.get(pane.url()).content.decode()
    shown = pane.client.post(pane.url(), data_out(pane, connection="", draft="1"))
    assert boxes(shown, "tables")[pane.orders.pk] == "checked"
    assert len(rows(shown)) == 2


def test_a_whole_table_of_people_is_masked_in_the_preview(pane):
    shown = pane.client.post(pane.url(), data_out(pane, draft="1", tables=[pane.table.pk]))
    assert "•••" in text_of(shown)
    for secret in ("ada@example.com", "Lovelace"):
        assert secret not in text_of(shown)


@pytest.mark.parametrize("headers", [{}, PANEL])
@pytest.mark.parametrize(
    "chosen, said",
    [
        ({"tables": []}, "Choose at least one table or member list."),
        ({"tables": ["999999999", "x"], "members": ["-1"]}, "Choose at least one table or member list."),
    ],
)
def test_nothing_chosen_is_refused_beside_the_list(pane, chosen, said, headers):
    answer = pane.client.post(pane.url(), data_out(pane) | chosen, headers=headers)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert 'href="#id_tables"' in answer.content.decode()
    assert not Export.objects.exists()


def test_tables_of_another_environment_are_not_taken(pane):
    foreign = make_table(make_environment())
    pane.client.post(pane.url(), data_out(pane, tables=[foreign.pk, pane.table.pk]))
    assert [entry.table for entry in ExportTable.objects.all()] == [pane.table]


def test_more_than_fifty_in_all_are_refused_and_said_while_choosing(pane):
    many = [make_segment(pane.table, f"S{number}").pk for number in range(49)]
    form = data_out(pane, members=many)
    assert "51 tables and lists are chosen. Choose at most 50." in text_of(pane.client.post(pane.url(), form))
    assert "Choose at most 50." in text_of(pane.client.post(pane.url(), form | {"draft": "1"}))
    assert pane.client.post(pane.url(), form | {"tables": [pane.orders.pk]}).status_code == 302


def test_what_was_chosen_under_the_other_kind_is_kept_until_it_is_saved(pane):
    typed = pane.form(names={"City": "Town"}, tables=[pane.orders.pk], members=[pane.segment.pk], draft="1")
    as_segments = pane.client.post(pane.url(), typed)
    assert (boxes(as_segments, "segments"), boxes(as_segments, "tables")) == ({pane.segment.pk: "checked"}, {})
    page = as_segments.content.decode()
    assert f'<input type="hidden" name="tables" value="{pane.orders.pk}">' in page
    as_tables = pane.client.post(pane.url(), typed | {"kind": "data_out"})
    assert boxes(as_tables, "tables")[pane.orders.pk] == "checked"
    page = as_tables.content.decode()
    assert f'<input type="hidden" name="segments" value="{pane.segment.pk}">' in page
    assert f'<input type="hidden" name="column-{pane.table.pk}" value="Town">' in page
    del typed["draft"]
    pane.client.post(pane.url(), typed)
    export = Export.objects.get()
    assert (export.kind, export.export_tables.count()) == ("segments", 0)


def test_a_duplicate_carries_kind_and_tables(pane):
    pane.client.post(pane.url(), data_out(pane, members=[pane.segment.pk]))
    source = Export.objects.get()
    shown = pane.client.get(pane.url("duplicate", pk=source.pk))
    assert set(boxes(shown, "tables").values()) == {"checked"}
    assert boxes(shown, "members") == {pane.segment.pk: "checked"}


def test_a_type_that_takes_no_tables_offers_segments_alone_and_says_so(pane, people_list):
    people = make_connection(pane.environment, "People", type=PeopleList.slug)
    shown = pane.client.post(pane.url(), data_out(pane, connection=people.pk, draft="1"))
    assert "People list doesn't accept whole tables." in text_of(shown)
    assert boxes(shown, "tables") == {}
    assert '<input type="hidden" name="kind" value="data_out">' in shown.content.decode()
    page = pane.send(connection=people.pk, draft="1").content.decode()
    assert re.search(r'value="data_out" id="id_kind_data_out"\s+disabled>', page)
    assert '<input type="hidden" name="kind"' not in page
    assert pane.client.post(pane.url(), data_out(pane, connection=people.pk)).status_code == 422


def test_no_kind_counts_as_segments(pane):
    assert pane.send(kind="").status_code == 302
    assert Export.objects.get().kind == "segments"


@pytest.mark.parametrize("kind", ["rows", "\0", "DATA_OUT"])
def test_a_kind_that_does_not_exist_is_refused(pane, kind):
    answer = pane.send(kind=kind)
    assert answer.status_code == 422
    assert '<a href="#id_kind_field">What to export</a>: Choose segments or tables.' in text_of(answer)
    assert not Export.objects.exists()


def test_a_viewer_sees_what_is_chosen_and_nothing_else(pane):
    pane.client.post(pane.url(), data_out(pane, tables=[pane.orders.pk]))
    viewer = client_of(make_member(pane.environment, Role.VIEWER, "vera"))
    page = viewer.get(pane.url("edit", pk=Export.objects.get().pk))
    assert boxes(page, "tables") == {pane.orders.pk: "checked"}
    assert boxes(page, "members") == {}
    assert "Tables (data-out export)" in text_of(page)
    footer = text_of(page).partition("<footer")[2].partition("</footer>")[0]
    assert "Close" in footer
    assert "Save" not in footer


def test_save_and_send_a_test_shows_the_test(pane):
    answer = pane.client.post(pane.url(), data_out(pane, then="test"), headers=PANEL)
    run, export = Run.objects.get(), Export.objects.get()
    assert (run.trigger, run.most_rows, export.last_run) == ("test", 10, None)
    assert json.loads(answer.headers["HX-Trigger"])["announce"].endswith("it goes to the folder “test”.")
    assert 'id="progress"' in answer.content.decode()
    run.delete()
    answer = pane.client.post(pane.url("edit", pk=export.pk), data_out(pane, then="test"))
    assert answer.headers["Location"].endswith(f"/runs/{Run.objects.get().uuid}/")


def test_a_test_that_cannot_be_sent_now_says_why_and_the_export_is_saved(pane):
    pane.client.post(pane.url(), data_out(pane, then="run"))
    export = Export.objects.get()
    answer = pane.client.post(pane.url("edit", pk=export.pk), data_out(pane, then="test", name="New"), headers=PANEL)
    said = json.loads(answer.headers["HX-Trigger"])["announce"]
    assert said.startswith("“New” saved.")
    assert "running or waiting" in said
