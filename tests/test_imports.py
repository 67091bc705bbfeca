"""The order of imports where import-linter (`make lint`) does not see it: names in strings and in templates."""

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.urls import get_resolver
from django.utils.module_loading import import_string

from tests.roles.access_table import walk

REPOSITORY = Path(__file__).resolve().parents[1]
BELOW = {
    "roles": set(),
    "segments": {"roles"},
    "connections": {"roles"},
    "exports": {"segments", "connections", "roles"},
    "config": {"exports", "segments", "connections", "roles"},
}
DOTTED = re.compile(rf"({'|'.join(BELOW)})(\.[a-z_]\w*)+(\.[A-Za-z_]\w*)?")
SPACES = {"exports": "exports", "alerts": "exports", "system": "exports", "segments": "segments",
          "connections": "connections", "people": "roles", "audit": "roles"}  # fmt: skip
ADDRESS = re.compile(rf"({'|'.join(SPACES)}):[a-z_]+")
# Tasks in the queue and the backends of sessions outlive an upgrade.
STORED = (
    "connections.tasks.check",
    "exports.alerts.tasks.send",
    "exports.tasks.purge",
    "exports.tasks.refresh_parts",
    "exports.tasks.work",
    "roles.sign_in.reset.send_links",
    "roles.sign_in.social_backend.AuthenticationBackend",
    "segments.tasks.refresh_segment",
)
# What other packages' destinations import (docs/destinations.md).
OFFERED = (
    "connections.destinations.base.AudienceDestination",
    "connections.destinations.base.DeliveryError",
    "connections.destinations.base.FileDestination",
    "connections.destinations.base.SettingsForm",
    "connections.destinations.base.run_steps",
    "connections.destinations.files.names",
    "connections.destinations.registry.registered",
)
MODULES = {"connections.destinations.files.names"}


def test_every_app_is_under_the_order():
    apps = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - {"tests", "bench", "docs"}
    order = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert apps == set(BELOW) == set(order["root_packages"])


@pytest.mark.parametrize("path", [*STORED, *OFFERED])
def test_what_is_stored_or_offered_by_its_path_is_there(path):
    assert find_spec(path) if path in MODULES else import_string(path)


@pytest.mark.parametrize("app", BELOW)
def test_an_app_names_only_what_lies_below_it(app):
    wrong = {
        (str(path.relative_to(REPOSITORY)), name)
        for path in (REPOSITORY / app).rglob("*.py")
        for name in named(path.read_text(encoding="utf-8"))
        if name.partition(".")[0] not in BELOW[app] | {app}
    }
    assert not wrong


@pytest.mark.parametrize("app", BELOW)
def test_an_app_names_only_addresses_of_what_lies_below_it(app):
    addresses = {name for name, _view in walk(get_resolver().url_patterns)}
    wrong = {
        (str(path.relative_to(REPOSITORY)), name)
        for path in (REPOSITORY / app).rglob("*.py")
        for name in addresses.intersection(named(path.read_text(encoding="utf-8"), ADDRESS))
        if SPACES[name.partition(":")[0]] not in BELOW[app] | {app}
    }
    assert not wrong


def named(source: str, kind: re.Pattern[str] = DOTTED) -> Iterator[str]:
    """Yield the dotted paths that a module holds as strings, like "exports.tasks.work", or others of a kind."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and kind.fullmatch(node.value):
            yield node.value


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("async_task('exports.tasks.work')", ["exports.tasks.work"]),
        ("def late():\n    import_module('exports.tasks')", ["exports.tasks"]),
        ("x = 'exports:list'", []),
        ("x = 'Exports are sent.'", []),
    ],
)
def test_names_in_strings_are_seen(source, names):
    assert list(named(source)) == names


def test_what_code_in_strings_imports_is_there():
    """Scripts that tests and measurements give to another process."""
    found = {
        (module, name.partition(" as ")[0].strip())
        for room in ("tests", "bench", "config")
        for path in (REPOSITORY / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for module, names in re.findall(
            rf"^from ((?:{'|'.join(BELOW)})[\w.]*) import ([\w, ]+)$", node.value, re.MULTILINE
        )
        for name in names.split(",")
        if find_spec(module)
    }
    assert ("segments.importing.loading", "import_table") in found
    assert {
        pair for pair in found if not hasattr(import_module(pair[0]), pair[1]) and not find_spec(".".join(pair))
    } == set()


def test_addresses_in_strings_are_seen():
    assert list(named("redirect('exports:list')\nlabel = 'exports: what goes'", ADDRESS)) == ["exports:list"]


def test_templates_of_segments_and_connections_do_not_know_each_other_nor_exports():
    for room, others in {"segments": "connections|exports", "connections": "segments|exports"}.items():
        for path in (REPOSITORY / "templates" / room).rglob("*.html"):
            found = re.findall(rf"""["'](?:{others})(?::|/)\w+""", path.read_text(encoding="utf-8"))
            assert not found, f"{path.name} names {found}"
