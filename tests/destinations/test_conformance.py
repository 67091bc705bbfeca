"""Every registered type keeps the promises of docs/destinations.md."""

import pytest

from connections.destinations import registry
from connections.destinations.conformance import FileConformance
from tests.destinations.stores import STORES


@pytest.mark.parametrize("name", STORES, ids=lambda name: " ".join(name).strip())
class TestFileStores(FileConformance):
    """The suite, for each of them."""

    @pytest.fixture
    def store(self, name, tmp_path, settings, request):
        with STORES[name](tmp_path, settings, request) as store:
            yield store


def test_no_type_is_left_out():
    assert {slug for slug, _oddity in STORES} == set(registry.destinations())
