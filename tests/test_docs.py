"""The documents say what the code does: variables, commands, states, links, and the example destination."""

import ast
import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings
from django.core.management import BaseCommand, get_commands, load_command_class

from connections.destinations import registry
from connections.destinations.base import Destination, FileDestination, FileSession, Part
from exports import actions
from exports.models.states import State
from exports.work.watch import work_until_idle
from tests.factories import make_connection, make_environment, make_export, make_segment, make_table

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
IMPORTING = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8")
DESTINATIONS = (ROOT / "docs" / "destinations.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = [ROOT / "manage.py", *(file for app in ("config", "roles", "segments", "connections", "exports")
                              for file in sorted((ROOT / app).rglob("*.py")))]  # fmt: skip


def first_cells(text: str) -> list[list[str]]:
    """What stands in backticks in the first column of each row of the tables in `text`."""
    rows = re.findall(r"^\| (.+?) \|", text, flags=re.MULTILINE)
    return [found for row in rows if (found := re.findall(r"`([^`]+)`", row))]


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


# --- configuration


def variables_in_code() -> set[str]:
    """Every environment variable that the code or the Makefile reads."""
    found = set(re.findall(r"\$\$\{([A-Z_]+):", (ROOT / "Makefile").read_text()))
    for file in CODE:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            found |= _named(node)
    return found


def _named(node: ast.AST) -> set[str]:
    """Names that look like ours anywhere, and whatever is asked of os.environ."""
    match node:
        case ast.Constant(value=str(name)) if re.fullmatch(r"WAYBILL_[A-Z_]+|DATABASE_URL", name):
            return {name}
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="environ")), args=[ast.Constant(value=name), *_]):
            return {name}
        case ast.Call(func=ast.Attribute(attr="getenv"), args=[ast.Constant(value=name), *_]):
            return {name}
        case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=name)):
            return {name}
        case ast.Compare(left=ast.Constant(value=name), comparators=[ast.Attribute(attr="environ")]):
            return {name}
    return set()


def test_every_variable_that_is_read_is_documented_and_no_other():
    assert {row[0] for row in first_cells(CONFIGURATION)} == variables_in_code()


def is_plain(node):
    """Whether a default is a number, not one that depends on the machine."""
    return not any(isinstance(part, ast.Call) for part in ast.walk(node))


def test_numbers_in_the_configuration_table_are_the_real_defaults():
    tree = ast.parse((ROOT / "config" / "settings.py").read_text())
    table = dict(re.findall(r"^\| `(\w+)` \| `(\d+)` \|", CONFIGURATION, flags=re.MULTILINE))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "_number"]
    defaults = {
        ast.literal_eval(call.args[0]): str(eval(ast.unparse(call.args[1]))) for call in calls if is_plain(call.args[1])
    }
    assert defaults
    assert defaults.items() <= table.items()


def test_ports_in_the_configuration_table_are_the_real_defaults():
    from config.up import demo, portal

    assert f"| `WAYBILL_PORT` | `{portal.WEB_PORT}` |" in CONFIGURATION
    assert f"| `WAYBILL_SFTP_PORT` | `{demo.SFTP_PORT}` |" in CONFIGURATION


# --- commands, paths, links


def command_lines() -> list[list[str]]:
    """The arguments of every `manage.py …` in the shell blocks of README and the page of commands."""
    text = "".join(blocks("sh") + blocks("sh", COMMANDS)).replace("\\\n", " ")
    lines = [line.split("manage.py ", 1)[1] for line in text.splitlines() if " manage.py " in f" {line.split('#')[0]}"]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("line", command_lines(), ids=" ".join)
def test_commands_in_the_documents_are_understood(line):
    name, *arguments = line
    command = load_command_class(get_commands()[name], name)
    command.create_parser("manage.py", name).parse_args(arguments)


@pytest.mark.parametrize("name", ["create_environment", "export_spec", "import_table", "run_export"])
def test_the_documents_name_every_option_of_these_commands(name):
    general = options_of(BaseCommand()) | {"--skip-checks"}  # not offered by a command without checks
    options = options_of(load_command_class(get_commands()[name], name)) - general
    assert {option for option in options if not re.search(rf"{option}\b", COMMANDS + IMPORTING)} == set()


def options_of(command: BaseCommand) -> set[str]:
    parser = command.create_parser("manage.py", "")
    return {name for action in parser._actions for name in action.option_strings if name.startswith("--")}


