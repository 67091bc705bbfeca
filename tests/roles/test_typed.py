"""What browsers send, read as what it should be."""

from datetime import date
from uuid import UUID

import pytest

from roles.typed import typed_day, typed_id, typed_path, typed_uuid
from tests.roles.test_fuzz import VALUES

TEXTS = [value.decode("utf-8", "surrogateescape") for value in VALUES]


@pytest.mark.parametrize("read", [typed_id, typed_uuid, typed_day, lambda text: typed_path(text, "testserver")])
def test_nothing_that_is_typed_is_an_error(read):
    for text in (*TEXTS, None):
        read(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("007", 7), ("0", 0), ("-7", 0), ("7.0", 0), ("1e3", 0), ("٣", 0), ("²", 0), ("9" * 19, 0), (None, 0)],
)
def test_an_id_is_a_number_that_a_row_can_have(text, number):
    assert typed_id(text) == number


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01", "2026-02-30", "2026-1-1", "", None])
def test_a_day_can_be_reckoned_with(text):
    assert typed_day(text) is None
    assert typed_day("2026-02-28") == date(2026, 2, 28)


def test_an_id_of_a_run_is_one():
    run = UUID(int=7)
    assert [typed_uuid(text) for text in (str(run), "7", "", None)] == [run, None, None, None]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/e/contoso/exports/?q=a&page=2", "/e/contoso/exports/?q=a&page=2"),
        ("http://testserver/e/x/#rows", "/e/x/"),
        ("https://testserver", "/"),
        ("http://testserver//evil.example/", ""),
        ("http://testserver:81/", ""),
        ("http://evil.example/", ""),
        ("//evil.example/", ""),
        ("/\\evil.example/", ""),
        ("\\\\evil.example/", ""),
        ("/\t/evil.example", ""),
        ("http://[", ""),
        ("http://testserver@evil.example/", ""),
        ("javascript:alert(1)", ""),
        ("exports/", ""),
        ("/" + "a" * 2000, ""),
        ("/a\nb", ""),
    ],
)
def test_a_path_is_one_of_this_site(text, path):
    assert typed_path(text, "testserver") == path
