"""CSV files become typed tables, or are refused with their line, and then nothing has changed."""

import csv
import io
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg import sql

from roles.kinds import Audience
from roles.models import AuditEvent
from segments.importing.loading import ImportRefusedError, import_table
from segments.models import Field, Table
from segments.warehouse import queries, records
from segments.warehouse.reader import snapshot
from tests.factories import CUSTOMERS, make_environment, make_segment, make_table
from tests.segments.copied import copy_csv
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)
CONTOSO = Path(__file__).resolve().parents[4] / "shared" / "data" / "contoso"


def load(environment, data, name="People", **options):
    data = data.encode() if isinstance(data, str) else data
    return import_table(environment, name, io.BytesIO(data), **options)


def exported(table, order=""):
    """The table as CSV bytes, as an export writes it."""
    fields = [(field.name, field.name) for field in table.fields.all()]
    known = {field.name: field for field in table.fields.all()}
    query = sql.SQL("SELECT {} FROM {} t").format(queries.selected(fields, known), queries.table_name(table))
    with snapshot(table.environment, [table]) as connection:
        return b"".join(copy_csv(connection, query, header=True))


def types_of(table):
    return dict(table.fields.values_list("name", "pg_type"))


def type_of(environment, *values):
    text = "value,end\n" + "".join(f"{value},x\n" for value in values)
    return types_of(load(environment, text))["value"]


def refusal(environment, data, **options):
    with pytest.raises(ImportRefusedError) as refused:
        load(environment, data, **options)
    return str(refused.value)


@pytest.mark.parametrize(
    ("file", "key", "kind", "rows"),
    [
        ("Contacts", "ContactId", "customer", 5000),
        ("LoyaltyCustomers", "LoyaltyId", None, 5002),
        ("OnlinePurchases", "PurchaseId", None, 12369),
        ("WebsiteReviews", "ReviewId", None, 20020),
    ],
)
def test_contosos_files_come_out_as_they_went_in(file, key, kind, rows):
    path = CONTOSO / f"{file}.csv"
    if not path.exists():
        pytest.skip("put the shared data beside the repository")
    table = import_table(make_environment(), file, path, keys=[key], profile_kind=kind)
    assert table.row_count == rows
    assert exported(table).rstrip(b"\n") == path.read_bytes().rstrip(b"\n")


def test_awkward_values_survive():
    table = make_table(make_environment(), csv=CUSTOMERS)
    assert exported(table).decode() == CUSTOMERS


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-20", "0", "", "9223372036854775807"], "bigint"),
        (["1", "9223372036854775808"], "numeric"),
        (["1", "-32768", "32767"], "smallint"),
        (["1", "-32769"], "integer"),
        (["2147483647"], "integer"),
        (["2147483648"], "bigint"),
        (["-2147483649", ""], "bigint"),
        (["1", "2.50", "-0.001"], "numeric"),
        (["0", "01"], "text"),
        (["1", "+2"], "text"),
        (["-0", "1"], "text"),
        (["-0.0", "1.5"], "text"),
        (["1e5", "2"], "text"),
        ([".5", "1"], "text"),
        (["NaN", "NaN"], "text"),
        (["Infinity"], "text"),
        (["infinity"], "text"),
        ([" 1"], "text"),
        (["true", "false", ""], "boolean"),
        (["true", "True"], "text"),
        (["t", "f"], "text"),
        (["2019-01-23", "0044-03-15"], "date"),
        (["2019-01-23", "2019-02-30"], "text"),
        (["2019-1-23"], "text"),
        (["5/8/1986"], "text"),
        (["2019-01-23 10:11:12", "2019-01-23 10:11:12.5"], "timestamp"),
        (["2019-01-23 10:11:12.50"], "timestamp"),
        (["2019-01-23 10:11:12.50", "2019-01-23 10:11:12.5"], "text"),
        (["2019-01-23T10:11:12"], "timestamp"),
        (["2019-01-23T10:11", "2019-01-23T23:59"], "timestamp"),
        (["2019-01-23T10:11", "2019-01-23T23:59:00"], "text"),
        (["2019-01-23 24:00:00"], "text"),
        (["2019-01-23T10:11:12.1234567Z"], "text"),
        (["2019-01-23 10:11:12+00"], "timestamp with time zone"),
        (["2019-01-23 10:11:12.5+00", "2019-01-23 10:11:12+00"], "timestamp with time zone"),
        (["2026-03-01T07:30:00.000Z", "2026-03-02T23:59:59.250Z", ""], "timestamp with time zone"),
        (
            ["2026-03-01T07:30:00Z", "2026-03-02T23:59:59.25Z", "2026-03-02T23:59:59.123456Z"],
            "timestamp with time zone",
        ),
        (["2026-03-01T07:30:00Z", "2026-03-02T23:59:59.250Z"], "timestamp with time zone"),
        (["2026-03-01T07:30:00+00:00", "2026-03-01T07:30:00.000250+00:00"], "timestamp with time zone"),
        (["2026-03-01 07:30:00+01:00", "2026-03-02 00:10:59+01:00"], "timestamp with time zone"),
        (["2026-03-01T07:30-0530", "2026-03-02T23:59-0530"], "timestamp with time zone"),
        (["2026-03-01 07:30:00+01:00", "2026-07-01 07:30:00+02:00"], "text"),
        (["2026-03-01 07:30:00+01:00", "2026-07-01 07:30:00"], "text"),
        (["2026-03-01 07:30:00Z", "2026-07-01T07:30:00Z"], "text"),
        (["2026-02-30T07:30:00Z"], "text"),
        (["2019-01-23", "2019-01-23 10:11:12"], "text"),
        (["", ""], "text"),
    ],
)
def test_a_type_is_used_only_when_every_value_prints_back_identically(values, expected):
    environment = make_environment()
    assert type_of(environment, *values) == expected
    lines = exported(Table.objects.get()).decode().splitlines()[1:]
    assert lines == [f"{value},x" for value in values]