def test_make_targets_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {
        target for page in PAGES for target in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert {"demo", "test"} <= named <= targets


def test_every_command_is_documented_and_no_other():
    ours = {
        name for name, app in get_commands().items() if app in {"config", "connections", "exports", "roles", "segments"}
    }
    documented = {word for row in first_cells(COMMANDS) for cell in row for word in cell.split()[:1]}
    assert documented - {"changepassword"} == ours


def test_the_readme_is_short():
    assert len(README.split()) < 1200


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text) + re.findall(r'src="([^"]+)"', text)
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_code_that_the_house_and_decisions_name_is_there():
    for page in [ROOT / "docs" / "house.md", *(ROOT / "docs" / "adr").glob("0*.md")]:
        named = re.findall(r"`([\w/]+/(?:\w+\.py)?)`", page.read_text(encoding="utf-8"))
        assert named
        assert [path for path in named if not (ROOT / path).exists()] == [], page.name


def test_every_decision_is_listed():
    listed = re.findall(r"\((0\d+[^)]+)\)", (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(page.name for page in (ROOT / "docs" / "adr").glob("0*.md"))


def test_the_page_of_states_is_the_generated_one():
    from docs.make_states import page

    assert page() == (ROOT / "docs" / "states.md").read_text(encoding="utf-8")


def test_pictures_are_small():
    pictures = list((ROOT / "docs" / "pictures").glob("*.png"))
    assert {picture.name for picture in pictures} >= {"exports-list.png", "progress-dark.png", "exports-narrow.png"}
    assert [picture.name for picture in pictures if picture.stat().st_size > 150_000] == []


# --- the example destination


@pytest.fixture
def outbox(tmp_path, monkeypatch, settings) -> Iterator[ModuleType]:
    """The guide's example, installed as its package would be: a module and an entry point on the path."""
    (entries,) = [tomllib.loads(block) for block in blocks("toml", DESTINATIONS)]
    ((name, target),) = entries["project"]["entry-points"]["waybill.destinations"].items()
    module = target.partition(":")[0]
    package = tmp_path / "package"
    information = package / f"{module}-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
    (information / "entry_points.txt").write_text(f"[waybill.destinations]\n{name} = {target}\n")
    source, _tests = blocks("python", DESTINATIONS)
    (package / f"{module}.py").write_text(source)
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    monkeypatch.syspath_prepend(package)
    _forget()
    yield importlib.import_module(module)
    sys.modules.pop(module)
    _forget()


def _forget() -> None:
    importlib.invalidate_caches()
    registry.clear_cache()


def files() -> dict[str, bytes]:
    """What lies in the outbox, hidden files included."""
    root = Path(settings.DATA_DIR) / "outbox"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_guide_names_what_the_contract_has():
    members = {name for name in vars(Destination) | vars(FileDestination) if not name.startswith("_")}
    members |= {name for name in vars(FileSession) | vars(Part) if not name.startswith("_")}
    internal = {"do_not_call_in_templates", "is_available"}
    assert {name for name in members - internal if not re.search(rf"\b{name}\b", DESTINATIONS)} == set()


def test_the_example_is_found_by_its_entry_point_and_declares_what_screens_need(outbox):
    type_ = registry.destination("outbox")
    assert type_ is outbox.Outbox
    assert issubclass(type_, FileDestination)
    assert type_.is_available()
    assert all((type_.label, type_.summary, type_.monogram, type_.check_steps))
    assert type_.settings_form({"box": "crm"}).is_valid()
    assert not type_.settings_form({"box": "../crm"}).is_valid()


@pytest.mark.django_db(transaction=True)
def test_an_export_runs_through_the_example(outbox):
    environment = make_environment()
    connection = make_connection(environment, type="outbox", settings={"box": "crm"})
    segment = make_segment(make_table(environment), name="Everybody")
    export = make_export(environment, name="Calls", connection=connection, segments=[segment])
    run, _is_new = actions.run_now(export, by=None)
    work_until_idle()
    run.refresh_from_db()
    assert (run.state, run.message) == (State.SUCCEEDED, ""), f"{run.reason} {run.detail}"
    assert set(files()) == {f"crm/Calls/{folder}/{run.folder}/{name}" for folder, name in
                            [("Everybody", "Everybody_1.csv"), ("manifest", "manifest.json")]}  # fmt: skip
