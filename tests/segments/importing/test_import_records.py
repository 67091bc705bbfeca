"""However a stream is cut into pieces, its records come out the same, and its troubles at the same places."""

import random

import pytest

from segments.importing.records import RecordStream, StrayQuoteError

VALUES = ["", "a", "é😀", "a,b", 'say "x"', '"', "two\nlines", "cr\r\nlf", "\r", '""', ";", "\\", "\\.", "\n\\.\n"]


def pieces_of(data, numbers):
    while data:
        size = numbers.choice([1, 2, 3, 7, 40])
        yield data[:size]
        data = data[size:]


def first_trouble(stream, pieces):
    for piece in pieces:
        place = stream.trouble(piece)
        try:
            stream.feed(piece)
        except StrayQuoteError:
            return place
    return None


def quoted(value):
    doubled = value.replace('"', '""')
    return f'"{doubled}"' if set(value) & set('",\r\n') else value


def through(data, numbers, **options):
    stream = RecordStream(",", **options)
    return b"".join([*(stream.feed(piece) for piece in pieces_of(data, numbers)), stream.end()]), stream


@pytest.mark.parametrize("seed", range(60))
def test_records_come_out_as_they_went_in_with_equal_line_ends(seed):
    numbers = random.Random(seed)
    rows = [[numbers.choice(VALUES) for _column in range(3)] for _row in range(12)]
    lines = [",".join(map(quoted, row)) for row in rows]
    text = "".join(line + numbers.choice(["\n", "\r\n", "\r"]) for line in lines)
    cleaned, stream = through(text.encode(), numbers)
    assert cleaned.decode() == "".join(line + "\n" for line in lines)
    assert (stream.rows, stream.records, stream.lines) == (12, 12, cleaned.count(b"\n"))


@pytest.mark.parametrize("seed", range(40))
def test_lone_ends_of_data_and_marks_are_found_in_any_piece(seed):
    numbers = random.Random(seed)
    end = numbers.choice(["\n", "\r\n", "\r"])
    values = [
        numbers.choice(["a", "\\.", "\ufeffb", "\ufeff\\.", "\\", "\\.c", '"\\.\n\ufeff"', ""]) for _row in range(30)
    ]
    text = "".join(value + end for value in values)
    cleaned, stream = through(text.encode() + b"\\.", numbers, keeps_empty=True)
    plain = [value if '"' in value else value.replace("\ufeff", "") for value in values] + ["\\."]
    assert cleaned.decode() == "\n".join('"\\."' if value == "\\." else value for value in plain)
    assert stream.records == len(plain)
    marked = next((number for number, value in enumerate(values) if value[0:1] == "\ufeff"), None)
    before = "\n".join(values[:marked])
    assert stream.marked == (0 if marked is None else before.count("\n") + 1 + bool(marked))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(
    ("line", "field"), [('x,5" y,z\n', 1), ('x,y,"a"b\n', 2), (' "x",y,z\n', 0), ('x,"a""b"c,z\n', 1)]
)
def test_stray_quotes_are_found_where_they_are(line, field, seed):
    numbers = random.Random(seed)
    stream = RecordStream(",")
    data = ('a,"b\nc",d\n' * 3 + line + 'a,"b",c\n').encode()
    assert first_trouble(stream, pieces_of(data, numbers)) == (7, field)


def test_empty_last_lines_are_dropped_unless_they_are_rows():
    assert through(b"a,b\n1,2\n\n\r\n\r", random.Random(1))[0] == b"a,b\n1,2\n"
    stream = RecordStream(",", keeps_empty=True)
    assert stream.feed(b"a\n1\n\n\n") + stream.end() == b"a\n1\n\n\n"
