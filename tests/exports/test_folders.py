"""Each export keeps a folder of its own, whatever happens to others; names are safe everywhere."""

import pytest

from exports import actions
from exports.folders import safe_name
from exports.models import Export
from exports.runner.watch import work_until_idle
from tests.exports.test_run import delivered
from tests.factories import make_connection, make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def add(environment, segment):
    """Save exports as the pane does."""
    person, connection = make_member(environment), make_connection(environment)

    def saved(name, export=None):
        export = export or Export(environment=environment, connection=connection)
        export.name = name
        actions.save_export(export, [segment], by=person)
        return export

    return saved


def folder(export):
    return Export.objects.get(pk=export.pk).folder


def test_exports_of_like_names_have_folders_of_their_own(add):
    first, second = add("bar"), add("bar!")
    third = add(f"bar-{second.pk}")
    assert [folder(one) for one in (first, second, third)] == ["bar", f"bar-{second.pk}", f"bar-{second.pk}-{third.pk}"]


def test_removing_or_renaming_another_export_moves_nothing(add):
    first, second = add("bar"), add("bar!")
    actions.remove(first, by=first.created_by)
    add("bar!", second)
    assert folder(second) == f"bar-{second.pk}"
    other, older = add("baz"), second
    add("baz.", older)
    assert (folder(other), folder(older)) == ("baz", f"baz-{older.pk}")


def test_its_own_new_name_or_connection_gives_it_another_folder(add, environment):
    export = add("Letters")
    add("Letters, autumn", export)
    assert folder(export) == "Letters_autumn"
    export.connection = make_connection(environment, "Another")
    add("Letters, autumn", export)
    assert folder(export) == "Letters_autumn"


def test_an_export_that_has_no_folder_yet_gets_one_with_its_first_run_and_keeps_it(add):
    export = add("Old")
    Export.objects.update(folder="")
    actions.run_now(Export.objects.get(pk=export.pk), by=None)
    work_until_idle()
    assert folder(export) == "Old"
    assert all(name.startswith("Old/") for name in delivered(export.connection))


@pytest.mark.parametrize(
    "name, safe",
    [
        ("Autumn, 2026", "Autumn_2026"), ("-rf", "rf"), ("CON", "CON_"), ("lpt1", "lpt1_"), ("../../etc", "etc"),
        ("Ünï çødé", "Ünï_çødé"), ("???", "otherwise"), ("a" * 200, "a" * 80),
    ],
)  # fmt: skip
def test_names_are_safe_on_every_file_store(name, safe):
    assert safe_name(name, "otherwise") == safe
