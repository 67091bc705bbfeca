"""Show to viewers: what an administrator marks is seen in clear, everything else is masked, whatever happens to it."""

import importlib

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.urls import reverse
from psycopg import sql

from roles.models import AuditEvent
from roles.roles import Role
from segments import showing
from segments.importing.csvfile import ImportRefusedError
from segments.models import Field
from segments.warehouse import queries, records
from segments.warehouse.members import RefreshError, refresh
from segments.warehouse.rereading import reread
from tests.factories import client_of, make_environment, make_export, make_member, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)
GUESTS = """GuestId,IBAN,Note,Income,IsMember,City
G1,DE89370400440532013000,allergic to nuts,5000,true,Zanzibar
G2,FR1420041010050500013,owes us a favour,4200,false,Ouagadougou
"""
SECRETS = ("DE89", "allergic", "5000", "Zanzibar", "owes", "Ouagadougou", "FR14")


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def table(environment):
    return make_table(environment, "Guests", GUESTS, "GuestId")


@pytest.fixture
def administrator(environment):
    return client_of(make_member(environment, Role.ADMINISTRATOR, "ada"))


def url(name, of):
    return reverse(f"segments:{name}", kwargs={"environment": of.environment.slug, "pk": of.pk})


def page(client, table):
    return client.get(url("table", table)).content.decode()


def looks(table, *names):
    return [showing.look_of(field) for field in table.fields.filter(name__in=names)]


def choose(client, table, *names):
    return client.post(url("choose_shown", table), {"shown": looks(table, *names)})


def shown(table):
    return showing.shown_names(table.fields.all())


def seen(text):
    return [value for value in SECRETS if value in text]


def test_a_viewer_sees_nothing_but_booleans_of_a_new_table(viewer, table):
    text = page(viewer, table)
    assert seen(text) == []
    assert "<td>true</td>" in text
    assert "Masked, except booleans and columns that an administrator shows to viewers." in text


def test_an_administrator_shows_several_columns_at_once(administrator, viewer, table):
    answer = choose(administrator, table, "City", "Income")
    assert answer.headers["Location"] == url("table", table) + "#fields"
    assert shown(table) == ["Income", "City"]
    assert seen(page(viewer, table)) == ["5000", "Zanzibar", "Ouagadougou"]
    event = AuditEvent.objects.get(action="choose shown")
    assert (event.changes, event.actor_name) == ({"shown": [[], ["Income", "City"]]}, "ada")
    choose(administrator, table, "City")
    assert seen(page(viewer, table)) == ["Zanzibar", "Ouagadougou"]
    choose(administrator, table, "City")
    assert AuditEvent.objects.filter(action="choose shown").count() == 2, "the same again is no change"


def test_who_is_no_administrator_reads_what_viewers_see_and_changes_nothing(viewer, contributor, table):
    for client in (viewer, contributor):
        text = page(client, table)
        assert "Viewers see" in text
        assert 'name="shown"' not in text
        assert choose(client, table, "City").status_code == 403
    assert shown(table) == []


def test_a_column_that_changed_since_the_page_was_opened_is_not_marked(administrator, table):
    opened = looks(table, "Income")
    Field.objects.filter(name="Income").update(pg_type="text")
    answer = administrator.post(url("choose_shown", table), {"shown": opened})
    assert answer.status_code == 422
    assert "the table changed after you opened it" in answer.content.decode()
    assert shown(table) == []


@pytest.mark.parametrize("look", ["", "x", "1:2", "0:text:", "\0"])
def test_what_names_no_column_is_refused(administrator, table, look):
    sent = {"shown": [look, *looks(table, "City")]}
    assert administrator.post(url("choose_shown", table), sent).status_code == 422
    assert shown(table) == []


def test_a_column_of_another_table_is_not_marked(administrator, environment, table):
    other = make_table(environment, "Other", "Id,Word\n1,a\n", "Id")
    assert administrator.post(url("choose_shown", table), {"shown": looks(other, "Word")}).status_code == 422
    assert shown(other) == []


