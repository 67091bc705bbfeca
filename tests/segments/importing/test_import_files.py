"""Files as the world writes them: each is imported and what is special is told, or refused with what to do."""

import bz2
import gzip
import io
import os

import psycopg
import pytest
from django.db import connection

from segments.importing import csvfile, locking, refusals
from segments.importing.loading import ImportRefusedError, import_table
from segments.models import Table
from segments.warehouse.reader import snapshot
from tests.factories import make_environment, make_export, make_segment, make_table
from tests.segments.importing.test_importing import exported, load, refusal, types_of
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)
AWKWARD = 'Id,Name,Note\n1,Zoë,"Köln, ""Altstadt"""\n2,"two\nlines",日本\n3,😀,\n'
# Python takes each of these names for a codec, or stumbles over it.
NO_ENCODINGS = ["undefined", "punycode", "idna", "utf-7", "unicode_escape", "raw_unicode_escape", "a\0b", "\ud800"]
TOLD: list[str] = []


@pytest.fixture(autouse=True)
def told():
    TOLD.clear()
    return TOLD


def take(data, **options):
    return load(make_environment(), data, tell=TOLD.append, **options)


@pytest.mark.parametrize(
    "codec, mark",
    # UTF-32 is told by its mark alone.
    [("utf-16-le", "\ufeff"), ("utf-16-le", ""), ("utf-16-be", "\ufeff"), ("utf-16-be", ""), ("utf-32-le", "\ufeff")],
)
def test_wide_encodings_are_read_and_named(codec, mark):
    table = take((mark + AWKWARD).encode(codec))
    assert exported(table).decode() == AWKWARD
    assert [f"Read as {codec.upper().replace('-LE', 'LE').replace('-BE', 'BE')}."] == TOLD


def test_any_other_encoding_is_read_when_it_is_named():
    table = take("Id,Name\n1,café €\n".encode("cp1252"), encoding="windows-1252")
    assert exported(table).decode() == "Id,Name\n1,café €\n"
    assert TOLD == ["Read as windows-1252."]


def test_a_byte_order_mark_completes_the_encoding_that_is_named():
    table = take("Id\n1\n".encode("utf-16"), encoding="utf-16")
    assert (table.row_count, list(types_of(table))) == (1, ["Id"])


def test_an_encoding_that_is_split_between_two_reads_stays_whole(monkeypatch):
    monkeypatch.setattr(csvfile, "READ_BYTES", 4097)
    text = "Id,Name\n" + "".join(f"{number},é😀{number}\n" for number in range(3000))
    for codec in ("utf-8", "utf-16"):
        assert exported(take(text.encode(codec))).decode() == text


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (
            b"\xff\xfeI\0d\0\n\0" + b"\x00\xd8a\0",
            {},
            "Line 2, column Id: the byte 0x00 D8 is not UTF-16LE. The file is damaged or has another encoding. "
            "Save it again as CSV UTF-8.",
        ),
        (b"Id\n1\n", {"encoding": "klingon"}, "Unknown encoding klingon. Common encodings: utf-8,"),
        (b"Id\n1\n", {"encoding": "hex"}, "Unknown encoding hex."),
        *((b"Id\n1\n", {"encoding": name}, "Unknown encoding ") for name in NO_ENCODINGS),
        (
            b"Id\n1\n",
            {"encoding": "UTF_16"},
            "The file has no byte order mark. Instead of utf-16, use utf-16-le or utf-16-be.",
        ),
        (
            b"Id,Name\n1,a\n2,caf\xe9\n",
            {},
            "Line 3, column Name: the byte 0xE9 is not UTF-8. Save the file as CSV UTF-8, or name its encoding, "
            "e.g. --encoding windows-1252.",
        ),
        (b"Id,Name\n1,caf\xc3", {}, "Line 2, column Name: the byte 0xC3 is not UTF-8."),
        (
            b"Id,Name\n1,a\n2,b\0\n",
            {},
            "Line 3, column Name: contains a NUL byte. Text cannot contain it. Save the file again, or name its ",
        ),
    ],
)
def test_wrong_bytes_are_named_by_line_and_column_with_what_to_do(data, options, said):
    assert refusal(make_environment(), data, **options).startswith(said)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            gzip.compress(b"Id\n1\n", mtime=0),
            "compressed with gzip. Unpack it while importing: gunzip -c FILE | manage.py",
        ),
        (bz2.compress(b"Id\n1\n"), "compressed with bzip2."),
        (b"\xfd7zXZ\0..", "compressed with xz."),
        (b"\x28\xb5\x2f\xfd..", "compressed with Zstandard."),
        (b"PK\x03\x04..", "a ZIP archive or an Excel workbook. Unpack it, or save the sheet as"),
        (b"\xd0\xcf\x11\xe0..", "an old Excel workbook, not CSV."),
        (b"PAR1..", "a Parquet file, not CSV. Save or export its rows as"),
        (b"%PDF-1.7", "a PDF file, not CSV."),
        (b"SQLite format 3\0", "an SQLite file, not CSV."),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file, not CSV."),
    ],
)
def test_what_is_no_csv_file_is_named(data, said):
    assert said in refusal(make_environment(), data)


