"""Fields to include: none chosen at first, the last export's at a click, in an order that buttons change."""

import re

import pytest

from exports.models import Export
from exports.pane.field_list import FieldList, FieldRow
from exports.spec.spec import Column
from tests.exports.pane.browser import FIELDS, PANEL, Pane, heads, text_of
from tests.factories import make_connection, make_export, make_segment, make_table

pytestmark = pytest.mark.django_db


@pytest.fixture
def pane():
    return Pane()


def part(target):
    return {"HX-Request": "true", "HX-Target": target}


def listed(answer, pane):
    """The fields in the order drawn, as (name, is ticked)."""
    drawn = re.findall(rf'name="include-{pane.table.pk}"\s+value="(\w+)"([^>]*)>', answer.content.decode())
    return [(name, "checked" in rest) for name, rest in drawn]


def test_no_field_is_chosen_for_a_new_export_and_none_is_taken_for_granted(pane):
    opened = pane.client.get(pane.url(), {"segment": pane.segment.pk})
    assert listed(opened, pane) == [(name, False) for name in FIELDS]
    assert "Choose at least one field." in text_of(opened).partition('id="export-preview"')[2]
    hasty = {"name": "Hasty", "connection": pane.connection.pk, "segments": pane.segment.pk, "schedule_mode": "off"}
    for form in (pane.form(left_out=FIELDS), hasty | {"fields_shown": ""}, hasty | {"connection": ""}):
        refused = pane.client.post(pane.url(), form)
        assert (refused.status_code, "Choose at least one field." in text_of(refused)) == (422, True)
        assert listed(refused, pane) == [(name, False) for name in FIELDS]


def test_an_export_without_a_choice_of_fields_still_sends_all(pane):
    export = make_export(pane.environment, "Old", pane.connection, [pane.segment])
    opened = pane.client.get(pane.url("edit", pk=export.pk))
    assert listed(opened, pane) == [(name, True) for name in FIELDS]


def test_chosen_fields_come_first_in_their_order(pane):
    pane.send(order=["City", "Email", *FIELDS], left_out=[name for name in FIELDS if name not in ("City", "Email")])
    opened = pane.client.get(pane.url("edit", pk=Export.objects.get().pk))
    others = [(name, False) for name in FIELDS if name not in ("City", "Email")]
    assert listed(opened, pane) == [("City", True), ("Email", True), *others]


@pytest.mark.django_db(transaction=True)
def test_the_fields_of_the_last_export_on_the_connection_are_taken_at_a_click(pane):
    chosen = {str(pane.table.pk): [{"field": "Email", "name": "mail"}, {"field": "City", "name": "City"}]}
    make_export(pane.environment, "Earlier", pane.connection, [pane.segment])
    make_export(pane.environment, "Mail hotels", pane.connection, [pane.segment], field_selection=chosen)
    make_export(pane.environment, "Elsewhere", make_connection(pane.environment), [pane.segment])
    other = make_segment(make_table(pane.environment, "Shops", "ShopId\nS1\n", key="ShopId"), "Shops")
    make_export(pane.environment, "Shops", pane.connection, [other])
    sent = {"connection": pane.connection.pk, "name": "New", "segments": pane.segment.pk}
    drawn = pane.client.post(pane.url(), sent | {"draft": "1"}, headers=part("export-fields"))
    assert "Use the fields of “Mail hotels”" in text_of(drawn)
    taken = pane.client.post(pane.url(), sent | {"fields_of": "1"}, headers=part("export-fields"))
    assert [name for name, is_ticked in listed(taken, pane) if is_ticked] == ["Email", "City"]
    assert (heads(taken), "Mail hotels" in taken.headers["HX-Trigger"]) == (["mail", "City"], True)
    whole = pane.client.post(pane.url(), sent | {"fields_of": "1"})
    assert ("<html" in whole.content.decode(), heads(whole)) == (True, ["mail", "City"])


@pytest.mark.django_db(transaction=True)
def test_only_what_changes_is_drawn_again(pane):
    form = pane.form(draft="1")
    drawn = pane.client.post(pane.url(), form, headers=part("export-fields"))
    shown = re.search(r'name="fields_shown" value="([^"]+)"', drawn.content.decode())[1]
    assert (len(listed(drawn, pane)), "HX-Retarget" in drawn.headers) == (len(FIELDS), False)
    again = pane.client.post(pane.url(), form | {"fields_shown": shown}, headers=part("export-fields"))
    assert (listed(again, pane), again.headers["HX-Retarget"]) == ([], "#export-preview")
    assert (heads(again), 'id="export-note"' in again.content.decode()) == (FIELDS, True)
    for target in ("export-fields", "export-preview", "export-what"):
        answer = pane.client.post(pane.url(), form, headers=part(target)).content.decode()
        assert ("<html" in answer, 'id="id_segments"' in answer) == (False, target == "export-what")


def test_a_draft_reads_the_chosen_segments_alone(pane, django_assert_max_num_queries):
    for number in range(5):
        make_segment(pane.table, f"Other {number}")
    with django_assert_max_num_queries(60) as queries:
        pane.client.post(pane.url(), pane.form(draft="1"), headers=part("export-fields"))
    asked = [query["sql"] for query in queries if 'FROM "segments_segment"' in query["sql"]]
    assert {f"IN ({pane.segment.pk})" in sql for sql in asked} == {True}
    assert pane.client.get(pane.url(), headers=PANEL).content.decode().count('name="segments"') == 6


ROWS = [("A", True), ("B", False), ("C", True), ("D", False)]


@pytest.mark.parametrize(
    "name, way, order",
    [
        ("C", "top", "CABD"),
        ("C", "up", "ACBD"),
        ("A", "up", "ABCD"),
        ("A", "top", "ABCD"),
        ("B", "down", "ACBD"),
        ("D", "down", "ABCD"),
        ("Z", "top", "ABCD"),
        ("A", "sideways", "ABCD"),
        ("", "reset", "ACBD"),
    ],
)
def test_rows_move(name, way, order):
    rows = [FieldRow(one, one, place, one, is_included) for place, (one, is_included) in enumerate(ROWS)]
    fields = FieldList(None, rows)
    fields.move(name, way)
    assert "".join(row.name for row in fields.rows) == order


def test_exactly_the_columns_that_are_given_are_chosen():
    rows = [FieldRow(one, one, place, one, is_included) for place, (one, is_included) in enumerate(ROWS)]
    fields = FieldList(None, rows)
    fields.choose([Column("D", "d"), Column("Gone", "gone"), Column("B", "B")])
    assert (fields.columns, "".join(row.name for row in fields.rows)) == ((Column("D", "d"), Column("B", "B")), "DBAC")
