"""Rows that would get lost, headers that come again, keys and names with signs nobody sees: refused or told."""

import io

import psycopg
import pytest
from django.db import connection

from segments.importing.loading import ImportRefusedError, import_table
from tests.factories import make_environment
from tests.segments.importing.test_importing import refusal

pytestmark = pytest.mark.django_db


def take(data, **options):
    """The rows of the imported table in their order, and what was told."""
    told = []
    data = data.encode() if isinstance(data, str) else data
    table = import_table(make_environment(), "People", io.BytesIO(data), tell=told.append, **options)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table.environment.warehouse_schema}"."People"')
        return [tuple(map(str, row)) for row in cursor.fetchall()], told


def columns_of(data, **options):
    environment = make_environment()
    table = import_table(environment, "People", io.BytesIO(data.encode()), **options)
    return [(field.name, field.is_key, field.pg_type) for field in table.fields.all()]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["omega\n", "omega", "\\.", "\\.\n"])
def test_a_line_that_is_only_backslash_and_full_stop_is_a_value(end, last):
    rows, _told = take(f"Word\nalpha\n\\.\n\\.\n{last}".replace("\n", end))
    assert rows == [("alpha",), ("\\.",), ("\\.",), (last.strip(),)]


def test_such_a_line_among_several_columns_is_refused_like_any_short_one():
    said = "Line 3 has 1 field, the header has 2: column Name is missing."
    assert refusal(make_environment(), "Id,Name\n1,a\n\\.\n2,b\n").startswith(said)


def test_a_server_that_drops_rows_is_noticed(server_that_drops_rows):
    said = refusal(make_environment(), "Id,Name\n1,a\n2,drop\n3,c\n")
    assert said.startswith("The file has 3 rows, but PostgreSQL loaded 2.")


@pytest.fixture
def server_that_drops_rows():
    """Each new staging table gets a trigger that takes rows away."""
    there = connection.settings_dict
    names = {"host": there["HOST"], "port": there["PORT"], "dbname": there["NAME"], "user": "postgres"}
    try:
        superuser = psycopg.connect(**names, password=there["PASSWORD"] or None, autocommit=True)
    except psycopg.OperationalError:
        pytest.skip("needs a server whose superuser is postgres")
    with superuser:
        superuser.execute("""
            CREATE OR REPLACE FUNCTION public.drop_row() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RETURN CASE WHEN NEW.c1 = 'drop' THEN NULL ELSE NEW END; END $$;
            CREATE OR REPLACE FUNCTION public.make_trigger() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                IF to_regclass('pg_temp.waybill_staging') IS NOT NULL THEN
                    CREATE OR REPLACE TRIGGER drops BEFORE INSERT ON pg_temp.waybill_staging
                        FOR EACH ROW EXECUTE FUNCTION public.drop_row();
                END IF; END $$;
            CREATE EVENT TRIGGER waybill_drops ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
                EXECUTE FUNCTION public.make_trigger()""")
        yield
        superuser.execute("DROP EVENT TRIGGER waybill_drops")


@pytest.mark.parametrize(
    "again",
    ["Nr,Name,Points", "NR,name,POINTS", '"Nr","Name","Points"', "Nr , Name,Points", "\ufeffNr,Name,Points",
     "\x1aNr,Name,Points", "\u00a0Nr,Name,Points\u200b"],
)  # fmt: skip
@pytest.mark.parametrize("keys", [[], ["Nr"]])
def test_a_header_that_comes_again_is_refused_by_its_line(again, keys):
    said = refusal(make_environment(), f'Nr,Name,Points\n1,"E\nve",10\n{again}\n2,Max,20\n', keys=keys)
    assert said.startswith("Line 4 repeats the header. Remove all such lines:")


@pytest.mark.parametrize("header", ["Straße,ÄÖ", "Nr,,Name", "Nr,Nr", '"a ""b"" %s",c'])
def test_headers_of_any_kind_are_known_again(header):
    assert refusal(make_environment(), f"{header}\n{header}\n").startswith("Line 2 repeats the header.")


def test_a_row_that_has_only_some_of_the_names_is_a_row():
    rows, told = take("Nr,Name\nNr,x\n1,Name\nName,Nr\n")
    assert (len(rows), told) == (3, [])


