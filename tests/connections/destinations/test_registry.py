"""Which connection types there are."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from connections.destinations import registry
from connections.destinations.base import FileDestination
from connections.destinations.local.destination import LocalFolder
from connections.destinations.sftp.destination import Sftp
from roles.kinds import ProfileKind


class Box(FileDestination):
    slug = "box"


class OtherBox(FileDestination):
    slug = "box"


def test_the_own_types_come_first():
    assert list(registry.destinations().values())[:2] == [LocalFolder, Sftp]


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