def test_a_directory_and_a_file_that_is_not_there_are_told(tmp_path):
    with pytest.raises(ImportRefusedError, match=r"is a directory\. Name a CSV file in it\."):
        import_table(make_environment(), "People", tmp_path)
    with pytest.raises(ImportRefusedError, match=r"File .*/none\.csv not found\. Check its name and path\."):
        import_table(make_environment(), "People", tmp_path / "none.csv")


def test_a_file_that_breaks_off_while_it_is_read_is_told():
    with pytest.raises(ImportRefusedError, match=r"^The file cannot be read: .*\. Correct it and import again\.$"):
        import_table(make_environment(), "People", "/proc/self/mem")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path):
    (tmp_path / "people.csv").touch(mode=0)
    with pytest.raises(ImportRefusedError, match=r"cannot be read by this account\."):
        import_table(make_environment(), "People", tmp_path / "people.csv")


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "pipes")])
def test_other_delimiters_are_told_by_the_header(delimiter, name):
    table = take(f'Id{delimiter}Name\n1{delimiter}"a{delimiter}b, c"\n2{delimiter}\n')
    assert exported(table).decode().splitlines()[1] in (f'1,"a{delimiter}b, c"', "1,a,b")
    assert table.row_count == 2
    assert [f"Read with {name} between the columns."] == TOLD


def test_a_delimiter_that_is_asked_for_overrules_the_header():
    table = take("Id|a,b,c\n1|x\n", delimiter="pipe")
    assert list(types_of(table)) == ["Id", "a,b,c"]
    assert "“dot” is not a valid delimiter. Use one of: comma, semicolon, tab, pipe." in refusal(
        make_environment(), "Id\n", delimiter="dot"
    )


def test_mixed_line_ends_are_read_and_those_in_quotes_stay():
    table = take('Id,Name\r\n1,a\n2,b\r3,"c\r\nd"\r\n4,e')
    assert exported(table) == b'Id,Name\n1,a\n2,b\n3,"c\r\nd"\n4,e\n'


def test_empty_lines_at_the_end_are_left_out_and_others_are_refused():
    assert take("Id,Name\n1,a\n\n\r\n\n").row_count == 1
    said = "Line 3 is empty. Remove it, or fill in its fields."
    assert refusal(make_environment(), "Id,Name\n1,a\n\n2,b\n") == said


def test_empty_lines_of_a_single_column_are_empty_values():
    assert take("Name\na\n\nb\n").row_count == 3


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ('Id,Size\n1,5" disk\n2,6" disk\n', "Line 2, column Size"),
        ('Id,Size\n1,"a"b\n', "Line 2, column Size"),
        ('Id,Size\n1, "a, b"\n', "Line 2, column Size"),
        ('Id,Size\n1,"a\nb"\n2,"c" \n', "Line 4, column Size"),
        ('Id,Size\n1,a\n2,b,x"y"\n', "Line 3, after the last column"),
    ],
)
def test_a_quote_inside_a_field_is_refused_because_it_would_swallow_rows(data, place):
    said = f"{place}: a double quote inside a field. Put the whole field in double quotes and double those"
    assert refusal(make_environment(), data).startswith(said)


def test_an_unclosed_quote_is_named_by_where_it_opens_also_in_a_long_file(monkeypatch):
    monkeypatch.setattr(csvfile, "READ_BYTES", 4096)
    rows = [f'{number},"x ""{number}"""' for number in range(2000)]
    rows[600] = '600,"x'
    rows[601:] = [row.replace('"', "") for row in rows[601:]]
    said = "Line 602, column Name: a double quote opens here and is not closed. Close or remove it."
    assert refusal(make_environment(), "Id,Name\n" + "\n".join(rows)) == said