def test_a_late_value_decides_the_type_too():
    environment = make_environment()
    numbers = [str(number) for number in range(3000)]
    assert type_of(environment, *numbers) == "smallint"
    assert type_of(environment, *numbers, "40000") == "integer"
    assert type_of(environment, *numbers, "1.5") == "numeric"
    assert type_of(environment, *numbers, "n/a") == "text"


def test_booleans_are_exported_as_true_and_false():
    table = load(make_environment(), "is_member,n\ntrue,1\nfalse,2\n,3\n")
    assert exported(table) == b"is_member,n\ntrue,1\nfalse,2\n,3\n"


def test_unquoted_empty_is_null_and_quoted_empty_is_text():
    table = load(make_environment(), 'a,b,n\n,"",1\nx,y,""\n')
    assert exported(table) == b'a,b,n\n,"",1\nx,y,\n'


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends_are_read(end):
    table = load(make_environment(), end.join(["a,b", "1,x", "2,y", ""]))
    assert exported(table) == b"a,b\n1,x\n2,y\n"


def test_a_byte_order_mark_is_skipped():
    table = load(make_environment(), b"\xef\xbb\xbfId,Name\n1,x\n", keys=["Id"])
    assert list(types_of(table)) == ["Id", "Name"]


def test_a_file_of_a_header_only_has_no_rows():
    table = load(make_environment(), "Id,Name\n", keys=["Id"], profile_kind="customer")
    assert (table.row_count, exported(table)) == (0, b"Id,Name\n")


def test_a_field_of_ten_megabytes_is_read():
    long = "ä" * 5_000_000
    table = load(make_environment(), f'id,text\n1,"{long}"\n')
    assert exported(table).decode() == f"id,text\n1,{long}\n"


def test_a_pipe_can_be_imported(tmp_path):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    assert import_table(make_environment(), "People", Pipe(b"a,b\n1,2\n")).row_count == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("Id,Name\n1,a\n2\n", "Line 3 has 1 field, the header has 2: column Name is missing."),
        ("Id,Name\n1,a\n2,b,c\n", "Line 3 has 3 fields, the header has 2."),
        ('Id,Name\n1,"a\nb"\n2\n', "Line 4 has 1 field,"),
        ('Id,Name\n1,a\n2,"b\n3,c\n', "Line 3, column Name: a double quote opens here and is not closed."),
        (b"Id,Name\n1,a\n2,caf\xe9\n", "Line 3, column Name: the byte 0xE9 is not UTF-8."),
        (b"Id,Name\n1,a\n2,b\xc3", "Line 3, column Name: the byte 0xC3 is not UTF-8."),
        (b"Id,Name\n1,a\x00b\n", "Line 2, column Name: contains a NUL byte."),
        (b"Id,N\xe9\n1,a\n", "Line 1: the name of column 2 is not UTF-8."),
        ("Id,Name\n1,a\n2,b\n1,c\n", "Line 4: Id “1” is already in line 2."),
        ('Id,Name\n1,"a\nb"\n1,c\n', "Line 4: Id “1” is already in line 2."),
        ("Id,Name\n1,a\n,b\n", "Line 3: the key Id is empty."),
        ('Id,Name\n1,a\n"",b\n', "Line 3: the key Id is empty."),
        ("", "The file is empty."),
        ("Number,Name\n1,a\n", "Line 1: no column Id."),
    ],
)
def test_what_cannot_be_read_is_named_by_line_and_what_was_there_stays(data, words):
    environment = make_environment()
    load(environment, "Id,Name\n7,before\n", keys=["Id"], profile_kind="customer")
    assert words in refusal(environment, data, keys=["Id"])
    table = Table.objects.get()
    assert (exported(table), table.row_count) == (b"Id,Name\n7,before\n", 1)
    assert AuditEvent.objects.filter(action="import").count() == 1