@pytest.mark.parametrize("chosen", [(), ("City", "Note")])
def test_previews_of_exports_hide_the_same_from_viewers(viewer, contributor, environment, table, chosen):
    table.fields.filter(name__in=chosen).update(is_shown=True)
    fields = [{"field": name, "name": name} for name in table.fields.values_list("name", flat=True)]
    selection = {str(table.pk): fields}
    export = make_export(environment, segments=[make_segment(table)], field_selection=selection)
    at = reverse("exports:edit", kwargs={"environment": environment.slug, "pk": export.pk})
    text = viewer.get(at).content.decode().partition('id="export-preview"')[2]
    assert "masked except booleans and columns shown to viewers" in text
    assert seen(text) == (["allergic", "Zanzibar", "owes", "Ouagadougou"] if chosen else [])
    assert "<td>true</td>" in text
    assert "DE89" in contributor.get(at).content.decode(), "who may edit data sees all but personal data"


def test_conditions_hide_their_values_from_viewers(viewer, contributor, environment, table):
    make_table(environment, "Towns", "Town,Mayor\nZanzibar,Ada Lovelace\n", "Town")
    conditions = [
        {"field": "IBAN", "operator": "equals", "value": "DE89370400440532013000"},
        {"field": "City", "operator": "one_of", "value": "Zanzibar, Ouagadougou"},
        {"field": "IsMember", "operator": "equals", "value": "true"},
        {"field": "Mayor", "operator": "equals", "value": "Ada Lovelace", "through": "City", "to": "Towns"},
        {"field": "Gone", "operator": "equals", "value": "allergic"},
    ]
    segment = make_segment(table, "Some", [])
    segment.conditions = conditions
    segment.save()
    at = url("edit", segment)
    text = viewer.get(at).content.decode()
    assert seen(text) == []
    assert "Lovelace" not in text
    assert "<li>IsMember equals true</li>" in text
    table.fields.filter(name="City").update(is_shown=True)
    assert "Zanzibar, Ouagadougou" in viewer.get(at).content.decode()
    assert "DE89" in contributor.get(at).content.decode()


def test_what_a_failed_refresh_says_quotes_no_value(viewer, table):
    segment = make_segment(table, "Rich", [{"field": "Income", "operator": "greater", "value": "1"}])
    segment.conditions[0]["value"] = "allergic to nuts"
    segment.save()
    with pytest.raises(RefreshError, match="Income: “…” is not a number"):
        refresh(segment)
    assert seen(viewer.get(reverse("segments:list", args=[segment.environment.slug])).content.decode()) == []


def test_a_boolean_that_reads_like_none_is_masked(viewer, table):
    Field.objects.filter(name="Note").update(pg_type="boolean")
    assert seen(page(viewer, table)) == []


def test_marks_survive_the_next_import_and_what_is_new_is_masked(environment, table, viewer):
    table.fields.filter(name="City").update(is_shown=True)
    make_table(environment, "Guests", GUESTS.replace("IBAN", "Account"), "GuestId")
    assert shown(table) == ["City"]
    assert seen(page(viewer, table)) == ["Zanzibar", "Ouagadougou"]


def test_a_column_that_comes_back_or_changes_is_masked_again(environment, table, viewer):
    said = []
    table.fields.filter(name__in=("Income", "City", "Note")).update(is_shown=True)
    without = "\n".join(line.rpartition(",")[0] for line in GUESTS.splitlines())
    make_table(environment, "Guests", without.replace("5000", "five"), "GuestId", semantic_types={"Note": "street"},
               tell=said.append)  # fmt: skip
    assert shown(table) == []
    again = "Viewers see {} masked again because its type or meaning changed."
    assert {again.format("Income"), again.format("Note")} <= set(said)
    assert AuditEvent.objects.filter(action="import").latest("pk").changes["shown"] == [["Note", "Income", "City"], []]
    make_table(environment, "Guests", GUESTS, "GuestId")
    assert shown(table) == []
    assert seen(page(viewer, table)) == []