def test_a_row_without_an_end_is_refused_before_the_server_holds_it_all(monkeypatch):
    monkeypatch.setattr(csvfile, "LONGEST_RECORD", 3_000_000)
    said = "Line 3, column Text: the row is larger than 3 MB. Is a double quote not closed?"
    assert refusal(make_environment(), 'Id,Text\n1,a\n2,"' + "x\n" * 3_000_000 + '"\n') == said
    assert take('Id,Text\n1,"' + "x\n" * 1_000_000 + '"\n').row_count == 1


def test_a_header_that_does_not_end_is_refused():
    assert refusal(make_environment(), 'Id,"Name\n1,a\n').startswith("Line 1: the column names do not end.")


def test_excels_own_first_line_is_refused():
    assert refusal(make_environment(), "sep=;\nId;Name\n1;a\n").startswith("Line 1 contains “sep=”")


def test_three_hundred_columns_are_read():
    header, values = ",".join(f"c{n}" for n in range(300)), ",".join(map(str, range(300)))
    assert exported(take(f"{header}\n{values}\n")).decode() == f"{header}\n{values}\n"


def test_more_columns_than_postgresql_holds_are_refused():
    header = ",".join(f"c{n}" for n in range(1601))
    said = "Line 1: 1,601 columns; a table can have at most 1,600. Split the file into several tables."
    assert refusal(make_environment(), f"{header}\n") == said


def test_a_row_wider_than_postgresqls_page_is_refused():
    header = ",".join(f"c{n}" for n in range(1600))
    texts = ",".join(["12345678"] * 1600)
    assert refusal(make_environment(), f"{header}\n{texts}\n").startswith("Line 2 or shortly before: a row is larger")


@pytest.mark.parametrize(
    ("value", "count", "pg_type"),
    [("12", 1600, "smallint"), ("1234", 1500, "smallint"), ("1.5", 1600, "text"), ("123", 1600, "smallint")],
)
def test_columns_are_text_where_they_would_not_fit_as_numbers(value, count, pg_type):
    text = ",".join(f"c{n}" for n in range(count)) + "\n" + ",".join([value] * count) + "\n"
    table = take(text)
    assert set(types_of(table).values()) == {pg_type}
    assert exported(table).decode() == text


def test_columns_without_a_name_or_with_that_of_another_get_one_that_is_told():
    table = take("Id,Name,Name,,Name_2,Id,\n1,a,b,c,d,e,f\n", keys=["Id"])
    assert list(types_of(table)) == ["Id", "Name", "Name_3", "column_4", "Name_2", "Id_2", "column_7"]
    assert TOLD == [
        "Line 1: column 3 is another “Name”: it becomes the field Name_3.",
        "Line 1: column 4 has no name: it becomes the field column_4.",
        "Line 1: column 6 is another “Id”: it becomes the field Id_2.",
        "Line 1: column 7 has no name: it becomes the field column_7.",
    ]


def test_long_names_are_cut_to_what_postgresql_holds_and_that_is_told():
    first, second, accents = "x" * 80, "x" * 79 + "y", "é" * 40
    data = f"Id,{first},{second},{accents}\n1,a,b,c\n"
    environment = make_environment()
    table = load(environment, data, tell=TOLD.append, keys=[second], profile_kind="customer")
    names = ["Id", "x" * 63, "x" * 61 + "_2", "é" * 31]
    assert list(types_of(table)) == names
    assert table.fields.get(is_key=True).name == names[2]
    assert TOLD[1] == f"Line 1: the name of column 3 has more than 63 bytes: it becomes the field {names[2]}."
    assert load(environment, data).row_count == 1


def test_sql_words_are_only_names():
    data = 'Id,select,table,user,order,"group by",TRUE\n1,a,b,c,d,e,f\n'
    assert exported(take(data)).decode() == data.replace('"', "").replace("group by", '"group by"', 0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            "Id,Name\n1,a\n2\n",
            "Line 3 has 1 field, the header has 2: column Name is missing. Write a delimiter for each column, even "
            "if the value is empty.",
        ),
        (
            "Id,Name,City\n1\n",
            "Line 2 has 1 field, the header has 3: the columns from Name on are missing. Write a delimiter for "
            "each column, even if the value is empty. If commas do not separate the columns, name the delimiter "
            "with --delimiter.",
        ),
        (
            "Id;Name\n1;a\n2;b;c\n",
            "Line 3 has 3 fields, the header has 2. Put values that contain semicolons in double quotes, or remove "
            "the extra values.",
        ),
        ("\nId\n", "Line 1: column names are missing. Add them, separated as the rows are."),
    ],
)
def test_wrong_counts_of_fields_say_the_line_and_what_to_do(data, said):
    assert refusal(make_environment(), data) == said