def test_a_single_column_may_have_its_name_as_a_value_which_is_told():
    rows, told = take("Word\na\nword\n")
    assert rows == [("a",), ("word",)]
    assert told == ["Line 3 repeats the column's name. If it is not a value, remove the line and import again."]


@pytest.mark.parametrize(
    ("sign", "codes"),
    [
        (sign, f"U+{ord(sign):04X}")
        for sign in "\u200b\u00ad\u2060\u200e\u202e\ufeff\u00a0\u202f\u3000\u200d\x1a\x07\x0b"
    ],
)
def test_invisible_signs_in_keys_are_told_by_line_and_code(sign, codes):
    rows, told = take(f'Nr,Name\n1,a\n2{sign}2,b\n"3{sign}{sign}",c\n', keys=["Nr"])
    assert rows[1] == (f"2{sign}2", "b")
    shown = "2 2" if sign.isspace() else "22"
    assert told[-1] == (
        f"Line 3: the key Nr “{shown}” has invisible characters: {codes}. Rows with such keys: 2. It is kept, as a "
        f"different key than “{shown}”. Correct the file unless this is intended."
    )


def test_blanks_at_the_ends_of_keys_are_told():
    _rows, told = take("Nr,Name\n1,a\n2 ,b\n", keys=["Nr"])
    assert told == [
        "Line 3: the key Nr “2” begins or ends with a space. It is kept, as a different key than “2”. Correct the "
        "file unless this is intended."
    ]


def test_what_only_other_columns_have_is_not_told_of_the_key():
    _rows, told = take("Nr,Price\n1,1\u202f234 €\n2, x \n", keys=["Nr"])
    assert told == []


@pytest.mark.parametrize(
    "header", ["Nr\u200b,Name", "\ufeff\ufeffNr,Name", '"\ufeffNr",Name', " Nr,Name", "Nr\u00a0,Name"]
)
def test_a_column_is_found_by_what_people_see_of_its_name(header):
    columns = columns_of(f"{header}\n1,a\n", keys=["Nr"], profile_kind="customer")
    assert [is_key for _name, is_key, _type in columns] == [True, False]


def test_a_column_is_found_in_either_composition_of_its_name():
    assert columns_of("Pre\u0301nom,Nr\n1,a\n", keys=["Pr\u00e9nom"])[0][1]


def test_a_name_that_two_columns_show_names_neither():
    told = refusal(make_environment(), "Nr\u200b,Nr\u2060\n1,a\n", keys=["Nr"])
    assert told.startswith("Line 1: no column Nr.")
    assert columns_of("Nr\u200b,Nr\n1,a\n", keys=["Nr"])[1][1]


@pytest.mark.parametrize(
    ("data", "todo"),
    [
        ('Nr,Name\n"1,Eve"\n', "The whole line is in double quotes: save it without them."),
        ('"Nr,Name"\n1,Eve\n', "The whole header is in double quotes: save it without them."),
        ("Nr,Name\n1;Eve\n", "If commas do not separate the columns, name the delimiter with --delimiter."),
        ("Nr,Name\n1,Eve,x\n", "If commas do not separate the columns, name the delimiter with --delimiter."),
        ("Name\nEve, Dr.\n", "If commas do not separate the columns, name the delimiter with --delimiter."),
        ('Nr,Size\n1,5" disk\n', "If commas do not separate the columns, name the delimiter with --delimiter."),
    ],
)
def test_a_refusal_of_the_first_row_says_how_the_file_may_be_read_instead(data, todo):
    with pytest.raises(ImportRefusedError) as refused:
        take(data)
    assert str(refused.value).startswith("Line 2")
    assert todo in str(refused.value)
    assert "--delimiter" not in refusal(make_environment(), "Nr,Name\n1,a\n2\n")


def test_times_and_codes_keep_their_types_beside_marks_that_are_left_out():
    data = "\ufeff\ufeffNr,Seen\r\n1,2019-01-23\r\n\ufeff2,2020-02-29\r\n\x1a"
    assert columns_of(data, keys=["Nr"]) == [("Nr", True, "smallint"), ("Seen", False, "date")]