def test_numbers_of_another_size_stay_shown(environment, table):
    table.fields.filter(name="Income").update(is_shown=True)
    make_table(environment, "Guests", GUESTS.replace("5000", "5000.25"), "GuestId")
    assert shown(table) == ["Income"]


@pytest.mark.parametrize(
    "change", ['DROP COLUMN "City"', """ALTER "City" TYPE boolean USING true"""], ids=["gone", "another type"]
)
def test_a_column_changed_past_waybill_is_masked_when_the_table_is_read_again(table, change):
    table.fields.filter(name__in=("City", "Note")).update(is_shown=True)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER TABLE {} " + change).format(queries.table_name(table)))
    reread(table)
    assert shown(table) == ["Note"]
    assert AuditEvent.objects.get(action="choose shown").changes == {"shown": [["Note", "City"], ["Note"]]}


def test_an_import_shows_the_columns_that_it_is_asked_to(environment, tmp_path):
    (tmp_path / "guests.csv").write_text(GUESTS)
    words = ["import_table", str(tmp_path / "guests.csv"), "--environment", environment.slug, "--name", "Guests"]
    call_command(*words, "--key", "GuestId", "--show-to-viewers", "City", "--show-to-viewers", "Income")
    assert shown(environment.tables.get()) == ["Income", "City"]
    assert AuditEvent.objects.get(action="import").changes["shown"] == [[], ["Income", "City"]]


def test_an_import_refuses_to_show_a_column_that_is_not_there(environment):
    with pytest.raises(ImportRefusedError, match="no column Town"):
        make_table(environment, "Guests", GUESTS, "GuestId", shown=["Town"])


def test_an_upgrade_marks_nothing_and_hides_values_in_kept_errors(table):
    segment = make_segment(table)
    conditions = [{"field": "Income", "operator": "one_of", "value": 'allergic, "nuts"'}]
    error = "Income: “allergic” is not a number. Income: “nuts” is not a number."
    name = "0005_field_is_shown"
    then = MigrationLoader(connection).project_state(("segments", name)).apps
    then.get_model("segments", "Segment").objects.update(conditions=conditions, error=error)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE segments_segment SET error_said = NULL")
    importlib.import_module(f"segments.migrations.{name}").hide_values(then, None)
    segment.refresh_from_db()
    assert segment.error == "Income: “…” is not a number. Income: “…” is not a number."
    assert shown(table) == []


def test_marks_cost_no_query(viewer, table, django_assert_num_queries, django_assert_max_num_queries):
    page(viewer, table)
    with django_assert_max_num_queries(20) as before:
        page(viewer, table)
    table.fields.update(is_shown=True)
    with django_assert_num_queries(len(before)):
        page(viewer, table)


# An import between the look at the fields and the look at the rows


def as_shown(table, fields):
    rows = records.sample(table, fields)
    return " ".join(value or "" for row in showing.rows_of(rows, fields, showing.for_viewer) for value in row)


def test_columns_that_an_import_puts_in_another_order_keep_their_own_masks(administrator, environment, table):
    choose(administrator, table, "City")
    fields = list(table.fields.all())
    turned = "\n".join(",".join(reversed(line.split(","))) for line in GUESTS.splitlines())
    make_table(environment, "Guests", turned, "GuestId")
    assert seen(as_shown(table, fields)) == ["Zanzibar", "Ouagadougou"]


def test_a_column_that_an_import_makes_another_one_is_masked_at_once(administrator, environment, table):
    choose(administrator, table, "Income")
    fields = list(table.fields.all())
    make_table(environment, "Guests", GUESTS.replace("5000", "5000 in debt"), "GuestId")
    assert seen(as_shown(table, fields)) == []
