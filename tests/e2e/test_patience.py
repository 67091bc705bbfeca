"""Browser tests wait for the answer to a click before they load another page, or one breaks off the other."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LOADS = {"reload", "goto", "go_back", "go_forward"}


def hurried(source: str) -> Iterator[int]:
    """Yield the lines that load a page as the next thing after a click."""
    for block in ast.walk(ast.parse(source)):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(block, name, None)
            if isinstance(statements, list):
                for before, after in pairwise(statements):
                    if isinstance(before, ast.Expr) and _calls(before) & {"click", "press"} and _calls(after) & LOADS:
                        yield after.lineno


def _calls(statement: ast.stmt) -> set[str]:
    calls = (node.func for node in ast.walk(statement) if isinstance(node, ast.Call))
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


def test_no_page_is_loaded_right_after_a_click():
    found = {path.name: [*hurried(path.read_text())] for path in HERE.glob("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("page.locator('a').click()\npage.reload()", [2]),
        ("page.locator('a').click()\nuntil(lambda: page.reload() and True)", [2]),
        ("with page.expect_event('load'):\n  page.locator('a').click()\npage.reload()", []),
        ("page.locator('a').click()\nexpect(page).to_have_title('x')\npage.reload()", []),
    ],
)
def test_a_hurried_load_is_found(source, lines):
    assert [*hurried(source)] == lines
