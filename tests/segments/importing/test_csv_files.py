"""What a CSV file has to say before PostgreSQL sees it: its columns, what divides them, signs nobody sees."""

import io

import pytest

from segments.importing.csvfile import CsvFile, ImportRefusedError

ALSO = "The first rows also fit commas: if those separate the columns, import again with --delimiter comma."
JOINED = "an extra byte order mark (U+FEFF) is left out. Were files joined?"
KEPT = "They are kept. Remove them from the file unless they are intended."
LEFT_OUT = "End of file: the end mark of old programs (U+001A) is left out."


def read(data, **options):
    """The file's names, what is sent to PostgreSQL, and what is told."""
    file = CsvFile(io.BytesIO(data.encode() if isinstance(data, str) else data), **options)
    sent = b"".join(file.chunks()).decode()
    assert file.rows == sum(1 for _record in file.records())
    return file.names, sent, [*file.notes, *file.notes_on_rows()]


def refused(data, **options):
    with pytest.raises(ImportRefusedError) as error:
        read(data, **options)
    return str(error.value)


@pytest.mark.parametrize("sign", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("name", ["Pri{}ce", '"Pri{}ce"'])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_only_cr_lf_and_both_end_the_header(sign, name, end):
    names, _sent, told = read(f"Nr,{name.format(sign)},Town{end}1,2,Ghent{end}")
    assert names == ["Nr", f"Pri{sign}ce", "Town"]
    assert told == [f"Line 1: the name of column 2, “Pri ce”, has invisible characters: U+{ord(sign):04X}. {KEPT}"]


@pytest.mark.parametrize(
    ("data", "names", "told"),
    [
        ("Nr;Notes, short, free\n1;x\n2;y\n", ["Nr", "Notes, short, free"], "semicolons"),
        ('Nr\tSum\t"Sum per 100, net, EUR, 2026"\n1\t"1,200.50"\t3\n', None, "tabs"),
        ("Nr\tText, long, free\n1\ta, b\n2\tc\n", ["Nr", "Text, long, free"], "tabs"),
        ("Nr|Words; some, more; all\n1|a;b;c\n2|d\n", ["Nr", "Words; some, more; all"], "pipes"),
        ("Nr;Price\n1;9,90\n2;5,00\n", ["Nr", "Price"], "semicolons"),
        ("Nr,Sizes (S;M;L;XL)\n1,a\n2,b;c\n", ["Nr", "Sizes (S;M;L;XL)"], ""),
        ("Nr,Name\n1,a;b\n2,c;d\n", ["Nr", "Name"], ""),
        ("Nr;Place (street, town)\n", ["Nr", "Place (street, town)"], "semicolons"),
    ],
)
def test_the_delimiter_is_the_one_under_which_header_and_rows_agree(data, names, told):
    found, _sent, notes = read(data)
    assert names is None or found == names
    assert [note.split(". ")[0].rstrip(".") for note in notes] == [f"Read with {told} between the columns"] * bool(told)


def test_a_wrong_row_does_not_mislead_the_delimiter():
    rows = "".join(f"{number};a, b\n" for number in range(50))
    assert read(f"Nr;Notes, short, free\n{rows}51\n{rows}")[0] == ["Nr", "Notes, short, free"]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (
            "Nr;Price (net, EUR);Place (street, town)\n1;9,90;Quay, Ghent\n2;5,00;Mole, Bruges\n",
            ["Nr", "Price (net, EUR)", "Place (street, town)"],
        ),
        ("Nr;Price,EUR\n1;9,90\n2;5,00\n", ["Nr", "Price,EUR"]),
        ("Nr;Price, net, EUR\n1;9, 90, x\n2;5, 00, y\n", ["Nr", "Price, net, EUR"]),
    ],
)
def test_where_two_delimiters_agree_the_other_one_is_told(data, names):
    found, _sent, notes = read(data)
    assert (found, notes) == (names, [f"Read with semicolons between the columns. {ALSO}"])
    assert read(data, delimiter="comma")[0][0].startswith("Nr;")


@pytest.mark.parametrize("first", ["sep=;", "SEP=,", '"sep=,"', "sep=\t", "sep=|", '"sep=;",,'])
def test_excels_own_first_line_is_refused_whatever_follows(first):
    assert refused(f"{first}\r\nId;Name;Town\r\n1;a;b\r\n").startswith("Line 1 contains “sep=”")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("rest", ["", ",,", ";"])
def test_whole_lines_in_quotes_are_refused(delimiter, rest):
    lines = ["Nr,Name,Town", "1,Max,Ghent", '2,""Eve, Dr."",Bruges']
    data = "".join(f'"{line.replace(",", delimiter)}"{rest}\n' for line in lines)
    said = refused(data)
    assert said.startswith(f"Line 1: the only column would be “Nr{delimiter}Name{delimiter}Town”. Each line is in")
    option = said.partition("import it with --delimiter ")[2].rstrip(".")
    assert rest or read(data, delimiter=option)[0][0] == f"Nr{delimiter}Name{delimiter}Town"


def test_one_column_may_have_delimiters_in_some_of_its_values():
    assert read('"Name, first"\n"Eve, Dr."\nMax\n')[0] == ["Name, first"]
    assert read('Name\n"Eve, Dr."\n"Max, Dr."\n')[2] == []


