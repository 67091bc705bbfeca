"""What a table may be called, and how tables in the making keep out of each other's way."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from segments.models import Table
from tests.factories import make_environment
from tests.segments.importing.test_importing import load, refusal
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)
FILE = "Id\n1\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "The table's name: This name is invisible."),
        ("  ", "The table's name: This name is invisible."),
        ("\u3164", "The table's name: This name is invisible."),
        ("Peo\0ple", "The table's name: Character 4 is invisible (U+0000)."),
        ("Peo\nple", "The table's name: Character 4 is invisible (U+000A)."),
        ("People\u202e", "The table's name: Character 7 is invisible (U+202E)."),
        ("Peo\ud800ple", "The table's name: Character 4 is invisible (U+D800)."),
        (" People", "A table's name cannot begin or end with a space. Remove it."),
        ("People\u00a0", "A table's name cannot begin or end with a space. Remove it."),
        ("é" * 32, "A table's name has 1 to 63 bytes. Shorten it."),
        ("~new_Customers2", "Names that begin with ~ are reserved for unfinished tables. Choose another name."),
    ],
)
def test_a_name_that_people_or_the_database_could_stumble_over_is_refused(name, said):
    assert refusal(make_environment(), FILE, name=name).startswith(said)
    assert not Table.objects.exists()


@pytest.mark.parametrize("name", ["Köln 2", "日本", "😀", 'say "hi"', "SELECT", "a~b", "é" * 31])
def test_any_other_name_is_taken(name):
    assert load(make_environment(), FILE, name=name).name == name


def test_what_is_called_like_a_table_in_the_making_stops_no_import():
    environment = make_environment()
    load(environment, FILE)
    with writer() as connection:
        connection.execute(f'CREATE TABLE "{environment.warehouse_schema}"."~new_People" (n int)')
    assert load(environment, "Id\n1\n2\n").row_count == 2


def test_long_names_that_begin_alike_are_imported_side_by_side():
    """The second one goes on while the first, which is as good as done, has not ended yet."""
    environment, alike = make_environment(), "x" * 60
    load(environment, FILE, name="First")  # the schema is there
    began, may_end = threading.Event(), threading.Event()

    def hold(said):
        if said.startswith("Step 4"):
            began.set()
            may_end.wait(60)

    def first():
        try:
            load(environment, FILE, name=f"{alike}1", progress=hold)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first)
        assert began.wait(60)
        try:
            load(environment, FILE, name=f"{alike}2", patience=0)
            assert "by another process" in refusal(environment, FILE, name=f"{alike}1")
        finally:
            may_end.set()
        running.result(60)
    assert set(Table.objects.values_list("name", flat=True)) == {"First", f"{alike}1", f"{alike}2"}
