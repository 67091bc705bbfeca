"""A second language for the tests: the pseudo-locale, made once for the process."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from django.conf import settings
from django.test import override_settings

from config.pseudo import CODE, make
from tests.tools import require_tool

LANGUAGES = [("en", "English"), (CODE, "Pseudo")]


@contextmanager
def offered() -> Iterator[str]:
    """Offer the pseudo-locale beside English, and give its code."""
    with override_settings(LANGUAGES=LANGUAGES, LOCALE_PATHS=[*settings.LOCALE_PATHS, _folder()]):
        yield CODE


@cache
def _folder() -> str:
    for tool in ("xgettext", "msgen", "msgfmt"):
        require_tool(tool, "apt-get install gettext")
    folder = tempfile.mkdtemp(dir=settings.DATA_DIR)
    make(Path(folder))
    return folder
