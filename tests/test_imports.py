"""The direction of imports: config → exports → {segments, connections} → roles, never the other way."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BELOW = {
    "roles": set(),
    "segments": {"roles"},
    "connections": {"roles"},
    "exports": {"segments", "connections", "roles"},
    "config": {"exports", "segments", "connections", "roles"},
}
# A command must lie in an app; these start, look at, and keep the whole house.
EXCEPTIONS = {(f"roles/management/commands/{name}.py", "config") for name in ("up", "doctor", "backup", "restore")}
DOTTED = re.compile(rf"({'|'.join(BELOW)})(\.[a-z_]\w*)+(\.[A-Za-z_]\w*)?")


def test_every_room_is_named():
    rooms = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - {"tests", "bench", "docs"}
    assert rooms == set(BELOW)


@pytest.mark.parametrize("room", BELOW)
def test_a_room_imports_only_from_the_rooms_below_it(room):
    wrong = {
        (str(path.relative_to(REPOSITORY)), other)
        for path in (REPOSITORY / room).rglob("*.py")
        for other in imported_rooms(path.read_text(encoding="utf-8"))
        if other not in BELOW[room] | {room}
    }
    assert wrong <= EXCEPTIONS, sorted(wrong - EXCEPTIONS)


def imported_rooms(source: str) -> Iterator[str]:
    """Yield the rooms that a module imports, wherever in it, or names in a dotted path like "exports.tasks.work"."""
    for node in ast.walk(ast.parse(source)):
        for name in names_in(node):
            room = name.partition(".")[0]
            if room in BELOW:
                yield room


def names_in(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [str(node.module)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and DOTTED.fullmatch(node.value):
        return [node.value]
    return []


@pytest.mark.parametrize(
    "source",
    [
        "import exports.models",
        "import os, exports",
        "from exports.models import Run",
        "from exports import models as m",
        "def late():\n    from exports import models",
        "async_task('exports.tasks.work')",
        "import_module('exports.tasks')",
    ],
)
def test_every_way_to_import_is_seen(source):
    assert list(imported_rooms(source)) == ["exports"]


@pytest.mark.parametrize(
    "source", ["from django.conf import settings", "x = 'exports:list'", "x = 'Exports are sent.'"]
)
def test_what_imports_nothing_is_left_alone(source):
    assert list(imported_rooms(source)) == []


def test_templates_of_segments_and_connections_do_not_know_each_other_nor_exports():
    for room, others in {"segments": "connections|exports", "connections": "segments|exports"}.items():
        for path in (REPOSITORY / "templates" / room).rglob("*.html"):
            found = re.findall(rf"""["'](?:{others})(?::|/)\w+""", path.read_text(encoding="utf-8"))
            assert not found, f"{path.name} names {found}"
