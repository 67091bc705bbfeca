"""What the code gives to the catalogue is found there, and is said when it is read, not when the code is loaded."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "roles", "segments", "connections", "exports")
# What a command says in a shell is for operators, in English.
FILES = [file for app in APPS for file in sorted((ROOT / app).rglob("*.py")) if "commands" not in file.parts]
LAZY = {"gettext_lazy", "ngettext_lazy", "pgettext_lazy", "npgettext_lazy", "gettext_noop", "said", "said_many"}
AT_ONCE = {"gettext", "ngettext", "pgettext", "npgettext"}
PLURAL = {"ngettext", "ngettext_lazy", "said_many"}
MODULES = {"django.utils.translation", "roles.messages"}
# Says messages by their msgid, which the code that made them gave to the catalogue.
OF_OTHERS = {ROOT / "roles" / "messages" / "message.py"}


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def functions_in(tree: ast.Module) -> dict[str, str]:
    """Return the functions of Django and of messages by the names that a file gives them."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    found = [one for node in imports if node.module in MODULES for one in node.names]
    return {one.asname or one.name: one.name for one in found if one.name in LAZY | AT_ONCE}


def calls_in(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    functions = functions_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            yield node, functions[node.func.id]


@cache
def marked() -> set[str]:
    """Return the constants that gettext_noop gives to the catalogue, for what is said later."""
    found = set()
    for file in FILES:
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.Assign) and "gettext_noop(" in ast.unparse(node.value):
                found |= {ast.unparse(target) for target in node.targets}
    return found


def is_known(argument: ast.expr) -> bool:
    """Whether a catalogue holds the text: it is a literal, or a constant that is marked."""
    return isinstance(argument, ast.Constant) or re.match(r"\w*", ast.unparse(argument))[0] in marked()


def at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when a file is loaded: all but the bodies of functions."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (*child.decorator_list, child.args):
                yield from ast.walk(part)
        elif not isinstance(child, ast.Lambda):
            yield child
            yield from at_import(child)


def wrong_in(file: Path) -> Iterator[str]:
    tree = tree_of(file)
    early = set(map(id, at_import(tree)))
    hidden = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for inner in ast.walk(node)}
    for call, function in calls_in(tree):
        texts = call.args[: 2 if function in PLURAL else 1]
        if file not in OF_OTHERS and not all(map(is_known, texts)):
            yield f"line {call.lineno}: no literal, so that no catalogue holds it"
        if id(call) in hidden:
            yield f"line {call.lineno}: in an f-string, where xgettext does not look"
        if function in AT_ONCE and id(call) in early:
            yield f"line {call.lineno}: said in the language of whoever loads the code; use gettext_lazy"


def test_texts_are_in_the_catalogue_and_none_is_said_when_the_code_is_loaded():
    wrong = {str(file.relative_to(ROOT)): list(wrong_in(file)) for file in FILES}
    assert {file: found for file, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    "code, wrong",
    [
        ("A = _('at once')", 1),
        ("class A:\n    text = _('at once')", 1),
        ("def f(text=_('at once')): pass", 1),
        ("def f(): return _('later')", 0),
        ("def f(name): return _(f'No {name}')", 1),
        ("def f(name): return f'{name} {_(\"is gone\")}'", 1),
        ("def f(text): return _(text)", 1),
    ],
)
def test_what_would_be_wrong_is_found(tmp_path, code, wrong):
    file = tmp_path / "code.py"
    file.write_text(f"from django.utils.translation import gettext as _\n{code}\n")
    assert len(list(wrong_in(file))) == wrong
