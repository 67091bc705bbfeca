"""CSV as it is delivered, and made safe for spreadsheets: nothing is a formula, everything else is as it was."""

import csv
import io
import itertools

import pytest

from connections.destinations.local.destination import LocalFolder
from exports.formats.csv import DELIMITERS, Csv
from exports.formats.form import export_form
from roles.net.spreadsheet import BOM, escaped, is_formula


def defused(chunks, delimiter):
    return Csv(delimiter).for_spreadsheet(chunks)


@pytest.mark.parametrize(
    "sent, delimiter",
    [({}, "comma"), ({"delimiter": ""}, "comma"), ({"delimiter": "tab"}, "tab"), ({"delimiter": "x"}, None)],
)
def test_a_delimiter_that_was_not_chosen_is_a_comma(sent, delimiter):
    form = export_form(LocalFolder, {})({"compression": "none"} | sent)
    assert form.is_valid() == (delimiter is not None)
    assert form.cleaned_data.get("delimiter") == delimiter


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-", "+", "+49 30 1234", "-5=A1", "--5"],
)
def test_what_a_spreadsheet_would_compute_is_a_formula(value):
    assert is_formula(value)


@pytest.mark.parametrize(
    "value", ["", "-5", "+4.2", "-1,234.50", "-.5", "+1e10", "5", "a=1", " =1", "'=1", "2020-01-02"]
)
def test_numbers_and_words_are_none(value):
    assert not is_formula(value)


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        ("x;=HYPERLINK(1)", "x;'=HYPERLINK(1)"),
        ("x, =1", "x,' =1"),
        ('x|"=1"', 'x|\'"=1"'),
        ("x\t@SUM(A1)", "x\t'@SUM(A1)"),
        ("a\r\n=1", "a\r\n'=1"),
        ("a;;+1+1", "a;;'+1+1"),
        ("=1;=2", "'=1;'=2"),
        ("3, -5 x", "3,' -5 x"),
        ("x;-5,1*cmd|' /c calc'!A1", "x;'-5,1*cmd|' /c calc'!A1"),
        ("x;-5|cmd", "x;'-5|cmd"),
    ],
)
def test_where_another_delimiter_would_begin_a_cell_no_formula_begins(value, safe):
    assert escaped(value) == safe


@pytest.mark.parametrize(
    "value",
    ["-5", "1;-5", "3, -5", "1,-5,+3.5", "a=1, b=2", "ada@example.com; carl@example.com", "a - b", 'the "=" sign'],
)
def test_numbers_and_words_within_a_value_stay(value):
    assert escaped(value) == value


@pytest.mark.parametrize("written", DELIMITERS.values())
@pytest.mark.parametrize("read", DELIMITERS.values())
def test_whatever_delimiter_a_spreadsheet_splits_at_no_cell_is_a_formula(written, read):
    bad = [
        f"{start}{separator}{between}=1"
        for start in ("", "x", 'x"')
        for separator in ";,|\t\n"
        for between in ("", " ", '"')
    ]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=written, lineterminator="\n").writerows([bad, [*bad, "-5"], *([one] for one in bad)])
    found = b"".join(defused([text.getvalue().encode()], written)).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(found, newline=""), delimiter=read) for cell in row]
    assert not [cell for cell in cells if is_formula(cell.lstrip(' "'))]


@pytest.mark.parametrize("character", DELIMITERS.values())
def test_the_delimiter_is_kept_and_pieces_may_end_anywhere(character):
    rows = [["Id", "Naïve 😀"], ["1", f"a{character}b"], ["2", '=x "y"\r\nz'], ["3", "-5"], ["4", ""]]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=character, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode()
    for size in (1, 2, 7, 1000):
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        found = b"".join(defused(pieces, character)).decode("utf-8-sig")
        rows[2][1] = '\'=x "y"\r\nz'
        assert list(csv.reader(io.StringIO(found, newline=""), delimiter=character)) == rows
        rows[2][1] = '=x "y"\r\nz'


def test_a_value_of_ten_million_letters_passes():
    data = b"Id,Text\n1," + b"x" * 10_000_000 + b"\n"
    pieces = (data[start : start + 100_000] for start in range(0, len(data), 100_000))
    assert sum(map(len, defused(pieces, ","))) == len(data) + len(BOM) + 2 * len("\r") + 4 * len('""')


def test_a_row_is_looked_at_as_its_values_are():
    parts = ["", " ", '"', "-5", "=1", "x", ";", "|", "\t", "\n", "+4,2"]
    values = ["".join(each) for each in itertools.product(parts, repeat=3)]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["x", value, "y"] for value in values])
    found = b"".join(defused([text.getvalue().encode()], ",")).decode("utf-8-sig")
    assert [row[1] for row in csv.reader(io.StringIO(found, newline=""))] == [escaped(value) for value in values]
