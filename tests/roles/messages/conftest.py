"""A language that says what a test wants."""

from collections.abc import Callable, Iterator

import pytest
from django.utils.translation import trans_real


@pytest.fixture
def german() -> Iterator[Callable[[dict], None]]:
    """Give a function that adds texts to the German catalogue: msgid, or (msgid, form), to text."""
    catalog, added = trans_real.translation("de")._catalog, []

    def add(texts: dict) -> None:
        catalog._catalogs[0].update(texts)
        added.extend(texts)

    yield add
    for key in added:
        for one in catalog._catalogs:
            one.pop(key, None)
