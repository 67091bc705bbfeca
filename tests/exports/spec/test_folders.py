"""Each export keeps a folder of its own, whatever happens to others; names are safe everywhere."""

import importlib
import unicodedata

import pytest
from django.apps import apps

from exports import actions
from exports.models import Export
from exports.spec.folders import VIRAMA, safe_name
from exports.spec.spec import ExportSpec
from exports.work.watch import work_until_idle
from tests.exports.work.test_run import delivered
from tests.factories import make_connection, make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def add(environment, segment):
    """Save exports as the pane does."""
    person, connection = make_member(environment), make_connection(environment)

    def saved(name, export=None):
        spec = ExportSpec(name, connection=connection.name, segments=(segment.name,))
        return actions.save(export or Export(environment=environment), spec, by=person)

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
        # Signs that combine with letters belong to them: Hindi, Thai, Tamil, pointed Hebrew, Arabic, Khmer.
        ("बिक्री", "बिक्री"), ("ลูกค้าเก่า", "ลูกค้าเก่า"), ("வாடிக்கையாளர்கள்", "வாடிக்கையாளர்கள்"), ("שָׁלוֹם", "שָׁלוֹם"),
        ("مُحَمَّد", "مُحَمَّد"), ("អតិថិជន", "អតិថិជន"), ("ग्राहक, २०२६", "ग्राहक_२०२६"), ("e\u0301te\u0301", "été"),
        # Without a letter before them they are nothing.
        ("\u093f x", "x"), ("a - \u0e48b", "a_-_b"), ("❤\ufe0f VIP", "VIP"), ("1\ufe0f\u20e3 first", "1_first"),
        # Joiners where a script needs them: Persian, Sinhala; elsewhere nobody would see them.
        ("می\u200cخواهم", "می\u200cخواهم"), ("ශ්\u200dරී", "ශ්\u200dරී"), ("VIP\u200d", "VIP"), ("a\u200cb", "ab"),
        ("👩\u200d👧 families", "families"),
    ],
)  # fmt: skip
def test_names_are_safe_on_every_file_store(name, safe):
    assert safe_name(name, "otherwise") == safe


@pytest.mark.parametrize(
    "name", ["कि" * 40, "க்ஷ" * 30, "ลูกค้าเก่า" * 5, "שָׁ" * 30, "ශ්\u200dරී" * 20, "x" + "\u0301" * 90, "é" * 60]
)
def test_long_names_are_cut_between_letters(name):
    found = safe_name(name, "otherwise")
    assert 50 < len(found.encode()) <= 80
    whole = unicodedata.normalize("NFC", name)
    assert whole.startswith(found)
    rest = whole[len(found) :]
    if not name.startswith("x"):  # whose one letter has more signs than a name can hold
        assert not unicodedata.category(rest[0]).startswith("M")
        assert unicodedata.combining(found[-1]) != VIRAMA


def test_new_exports_keep_the_signs_in_their_items_folders(add, segment):
    segment.name = "बिक्री"
    segment.save()
    export = add("ลูกค้าเก่า")
    actions.run_now(export, by=None)
    work_until_idle()
    assert folder(export) == "ลูกค้าเก่า"
    assert {name.split("/")[1] for name in delivered(export.connection)} == {"बिक्री", "manifest"}


def test_exports_that_ran_before_keep_their_folders_until_they_are_renamed(add, segment):
    segment.name = "बिक्री"
    segment.save()
    export, unused = add("Old"), add("Never ran")
    plain = add("Plain")
    Export.objects.filter(pk=export.pk).update(folders_keep_marks=False)
    actions.run_now(Export.objects.get(pk=export.pk), by=None)
    work_until_idle()
    Export.objects.update(folders_keep_marks=True)
    importlib.import_module("exports.migrations.0011_folders_keep_marks").keep_folders(apps, None)
    kept = dict(Export.objects.values_list("pk", "folders_keep_marks"))
    assert kept == {export.pk: False, unused.pk: True, plain.pk: True}

    add("Old", Export.objects.get(pk=export.pk))  # saved, with its name
    assert items_folder(export) == "ब_क_र"
    add("Renamed", Export.objects.get(pk=export.pk))
    assert items_folder(export) == "बिक्री"


def items_folder(export) -> str:
    """Run the export and return the folder of its item."""
    run, _is_new = actions.run_now(Export.objects.get(pk=export.pk), by=None)
    work_until_idle()
    run.refresh_from_db()
    return run.files[0]["path"].split("/")[1]
