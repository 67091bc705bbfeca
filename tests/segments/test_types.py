"""A column keeps its type as long as its values fit it; another type is told with whoever needs the old one."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from segments.importing.loading import ImportRefusedError, import_table
from segments.models import Segment
from segments.relationships import relate
from segments.warehouse import queries, records
from segments.warehouse.members import refresh
from tests.factories import make_environment, make_export, make_segment, make_table
from tests.segments.importing.test_importing import types_of

pytestmark = pytest.mark.django_db
FULL = "No,Nights,Left\n1,3,2026-05-01\n2,1,2026-05-02\n"
TYPES = {"No": "smallint", "Nights": "smallint", "Left": "date"}


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def guests(environment):
    return load(environment, FULL)[0]


def load(environment, text, name="Guests", **options):
    """Import; return the table and what was told."""
    told = []
    options = {"keys": ["No"], "profile_kind": "customer"} | options
    return import_table(environment, name, io.BytesIO(text.encode()), tell=told.append, **options), told


def rows(table, *names):
    """The rows as exports write them, of this very transaction."""
    fields = {field.name: field for field in table.fields.all()}
    columns = [(name, name) for name in names or fields]
    query = sql.SQL("SELECT {} FROM {} t").format(queries.selected(columns, fields), queries.table_name(table))
    with connection.cursor() as cursor:
        cursor.execute(queries.as_text(query, len(columns), 9))
        return cursor.fetchall()


def nights(value="2", operator="greater"):
    return [{"field": "Nights", "operator": operator, "value": value}]


@pytest.mark.parametrize("text", ["No,Nights,Left\n1,,\n2,,\n", "No,Nights,Left\n", 'No,Nights,Left\n3,"",\n'])
def test_columns_without_any_value_keep_their_types(guests, environment, text):
    segment = make_segment(guests, conditions=nights())
    table, told = load(environment, text)
    assert (types_of(table), told) == (TYPES, [])
    assert refresh(segment) == 0


def test_another_type_is_told_with_the_value_and_whoever_needs_the_old_one(guests, environment):
    long, known = make_segment(guests, "Long stays", nights()), make_segment(guests, "Three", nights("3", "equals"))
    chosen = {str(guests.pk): [{"field": "Nights", "name": "n"}]}
    make_export(environment, "Letter", segments=[known], field_selection=chosen)
    table, told = load(environment, FULL + "B2,unknown,2026-05-02\n")
    assert types_of(table) == {"No": "text", "Nights": "text", "Left": "date"}
    assert told == [
        "No changed from smallint to text: “B2” is not a valid smallint. It was not used.",
        "Nights changed from smallint to text: “unknown” is not a valid smallint. Change the rules of “Long "
        "stays”: until then they cannot be refreshed. Check the rules of “Three”: they now compare values of type "
        "text. “Letter”: check that the destination accepts the new values.",
    ]
    assert long.name == "Long stays"


def test_codes_stay_text_on_a_day_without_letters(environment):
    load(environment, "No,Code\n1,A1\n2,B2\n")
    segment = make_segment(
        environment.tables.get(), conditions=[{"field": "Code", "operator": "starts_with", "value": "B"}]
    )
    table, told = load(environment, "No,Code\n1,11\n2,12\n")
    assert (types_of(table)["Code"], told) == ("text", [])
    assert refresh(segment) == 0
    assert types_of(load(environment, "No,Code\n1,11\n2,12\n", types={"Code": "auto"})[0])["Code"] == "smallint"


def test_numbers_grow_without_a_word_and_nothing_breaks(guests, environment):
    segment = make_segment(guests, conditions=nights())
    table, told = load(environment, "No,Nights,Left\n1,3,2026-05-01\n70000,5000000000,2026-05-01\n")
    assert (types_of(table), told) == (TYPES | {"No": "integer", "Nights": "bigint"}, [])
    assert records.why_not_readable(segment) == ""
    assert refresh(segment) == 2
    assert types_of(load(environment, FULL)[0]) == types_of(table)


def test_whole_numbers_become_decimals_and_dates_times_and_that_is_said(guests, environment):
    segment = make_segment(
        guests, conditions=[*nights(), {"field": "Left", "operator": "greater", "value": "2026-05-01"}]
    )
    table, told = load(environment, "No,Nights,Left\n1,2.50,2026-05-01 10:00:00\n")
    assert types_of(table) == TYPES | {"Nights": "numeric", "Left": "timestamp"}
    assert told == [
        "Nights changed from smallint to numeric.",
        "Left changed from date to timestamp.",
    ]
    assert refresh(segment) == 1


def test_a_column_that_never_had_a_value_becomes_what_its_first_values_are(environment):
    table, _told = load(environment, "No,Nights,Left\n")
    assert types_of(table) == {"No": "text", "Nights": "text", "Left": "text"}
    table, told = load(environment, FULL)
    assert (types_of(table), told) == (TYPES, [])


def test_a_column_that_never_had_a_value_stays_text_for_who_reads_it_as_text(environment):
    table, _told = load(environment, "No,Nights,Left\n")
    Segment.objects.create(environment=environment, table=table, name="Some", conditions=nights("1", "contains"))
    assert types_of(load(environment, FULL)[0]) == TYPES | {"Nights": "text"}


def test_fields_that_are_related_go_on_comparing(guests, environment):
    stays = make_table(environment, "Stays", "Id,Guest\n1,1\n2,2\n", "Id")
    relationship = relate(stays.fields.get(name="Guest"), guests.fields.get(name="No"), by=None)
    through = {"field": "Nights", "operator": "greater", "value": "2", "through": "Guest", "to": "Guests"}
    segment = make_segment(stays, "Their guests", [through])
    load(environment, "No,Nights,Left\n")
    assert refresh(segment) == 0
    load(environment, "No,Nights,Left\n1,3,\n70000,1,\n")
    assert refresh(segment) == 1
    _table, told = load(environment, "No,Nights,Left\nB2,3,\n")
    assert "“B2” is not a valid integer. Change the rules of “Their guests”" in told[0]
    assert f"Now broken: {relationship}." in told[0]


def test_what_a_bad_file_made_text_is_a_number_again_for_the_rules_that_need_it(guests, environment):
    segment = make_segment(guests, conditions=nights())
    load(environment, "No,Nights,Left\n1,unknown,2026-05-01\nB2,1,2026-05-02\n")
    table, told = load(environment, FULL)
    assert types_of(table) == TYPES | {"No": "text"}
    assert told == [
        f"Nights changed from text to smallint. Check the rules of “{segment.name}”: they now compare"
        " values of type smallint."
    ]
    assert refresh(segment) == 1


def test_dates_are_read_as_they_were_before(environment):
    text = "No,Born\n1,5/8/1986\n"
    load(environment, text, date_formats={"Born": "%m/%d/%Y"})
    table, told = load(environment, text)
    assert (types_of(table)["Born"], told) == ("date", [])
    table, told = load(environment, "No,Born\n1,1986-05-08\n")
    assert (types_of(table)["Born"], told) == ("date", [])


@pytest.mark.parametrize(
    ("date_format", "value", "printed"),
    [
        ("%Y-%m-%dT%H:%M:%S.%fZ", "2026-03-02T23:59:59.250Z", "2026-03-02 23:59:59.25+00"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-03-02T23:59:59+01:00", "2026-03-02 22:59:59+00"),
        ("%d.%m.%Y %H:%M%z", "2.3.2026 23:59-0530", "2026-03-03 05:29:00+00"),
        ("%d.%m.%Y %H:%M:%S.%f", "2.3.2026 23:59:01.5", "2026-03-02 23:59:01.5"),
        ("%d.%m.%YT%H:%M:%S,%f", "2.3.2026T23:59:01,000025", "2026-03-02 23:59:01.000025"),
    ],
)
def test_fractions_and_zones_can_be_told_as_formats(environment, date_format, value, printed):
    table, _told = load(environment, f'No,Seen\n1,"{value}"\n2,\n', date_formats={"Seen": date_format})
    assert rows(table) == [("1", printed), ("2", None)]


def test_moments_can_be_compared_whatever_zone_they_are_written_in(environment):
    text = "Nr,Seen,Changed\n1,2026-03-01T07:30:00.000Z,2026-03-01 07:30:00+01:00\n"
    text += "2,2026-03-02T23:59:59.250Z,2026-03-02 23:59:59+01:00\n"
    table, told = load(environment, text, "T", keys=["Nr"])
    assert told == []
    condition = [{"field": "Changed", "operator": "greater", "value": "2026-03-02 22:59:58"}]
    segment = make_segment(table, conditions=condition)
    assert segment.member_count == 1
    assert rows(table, "Seen", "Changed")[1] == ("2026-03-02T23:59:59.250Z", "2026-03-02 23:59:59+01:00")


def test_moments_of_several_zones_are_made_by_a_type_that_a_note_names(environment):
    text = "No,Seen\n1,2026-03-01 07:30:00+01:00\n2,2026-07-01T07:30:00.5+02:00\n"
    table, told = load(environment, text)
    assert types_of(table)["Seen"] == "text"
    assert told == [
        "Seen looks like times, but stays text. To import it as times, use --type Seen=timestamptz. Exports then "
        "write UTC, e.g. 2026-03-01 07:30:00+00."
    ]
    table, told = load(environment, text, types={"Seen": "timestamptz"})
    assert types_of(table)["Seen"] == "timestamp with time zone"
    assert rows(table)[1] == ("2", "2026-07-01 05:30:00.5+00")
    table, told = load(environment, text)
    assert (types_of(table)["Seen"], told) == ("timestamp with time zone", [])


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (
            "integer",
            ["1", "A1"],
            "Line 3, column Code: “A1” is not a valid integer. Correct it, or name another --type.",
        ),
        (
            "integer",
            ["1", "02"],
            "Column Code cannot be integer: some values would not be written as in the file.",
        ),
        ("timestamptz", ["2026-07-01 07:30:00"], "Column Code cannot be timestamptz"),
        ("date", ["5/8/1986"], "Line 2, column Code: “5/8/1986” is not a valid date."),
        ("money", ["1"], "Unknown type money. Known types: text, integer, numeric,"),
    ],
)
def test_values_that_are_not_of_the_type_asked_for_are_refused(environment, kind, values, said):
    rows = "".join(f"{number},{value}\n" for number, value in enumerate(values))
    with pytest.raises(ImportRefusedError) as refused:
        load(environment, f"No,Code\n{rows}", types={"Code": kind})
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("kind", "pg_type"), [("text", "text"), ("integer", "smallint"), ("numeric", "numeric"), ("auto", "smallint")]
)
def test_a_type_can_be_asked_for(environment, tmp_path: Path, kind, pg_type):
    (tmp_path / "codes.csv").write_text("No,Code\n1,11\n")
    arguments = ["--environment", environment.slug, "--name", "Codes", str(tmp_path / "codes.csv")]
    call_command("import_table", *arguments, "--type", f"Code={kind}")
    assert types_of(environment.tables.get())["Code"] == pg_type
    call_command("import_table", *arguments)
    assert types_of(environment.tables.get())["Code"] == pg_type


def test_a_type_that_was_changed_in_postgresql_stays_while_the_values_fit(environment):
    load(environment, "No,Price,Town\n1,1.50,Ghent\n", "Prices")
    with connection.cursor() as cursor:
        cursor.execute(
            f'ALTER TABLE {environment.warehouse_schema}."Prices" ALTER "Price" TYPE numeric(10,2),'
            ' ALTER "Town" TYPE varchar(8)'
        )
    table, told = load(environment, "No,Price,Town\n1,2.25,Lille\n", "Prices")
    assert queries.columns_of(environment.warehouse_schema, "Prices")["Town"] == "character varying"
    assert (types_of(table), told) == ({"No": "smallint", "Price": "numeric", "Town": "character varying"}, [])
    load(environment, "No,Price,Town\n1,2.255,Lille-Flandres\n", "Prices")
    assert rows(table) == [("1", "2.255", "Lille-Flandres")]
