"""Nobody stores sentences: what workers record are messages, whose words are made where they are read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
# Rooms whose modules record, and what in them is shown at once: pages, forms and what is delivered.
RECORDING = (
    "connections/testing",
    "connections/destinations",
    "exports/alerts",
    "exports/refresh",
    "exports/runs",
    "exports/schedules",
    "exports/work",
    "segments/rules.py",
    "segments/warehouse",
)
SHOWING = (
    "connections/destinations/base/files.py",  # the forms of an export
    "connections/destinations/local/form.py",
    "connections/destinations/sftp/form.py",
    "connections/testing/views.py",
    "exports/alerts/bell.py",
    "exports/alerts/messages.py",  # what goes out, in the language of whoever it goes to
    "exports/alerts/of_export.py",
    "exports/alerts/standing.py",
    "exports/alerts/pages",
    "exports/refresh/pages",
    "exports/runs/run_all.py",  # what the panel asks
    "exports/schedules/form.py",
    "exports/schedules/next_runs.py",
    "exports/schedules/views.py",
    "exports/schedules/words.py",
    "exports/work/files/manifest.py",  # texts within delivered files
    "exports/work/files/model_json.py",
)
# These make words at once, in the language of the process.
AT_ONCE = {"gettext", "ngettext", "pgettext", "npgettext"}
TRANSLATION = "django.utils.translation"


def modules(rooms: tuple[str, ...]) -> Iterator[Path]:
    for room in rooms:
        path = REPOSITORY / room
        yield from [path] if path.suffix else sorted(path.rglob("*.py"))


def imported(source: str) -> set[str]:
    """Return what a module takes from Django's translation."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == TRANSLATION:
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "translation":
            found.add(node.attr)
    return found


def test_what_records_makes_no_words():
    showing = set(modules(SHOWING))
    wrong = [str(path) for path in modules(RECORDING) if path not in showing and imported(path.read_text()) & AT_ONCE]
    assert wrong == [], "from roles.messages import said as _"


def test_every_exception_is_there_and_needed():
    assert [path for path in SHOWING if not (REPOSITORY / path).exists()] == []
    assert [path for path in modules(SHOWING) if path not in set(modules(RECORDING))] == []


@pytest.mark.parametrize(
    "source, found",
    [
        ("from django.utils.translation import gettext as _", {"gettext"}),
        ("from django.utils import translation\ntranslation.gettext('a')", {"gettext"}),
        ("from django.utils.translation import gettext_lazy", {"gettext_lazy"}),
        ("from roles.messages import said as _", set()),
    ],
)
def test_the_imports_of_a_module_are_found(source, found):
    assert imported(source) == found