def test_equal_keys_of_two_columns_are_repeats_only_together():
    environment = make_environment()
    assert load(environment, "a,b\n1,1\n1,2\n", keys=["a", "b"]).row_count == 2
    assert "Line 4: a “1”, b “2” is already in line 3." in refusal(environment, "a,b\n1,1\n1,2\n1,2\n", keys=["a", "b"])


def test_a_key_that_looks_like_decimals_stays_text():
    table = load(make_environment(), "Id,n\n1.0,1\n1.00,2\n", keys=["Id"], profile_kind="customer")
    assert (types_of(table)["Id"], table.row_count) == ("text", 2)


def test_dates_with_slashes_become_dates_when_their_format_is_given():
    data = "Id,Born,Seen\n1,5/8/1986,31.12.2020 23:05\n2,12/31/1999,\n"
    formats = {"Born": "%m/%d/%Y", "Seen": "%d.%m.%Y %H:%M"}
    table = load(make_environment(), data, date_formats=formats)
    assert types_of(table) == {"Id": "smallint", "Born": "date", "Seen": "timestamp"}
    assert exported(table) == b"Id,Born,Seen\n1,1986-05-08,2020-12-31 23:05:00\n2,1999-12-31,\n"


@pytest.mark.parametrize("value", ["13/1/2020", "2/30/2020", "1/2/20", "1/2/2020x", "x"])
def test_a_value_that_does_not_fit_its_date_format_is_named(value):
    environment = make_environment()
    text = refusal(environment, f"Id,Born\n1,1/2/2020\n2,{value}\n", date_formats={"Born": "%m/%d/%Y"})
    assert text == f"Line 3, column Born: “{value}” does not fit %m/%d/%Y."
    assert not Table.objects.exists()


def test_a_date_format_needs_year_month_and_day():
    assert "is no date format" in refusal(make_environment(), "d\n1\n", date_formats={"d": "%m/%d/%y"})


def test_a_profile_table_needs_a_key_and_a_kind_that_the_audience_has():
    consumers, businesses = make_environment(), make_environment(audience=Audience.BUSINESSES)
    assert "needs a key" in refusal(consumers, "Id\n1\n", profile_kind="customer")
    assert "one of: customer" in refusal(consumers, "Id\n1\n", keys=["Id"], profile_kind="account")
    assert load(businesses, "Id\n1\n", keys=["Id"], profile_kind="account").profile_kind == "account"


def test_another_import_replaces_rows_and_keeps_fields_and_what_people_said_about_them():
    environment = make_environment()
    first = load(environment, "Id,Email,Old\n1,a@example.com,x\n", keys=["Id"], profile_kind="customer")
    ids = dict(first.fields.values_list("name", "pk"))
    Field.objects.filter(name="Email").update(semantic_type="")
    second = load(environment, "Id,New,Email\nA2,y,b@example.com\n")
    assert second.pk == first.pk
    assert second.profile_kind == "customer"
    fields = {field.name: field for field in second.fields.all()}
    assert list(fields) == ["Id", "New", "Email"]
    assert (fields["Id"].pk, fields["Email"].pk) == (ids["Id"], ids["Email"])
    assert fields["Id"].is_key
    assert fields["Id"].pg_type == "text"
    assert fields["Email"].semantic_type == ""
    assert exported(second) == b"Id,New,Email\nA2,y,b@example.com\n"


def test_meanings_are_guessed_from_names_or_given():
    table = load(
        make_environment(),
        "ContactId,FirstName,EMail,Telephone,PostCode,Loyalty Tier,Surname\n1,a,b,c,d,e,f\n",
        keys=["ContactId"],
        profile_kind="customer",
        semantic_types={"Loyalty Tier": "company"},
    )
    assert dict(table.fields.values_list("name", "semantic_type")) == {
        "ContactId": "person_id",
        "FirstName": "first_name",
        "EMail": "email",
        "Telephone": "phone",
        "PostCode": "postal_code",
        "Loyalty Tier": "company",
        "Surname": "last_name",
    }


def test_names_with_quotes_and_spaces_are_only_names():
    environment = make_environment()
    name, column = 'x"; DROP TABLE roles_user; --', "a\"b c'd%s{}"
    stream = io.StringIO()
    csv.writer(stream).writerows([[column, "n"], ["1", "2"]])
    table = load(environment, stream.getvalue(), name=name, keys=[column], profile_kind="customer")
    assert records.sample(table, table.fields.all()) == [("1", "2")]
    assert records.preview(make_segment(table), [(column, 'z"%s')]) == [("1",)]


