"""Data > Tables and Insights > Segments in the browser's words: pages, fragments, forms, rights."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from roles.models import AuditEvent
from segments import tasks
from segments.models import Segment, SegmentStatus, Table
from segments.warehouse.reader import snapshot
from tests.factories import make_environment, make_export, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)
LONDON = {"field": "City", "operator": "equals", "value": "London"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def environment():
    return make_environment("contoso", name="Contoso")


@pytest.fixture
def table(environment):
    return make_table(environment)


def url(name, **kwargs):
    return reverse(f"segments:{name}", kwargs={"environment": "contoso", **kwargs})


def form(table, name="Londoners", *conditions, **more):
    return {
        "name": name,
        "description": "",
        "table": table.pk,
        "match": "all",
        "field": [one["field"] for one in conditions],
        "operator": [one["operator"] for one in conditions],
        "value": [one["value"] for one in conditions],
        **more,
    }


def names_in(response):
    return [item.name for item in response.context_data["listing"].page]


# Tables


def test_tables_are_listed_with_rows_and_fields(viewer, table):
    text = viewer.get(url("tables")).content.decode()
    assert "Customers" in text
    assert '<td class="cell-status num">5 <' in text
    assert '<td class="num p2">7</td>' in text


def test_tables_can_be_searched_and_sorted(viewer, environment, table):
    make_table(environment, "Accounts", csv="Id\n1\n", key="Id")
    assert names_in(viewer.get(url("tables"))) == ["Accounts", "Customers"]
    assert names_in(viewer.get(url("tables"), {"sort": "-rows"})) == ["Customers", "Accounts"]
    assert names_in(viewer.get(url("tables"), {"sort": "fields; DROP"})) == ["Accounts", "Customers"]
    assert names_in(viewer.get(url("tables"), {"q": "cust"})) == ["Customers"]
    assert "No tables match" in viewer.get(url("tables"), {"q": "zzz\0"}).content.decode()


def test_an_environment_without_tables_says_how_to_import(viewer):
    assert "manage.py import_table --environment contoso" in viewer.get(url("tables")).content.decode()


def test_a_table_shows_its_fields_and_first_rows_to_those_who_may_edit(contributor, table):
    text = contributor.get(url("table", pk=table.pk)).content.decode()
    assert "ada@example.com" in text
    assert "Person or account id" in text
    assert "You see unmasked values because you can edit data." in text


def test_a_viewer_sees_personal_data_masked(viewer, table):
    text = viewer.get(url("table", pk=table.pk)).content.decode()
    assert "Masked, except booleans" in text
    assert "unmasked values" not in text
    assert "a•••@e•••.com" in text
    assert "ada@example.com" not in text
    assert "Lovelace" not in text


def test_a_table_whose_relation_is_gone_says_so(viewer, environment):
    lost = Table.objects.create(environment=environment, name="Lost")
    lost.fields.create(name="Id", position=0, pg_type="bigint")
    assert "cannot be read now" in viewer.get(url("table", pk=lost.pk)).content.decode()


# The list of segments


def test_segments_are_listed_searched_and_sorted(viewer, table):
    make_segment(table, "Everybody")
    make_segment(table, "Londoners", [LONDON])
    Segment.objects.create(environment=table.environment, table=table, name="New")
    assert names_in(viewer.get(url("list"))) == ["Everybody", "Londoners", "New"]
    assert names_in(viewer.get(url("list"), {"sort": "-members"})) == ["Everybody", "Londoners", "New"]
    assert names_in(viewer.get(url("list"), {"sort": "members"})) == ["Londoners", "Everybody", "New"]
    assert names_in(viewer.get(url("list"), {"q": "LONDON"})) == ["Londoners"]
    assert len(names_in(viewer.get(url("list"), {"q": "customers"}))) == 3


def test_the_number_of_queries_does_not_grow_with_the_list(
    viewer, table, django_assert_num_queries, django_assert_max_num_queries
):
    make_segment(table)
    viewer.get(url("list"))
    with django_assert_max_num_queries(10) as few:
        viewer.get(url("list"))
    for _number in range(12):
        Segment.objects.create(environment=table.environment, table=table, name=f"more {_number}")
    with django_assert_num_queries(len(few)):
        viewer.get(url("list"))


def test_a_list_without_segments_offers_the_next_step(contributor, viewer, environment):
    assert "No profile table yet" in contributor.get(url("list")).content.decode()
    make_table(environment)
    assert "Add segment" in contributor.get(url("list")).content.decode()
    assert "Add segment" not in viewer.get(url("list")).content.decode()


def test_a_row_polls_only_while_it_refreshes(viewer, table):
    segment = make_segment(table)
    assert "every 2s" not in viewer.get(url("list")).content.decode()
    Segment.objects.update(status=SegmentStatus.REFRESHING, refresh_started_at=timezone.now())
    assert "every 2s" in viewer.get(url("list")).content.decode()
    row = viewer.get(url("row", pk=segment.pk), headers=HTMX).content.decode().strip()
    assert row.startswith(f'<tr id="segment-{segment.pk}"')
    assert row.endswith("</tr>")
    assert "every 2s" in row


def test_the_row_is_no_page_of_its_own(viewer, table):
    assert viewer.get(url("row", pk=make_segment(table).pk)).url == url("list")


def test_the_list_heals_a_refresh_whose_worker_died(viewer, table):
    segment = make_segment(table)
    started = timezone.now() - timedelta(hours=1)
    Segment.objects.update(status=SegmentStatus.REFRESHING, refresh_started_at=started)
    assert "The refresh did not finish" in viewer.get(url("list")).content.decode()
    segment.refresh_from_db()
    assert segment.status == SegmentStatus.FAILED


# Add and edit


def test_a_segment_is_added_refreshed_and_in_the_audit_log(contributor, table):
    response = contributor.post(url("add"), form(table, "Londoners", LONDON))
    assert response.url == url("list")
    segment = Segment.objects.get()
    assert segment.conditions == [LONDON]
    assert (segment.status, str(segment.created_by)) == (SegmentStatus.REFRESHING, "carl")
    event = AuditEvent.objects.get(action="create")
    assert event.changes["conditions"] == [[], ["City equals"]]
    assert "London" not in json.dumps(event.changes["conditions"])

    assert OrmQ.objects.get().key == "chores"
    tasks.refresh_segment(segment.pk, segment.created_by_id)
    segment.refresh_from_db()
    assert (segment.status, segment.member_count) == (SegmentStatus.READY, 2)
    assert AuditEvent.objects.get(action="refresh").actor_name == "carl"


def test_with_htmx_the_panel_closes_and_the_list_reloads(contributor, table):
    response = contributor.post(url("add"), form(table, "Londoners", LONDON), headers=HTMX)
    assert response.status_code == 204
    assert {"panel:close", "segments:changed"} <= set(json.loads(response.headers["HX-Trigger"]))


def test_a_condition_that_cannot_be_used_is_explained_beside_it(contributor, table):
    wrong = {"field": "Income", "operator": "greater", "value": "abc"}
    response = contributor.post(url("add"), form(table, "Rich", LONDON, wrong))
    assert response.status_code == 422
    text = response.content.decode()
    assert "Income: “abc” is not a number. Enter e.g. 1200 or 12.50." in text
    assert 'id="condition-value-2" value="abc"' in text
    assert not Segment.objects.exists()


@pytest.mark.parametrize("name", ["", "Everybody"])
def test_a_name_must_be_given_and_free(contributor, table, name):
    make_segment(table, "Everybody")
    response = contributor.post(url("add"), form(table, name))
    assert response.status_code == 422
    assert response.context_data["form"].errors["name"]


def test_another_environments_table_cannot_be_chosen(contributor, table):
    foreign = make_table(make_environment("foreign"))
    assert contributor.post(url("add"), form(foreign)).status_code == 422


def test_buttons_add_and_remove_conditions_without_scripts(contributor, table):
    added = contributor.post(url("add"), form(table, "Kept name", LONDON, action="add-condition"))
    text = added.content.decode()
    assert added.status_code == 200
    assert 'value="Kept name"' in text
    assert 'id="condition-value-1" value="London"' in text
    assert 'id="condition-field-2"' in text
    born = {"field": "JoinedOn", "operator": "less", "value": "2020-01-01"}
    removed = contributor.post(url("add"), form(table, "x", LONDON, born, action="remove-condition-0"))
    text = removed.content.decode()
    assert 'id="condition-value-1" value="2020-01-01"' in text
    assert "condition-value-2" not in text
    assert not Segment.objects.exists()


def test_matches_are_counted_before_saving(contributor, table):
    text = contributor.post(url("add"), form(table, "", LONDON, action="count")).content.decode()
    assert "<strong>2</strong> of 5 match" in text
    wrong = {"field": "Income", "operator": "greater", "value": "abc"}
    text = contributor.post(url("add"), form(table, "", wrong, action="count")).content.decode()
    assert "is not a number" in text


def test_htmx_gets_the_conditions_alone(contributor, table):
    headers = HTMX | {"HX-Target": "conditions"}
    response = contributor.post(url("add"), form(table, "", LONDON, action="update"), headers=headers)
    text = response.content.decode().strip()
    assert text.startswith('<section id="conditions"')
    assert "<strong>2</strong> of 5 match" in text


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("Income", "A number without separators, e.g. 1200 or 12.50."),
        ("JoinedOn", "e.g. 2024-01-31."),
        ("City", ""),
    ],
)
def test_the_hint_follows_the_field(contributor, table, field, hint):
    headers = HTMX | {"HX-Target": "condition-note-1"}
    sent = form(table, "", {"field": field, "operator": "equals", "value": ""}, action="check")
    text = contributor.post(url("add"), sent, headers=headers).content.decode()
    assert (hint in text) if hint else ("field-help" not in text)
    assert "field-error" not in text


def test_a_wrong_value_is_said_at_once_and_the_count_says_why_it_is_missing(contributor, table):
    wrong = {"field": "Income", "operator": "greater", "value": "1,200"}
    headers = HTMX | {"HX-Target": "condition-note-1"}
    text = contributor.post(url("add"), form(table, "", wrong, action="check"), headers=headers).content.decode()
    assert "“1,200” is not a number" in text
    text = contributor.post(url("add"), form(table, "", wrong, action="update")).content.decode()
    assert "Not counted: correct the condition first." in text


def test_an_empty_name_is_asked_for(contributor, table):
    text = contributor.post(url("add"), form(table, "")).content.decode()
    assert "Enter a name for the segment." in text
    assert "People who meet any condition" in text


def test_operators_offered_are_those_that_suit_the_field(contributor, table):
    condition = {"field": "JoinedOn", "operator": "contains", "value": "2020"}
    text = contributor.post(url("add"), form(table, "", condition, action="update")).content.decode()
    assert re.search(r'<option value="at_least"\s*>is on or after</option>', text)
    assert '<option value="contains"' not in text


def test_a_changed_definition_is_refreshed_and_a_new_name_is_not(contributor, table):
    segment = make_segment(table, "Before", [LONDON])
    contributor.post(url("edit", pk=segment.pk), form(table, "After", LONDON))
    segment.refresh_from_db()
    assert (segment.name, segment.status) == ("After", SegmentStatus.READY)
    assert not OrmQ.objects.exists()
    contributor.post(url("edit", pk=segment.pk), form(table, "After", LONDON | {"value": "Paris"}))
    segment.refresh_from_db()
    assert segment.status == SegmentStatus.REFRESHING
    assert OrmQ.objects.count() == 1
    assert [event.changes.keys() for event in AuditEvent.objects.filter(action="change").order_by("pk")] == [
        {"name"},
        {"conditions"},
    ]


def test_saving_what_did_not_change_leaves_no_trace(contributor, table):
    segment = make_segment(table, "Same", [LONDON])
    contributor.post(url("edit", pk=segment.pk), form(table, "Same", LONDON))
    assert not AuditEvent.objects.filter(action="change").exists()


def test_the_table_of_a_segment_stays(contributor, environment, table):
    other = make_table(environment, "Other")
    segment = make_segment(table)
    contributor.post(url("edit", pk=segment.pk), form(other, "x"))
    segment.refresh_from_db()
    assert (segment.table, segment.name) == (table, "x")


def test_the_panel_comes_alone_into_the_dialog(contributor, table):
    segment = make_segment(table)
    response = contributor.get(url("edit", pk=segment.pk), headers=HTMX | {"HX-Target": "panel"})
    assert response.template_name == "segments/form.html#panel"
    assert "<html" not in response.content.decode()


def test_a_viewer_reads_the_conditions_and_gets_no_form(viewer, table):
    segment = make_segment(table, "Londoners", [LONDON])
    text = viewer.get(url("edit", pk=segment.pk)).content.decode()
    assert "City equals •••" in text
    assert "panel-footer" in text
    assert 'name="operator"' not in text


# Refresh and remove


def test_refresh_is_asked_for_once(contributor, table):
    segment = make_segment(table)
    for _time in range(2):
        assert contributor.post(url("refresh", pk=segment.pk)).url == url("list")
    segment.refresh_from_db()
    assert segment.status == SegmentStatus.REFRESHING
    assert OrmQ.objects.count() == 1


def test_a_refresh_of_a_removed_segment_is_nothing():
    tasks.refresh_segment(4711)


def test_remove_asks_first_and_takes_the_members_along(contributor, table):
    segment = make_segment(table, "Gone")
    assert "will be deleted" in contributor.get(url("remove", pk=segment.pk)).content.decode()
    assert Segment.objects.exists()
    assert contributor.post(url("remove", pk=segment.pk)).url == url("list")
    assert not Segment.objects.exists()
    with snapshot(table.environment, []) as connection:
        found = connection.execute("SELECT to_regclass(%s)", [f"waybill_work.members_{segment.pk}"]).fetchone()
    assert found == (None,)
    assert AuditEvent.objects.get(action="remove").object_name == "Gone"


def test_remove_is_refused_while_exports_use_it_and_lists_them(contributor, environment, table):
    segment = make_segment(table)
    export = make_export(environment, "Call list", segments=[segment])
    for method in (contributor.get, contributor.post):
        response = method(url("remove", pk=segment.pk), headers=HTMX | {"HX-Target": "panel"})
        text = response.content.decode()
        assert f'href="/e/contoso/exports/{export.pk}/"' in text
        assert "Call list" in text
        assert "button-danger-solid" not in text
    assert Segment.objects.exists()


# Rights


@pytest.mark.parametrize("name", ["edit", "refresh", "remove"])
def test_a_viewer_cannot_change_a_segment(viewer, table, name):
    segment = make_segment(table)
    assert viewer.post(url(name, pk=segment.pk), form(table)).status_code == 403
    segment.refresh_from_db()
    assert segment.status == SegmentStatus.READY


def test_a_viewer_cannot_add_a_segment(viewer, table):
    assert viewer.get(url("add")).status_code == 403
    assert viewer.post(url("add"), form(table)).status_code == 403


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_belongs_to_another_environment_is_unknown(contributor, table, headers):
    foreign = make_table(make_environment("foreign"))
    segment = make_segment(foreign)
    assert contributor.get(url("table", pk=foreign.pk), headers=headers).status_code == 404
    for name in ("edit", "row", "remove"):
        assert contributor.get(url(name, pk=segment.pk), headers=headers).status_code == 404
    for name in ("edit", "refresh", "remove"):
        assert contributor.post(url(name, pk=segment.pk), headers=headers).status_code == 404
    assert contributor.get(f"/e/foreign/segments/{segment.pk}/", headers=headers).status_code == 404


def test_refresh_takes_no_get(contributor, table):
    assert contributor.get(url("refresh", pk=make_segment(table).pk)).status_code == 405


def test_support_staff_read_tables_and_segments_in_django_admin(environment, table, admin_client):
    segment = make_segment(table)
    for path in ("table", f"table/{table.pk}/change", "segment", f"segment/{segment.pk}/change"):
        assert admin_client.get(f"/admin/segments/{path}/").status_code == 200
    assert admin_client.post(f"/admin/segments/segment/{segment.pk}/delete/").status_code == 403
