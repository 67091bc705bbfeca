"""Which connection types there are."""

import importlib
import sys
from html import unescape

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse

from connections import destinations, health
from connections.destinations import registry
from connections.destinations.base import FileDestination
from connections.destinations.local.destination import LocalFolder
from connections.destinations.sftp.destination import Sftp
from roles.checks import ok
from roles.kinds import ProfileKind


class Box(FileDestination):
    slug = "box"


class OtherBox(FileDestination):
    slug = "box"


def test_the_own_types_come_first():
    assert list(registry.destinations().values())[:2] == [LocalFolder, Sftp]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Writes a type's folder, as if it lay in connections/destinations/."""
    monkeypatch.setattr(destinations, "__path__", [*destinations.__path__, str(tmp_path)])

    def write(name: str, code: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "destination.py").write_text(code)
        importlib.invalidate_caches()
        registry.clear_cache()

    yield write
    for module in [name for name in sys.modules if name.startswith("connections.destinations.")]:
        if str(tmp_path) in (getattr(sys.modules[module], "__file__", "") or ""):
            sys.modules.pop(module)
    registry.clear_cache()


TYPE = """
from connections.destinations.base import FileDestination
class Shelf(FileDestination):
    slug, label, monogram, summary = "shelf", "Shelf", "SH", "Puts files on a shelf."
"""


def test_a_folder_with_a_destination_is_a_type_and_no_other_file_knows_it(folders):
    folders("shelf", TYPE)
    assert registry.destination("shelf").label == "Shelf"
    assert list(registry.destinations()) == ["local", "sftp", "shelf"]
    assert registry.missing() == []


def test_a_type_whose_dependency_is_not_installed_is_told_and_all_else_works(folders, environment, as_ada):
    folders("shelf", "import shelves_of_others\n" + TYPE)
    assert list(registry.destinations()) == ["local", "sftp"]
    assert registry.missing() == [("shelf", "shelves_of_others", "waybill[shelf]")]
    finding = health.types()
    assert finding.state == "warning"
    assert "“shelf” (no Python module shelves_of_others)" in finding.text
    assert "waybill[shelf]" in finding.advice
    page = unescape(as_ada.get(reverse("connections:discover", args=[environment.slug])).content.decode())
    assert "Ask your Waybill operator to install waybill[shelf] first." in page


def test_a_package_of_others_whose_dependency_is_not_installed_is_told(tmp_path, monkeypatch):
    information = tmp_path / "others_shelf-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: others-shelf\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[waybill.destinations]\nshelf = others_shelf:Shelf\n")
    (tmp_path / "others_shelf.py").write_text("import shelves_of_others\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    registry.clear_cache()
    try:
        assert registry.missing() == [("shelf", "shelves_of_others", "others-shelf")]
    finally:
        registry.clear_cache()


def test_a_mistake_of_our_own_is_no_missing_dependency(folders):
    folders("shelf", "import connections.shelves\n" + TYPE)
    with pytest.raises(ModuleNotFoundError, match=r"connections\.shelves"):
        registry.destinations()


def test_all_types_that_are_here_can_be_used():
    assert health.types() == ok("All 2 can be used.")


def test_a_type_is_registered_for_a_while():
    with registry.registered(Box):
        assert registry.destination("box") is Box
    with pytest.raises(KeyError):
        registry.destination("box")


def test_a_slug_that_is_taken_is_refused_naming_both():
    with registry.registered(Box):
        registry.register(Box)
        with pytest.raises(ImproperlyConfigured, match=r"“box”.*\.Box and .*\.OtherBox"):
            registry.register(OtherBox)
        assert registry.destination("box") is Box


def test_the_stand_in_for_people_decides_by_the_exports_settings(people_list):
    assert registry.destination("people_list") is people_list
    people, companies = {"targeting": "people"}, {"targeting": "companies"}
    assert people_list.takes_for(people) == people_list.takes_for({}) == {ProfileKind.CUSTOMER, ProfileKind.CONTACT}
    assert people_list.takes_for(companies) == {ProfileKind.ACCOUNT}
    assert [field.name for field in people_list.target_fields_for(people) if field.is_required] == ["EMAIL"]
    assert [field.name for field in people_list.target_fields_for(companies) if field.is_required] == []


def test_file_stores_take_every_kind_and_tables_whatever_the_settings():
    for type_ in (LocalFolder, Sftp):
        assert type_.takes_for({"delimiter": "tab"}) == frozenset(ProfileKind)
        assert type_.target_fields_for({}) == ()
        assert type_.takes_tables
        assert type_.can_download