@pytest.mark.parametrize(
    ("key", "said"),
    [("Idd", "Did you mean Id?"), ("ID", "Did you mean Id?"), ("Number", "The file has: Id, Name.")],
)
def test_a_column_that_is_not_there_is_answered_with_the_nearest_one(key, said):
    text = refusal(make_environment(), "Id,Name\n1,a\n", keys=[key])
    assert text == f"Line 1: no column {key}. {said}"


def test_a_key_that_is_too_long_is_named_by_its_line():
    long = os.urandom(3000).hex()
    said = "Line 3: the key has 6,000 bytes; the limit is about 2,700. Name a shorter key."
    assert refusal(make_environment(), f"Id\n1\n{long}\n", keys=["Id"]) == said


def test_fields_that_the_new_file_lacks_are_told_with_who_needs_them():
    table = make_table(make_environment())
    segment = make_segment(table, "Londoners", [{"field": "City", "operator": "equals", "value": "London"}])
    for name in ("Newsletter", "Letter"):
        chosen = {str(table.pk): [{"field": "City", "name": "Town"}, {"field": "Email", "name": "Email"}]}
        make_export(table.environment, name, segments=[segment], field_selection=chosen)
    import_table(table.environment, "Customers", io.BytesIO(b"CustomerId,Email\nC1,a\n"), tell=TOLD.append)
    assert (
        "The file no longer has City. Change the rules of “Londoners”: until then they cannot be refreshed. Choose "
        "the fields of “Letter” and “Newsletter” again. Until then their runs fail."
    ) in TOLD
    assert "The file no longer has Income. It was not used." in TOLD


@pytest.mark.parametrize(
    ("values", "likely"),
    [
        (["7/11/2018", "12/31/2018", ""], "%m/%d/%Y"),
        (["7.11.2018", "31.12.2018"], "%d.%m.%Y"),
        (["7-11-2018"], "%m-%d-%Y"),
        (["13/13/2018"], ""),
        (["7/11/2018", "soon"], ""),
        (["7/11/2018", "7.11.2018"], ""),
        (["40/11/2018"], ""),
    ],
)
def test_columns_that_look_like_dates_but_stay_text_are_told_with_the_option_for_it(values, likely):
    assert types_of(take("Seen,n\n" + "".join(f"{value},1\n" for value in values)))["Seen"] == "text"
    said = f"Seen looks like dates, but stays text. To import it as dates, use --date Seen={likely}."
    assert ([said] if likely else []) == TOLD


def test_a_wait_for_an_export_is_said(monkeypatch):
    monkeypatch.setattr(locking, "TRY_MILLISECONDS", 50)
    environment, said = make_environment(), []
    table = load(environment, "Id\n1\n")
    with snapshot(environment, [table]):
        refusal(environment, "Id\n2\n", patience=0.2, progress=said.append)
    assert said[-1] == "Step 4 of 4: waiting for an export that reads the old rows"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("53100", "The disk is full: it is so. Free about three times the file's size and import again."),
        ("42501", "PostgreSQL denied it: it is so. Grant Waybill's account the right to create schemas and tables."),
        ("57014", "PostgreSQL could not store the rows: it is so. Correct this and import again."),
    ],
)
def test_what_the_database_says_becomes_one_sentence_and_one_what_to_do(code, said):
    with pytest.raises(psycopg.Error) as raised:
        _fail(code)
    assert str(refusals.explain(raised.value)) == said


def _fail(code):
    with writer() as raw:
        raw.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'it is so'; END $$")


def test_a_server_that_goes_away_in_the_middle_is_told_and_the_old_rows_stay():
    environment = make_environment()
    load(environment, "Id\n1\n")

    def end_the_session(text):
        if text.startswith("Step 3"):
            pid = connection.connection.info.backend_pid
            with writer() as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    said = refusal(environment, "Id\n2\n", progress=end_the_session)
    assert said.startswith("The connection to the database was lost: ")
    assert exported(Table.objects.get()) == b"Id\n1\n"