def test_views_and_grants_on_the_table_stand_on_the_new_one():
    environment = make_environment()
    table = load(environment, "Id,Name\n1,a\n", keys=["Id"], profile_kind="customer")
    schema = environment.warehouse_schema
    with writer() as connection:
        connection.execute(f'CREATE VIEW {schema}.names AS SELECT "Name" FROM {schema}."People"')
        connection.execute(f"CREATE VIEW {schema}.twice AS SELECT * FROM {schema}.names")
        connection.execute(f'GRANT SELECT ON {schema}."People", {schema}.names TO PUBLIC')
    load(environment, "Id,Name\n1,a\n2,b\n")
    with snapshot(environment, []) as connection:
        assert connection.execute(f"SELECT * FROM {schema}.twice").fetchall() == [("a",), ("b",)]
        grants = connection.execute(
            "SELECT relname FROM pg_class, aclexplode(relacl) WHERE relnamespace = %s::regnamespace AND grantee = 0"
            " ORDER BY 1",
            [schema],
        ).fetchall()
    assert grants == [("People",), ("names",)]
    assert "names does not fit the new table" in refusal(environment, "Id\n1\n")
    assert exported(Table.objects.get(pk=table.pk)) == b"Id,Name\n1,a\n2,b\n"


def test_a_relation_that_no_import_made_is_left_alone():
    environment = make_environment()
    with writer() as connection:
        connection.execute(f"CREATE SCHEMA {environment.warehouse_schema}")
        connection.execute(f'CREATE TABLE {environment.warehouse_schema}."People" (x int)')
    assert "was not imported" in refusal(environment, "Id\n1\n")


def test_a_table_that_an_import_made_is_replaced_even_when_its_description_is_gone():
    environment = make_environment()
    load(environment, "Id\n1\n").delete()
    assert exported(load(environment, "Id\n2\n")) == b"Id\n2\n"


def test_a_reader_keeps_the_old_rows_and_the_import_waits_no_longer_than_its_patience():
    environment = make_environment()
    table = load(environment, "Id\n1\n", keys=["Id"], profile_kind="customer")
    query = sql.SQL("SELECT * FROM {}").format(queries.table_name(table))
    with snapshot(environment, [table]) as connection:
        text = refusal(environment, "Id\n2\n", patience=0)
        assert connection.execute(query).fetchall() == [(1,)]
    assert "An export that does not end is reading" in text
    load(environment, "Id\n2\n", patience=0)
    assert exported(table) == b"Id\n2\n"


def test_a_second_import_of_the_same_table_is_refused_while_one_goes_on():
    environment = make_environment()
    key = f"waybill:import:{environment.pk}:People"
    with writer() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
        assert "by another process" in refusal(environment, "Id\n1\n")
    assert load(environment, "Id\n1\n").row_count == 1


def test_nothing_is_left_in_the_schema_but_the_table():
    environment = make_environment()
    load(environment, "Id\n1\n")
    refusal(environment, "Id\n1,2\n")
    with snapshot(environment, []) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", [environment.warehouse_schema]
        ).fetchall()
    assert names == [("People",)]


def test_the_command_imports_and_says_so(tmp_path, capsys):
    environment, file = make_environment(), tmp_path / "people.csv"
    file.write_text("Id,Born,Mail\n1,5/8/1986,a@example.com\n")
    call_command(
        "import_table",
        "--environment", environment.slug, "--name", "People", "--key", "Id", "--profile", "customer",
        "--date", "Born=%m/%d/%Y", "--semantic", "Mail=email", str(file),
    )  # fmt: skip
    assert capsys.readouterr().out == "People: 1 row, 3 fields.\n"
    assert types_of(Table.objects.get())["Born"] == "date"


@pytest.mark.parametrize("file", ["missing.csv", "short.csv"])
def test_the_command_says_that_nothing_was_changed(tmp_path, file):
    environment = make_environment()
    (tmp_path / "short.csv").write_text("a,b\n1\n")
    with pytest.raises(CommandError, match=r"(Line 2 has 1 field,|File .* not found)[\s\S]*Nothing was changed"):
        call_command("import_table", str(tmp_path / file), environment=environment.slug, name="People")


def test_the_command_knows_only_environments_that_are_there():
    with pytest.raises(CommandError, match="no environment nowhere"):
        call_command("import_table", "x.csv", environment="nowhere", name="People")


def test_the_key_is_kept_unique_by_the_database():
    table = load(make_environment(), "Id\n1\n", keys=["Id"])
    insert = sql.SQL("INSERT INTO {} VALUES (1)").format(queries.table_name(table))
    with pytest.raises(psycopg.errors.UniqueViolation), writer() as connection:
        connection.execute(insert)