def test_a_sign_that_stands_between_columns_but_is_no_delimiter_is_told():
    assert read("Nr^Name\n1^Eve\n2^Max\n")[2] == [
        "Line 1: “Nr^Name” is the only column. If “^” separates columns, save the file with commas, semicolons, "
        "tabs or pipes instead."
    ]


def test_byte_order_marks_at_the_begin_of_records_are_left_out():
    mark = "\ufeff"
    plain = 'Nr,Name\n1,Eve\n"2",Max\n3,"a\n\ufeffb"\n'
    for codec in ("utf-8", "utf-16"):
        data = f'{mark}{mark}Nr,Name\n1,Eve\n{mark}{mark}"2",Max\n3,"a\n{mark}b"\n'.encode(codec)
        names, sent, told = read(data)
        assert (names, sent) == (["Nr", "Name"], plain)
        assert f"Line 1: {JOINED}" in told
    assert read(f"Nr,Name\r\n1,Eve\r\n{mark}2,Max\r\n")[2] == [f"Line 3: {JOINED}"]


def test_a_byte_order_mark_within_the_quotes_of_a_name_is_left_out():
    assert read('"\ufeffNr","Name"\n1,a\n')[0] == ["Nr", "Name"]


@pytest.mark.parametrize("end", ["\x1a", "\x1a\r\n", "\r\n\x1a", "\r\n\x1a\x1a\x1a\x1a", "\r\n\x1a\r\n\x1a"])
@pytest.mark.parametrize("header", ["Nr\r\n1", "Nr,Name\r\n1,a", 'Nr,Name\r\n1,"a"'])
def test_the_mark_of_old_programs_for_the_end_is_left_out_and_told(header, end):
    _names, sent, told = read(header + end)
    assert sent.rstrip("\n") == header.replace("\r", "")
    assert told == [LEFT_OUT]


@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\x1a".encode("utf-16-le"), b"\x1a"])
def test_that_mark_ends_wide_encodings_too(codec, end):
    if codec == "utf-32" and len(end) == 2:
        end += b"\0\0"
    _names, sent, told = read("Nr,Name\r\n1,ä\r\n".encode(codec) + end)
    assert (sent, told[-1]) == ("Nr,Name\n1,ä\n", LEFT_OUT)


@pytest.mark.parametrize(
    ("name", "shown", "codes"),
    [
        ("Nr\u200b", "Nr", "U+200B"),
        ("\u2060Nr\u200e", "Nr", "U+2060, U+200E"),
        ("So\u00adft", "Soft", "U+00AD"),
        ("First\u00a0name", "First name", "U+00A0"),
        ("\u202eNr", "Nr", "U+202E"),
        ("N\u200dr", "Nr", "U+200D"),
        ("Nr\x7f", "Nr", "U+007F"),
    ],
)
def test_invisible_signs_in_names_are_told_by_their_codes(name, shown, codes):
    told = f"Line 1: the name of column 2, “{shown}”, has invisible characters: {codes}. {KEPT}"
    assert read(f"Id,{name}\n1,a\n")[2] == [told]


@pytest.mark.parametrize("name", ["👨‍👩‍👧", "❤️", "می‌خواهم", "1️⃣", "Prénom", "名前"])
def test_signs_that_emoji_and_scripts_need_are_not_told(name):
    assert read(f"Id,{name}\n1,{name}\n")[2] == []


def test_a_name_of_which_nothing_is_seen_is_none():
    names, _sent, told = read("Id,\u200b,\u00a0\n1,a,b\n")
    assert names == ["Id", "column_2", "column_3"]
    assert told[0] == "Line 1: column 2 has no name: it becomes the field column_2."
    assert len(told) == 2


def test_a_blank_at_the_end_of_a_name_is_told():
    assert read("Id, Name\n1,a\n")[2] == [
        "Line 1: the name of column 2, “Name”, begins or ends with a space. It is kept."
    ]


@pytest.mark.parametrize("sign", ["\u200b", "\u00ad", "\u2060", "\u200e", "\ufeff", "\u202e", "\x1a", "\x85", "\x07"])
def test_the_first_invisible_sign_in_a_value_is_told_by_line_and_column(sign):
    data = f'Id,Na\u00a0me,"Two\nlines"\n1,é–€ “x”,a\n2,"b\nc{sign}","x"\n3,{sign},d\n'
    assert read(data)[2][-1] == (
        f"Line 4, column Na\u00a0me: contains an invisible character, U+{ord(sign):04X}. It is kept. Remove it from the"
        " file unless it is intended."
    )


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        ("Word\nalpha\n\\.\nomega\n", 'Word\nalpha\n"\\."\nomega\n'),
        ("\\.\r\n1\r\n\\.", '"\\."\n1\n"\\."'),
        ("Id,Name\n1,a\n\\.\n2,b\n", 'Id,Name\n1,a\n"\\."\n2,b\n'),
        ('Id,Name\n1,"a\n\\.\nb"\n2,\\.\n', 'Id,Name\n1,"a\n\\.\nb"\n2,\\.\n'),
        ('Word\n \\.\n\\. \n"\\."\n\\.x\n', 'Word\n \\.\n\\. \n"\\."\n\\.x\n'),
        ("Word\n\ufeff\\.\na\n", 'Word\n"\\."\na\n'),
    ],
)
def test_what_postgresql_takes_for_the_end_of_all_rows_is_sent_in_quotes(data, sent):
    assert read(data)[1] == sent
