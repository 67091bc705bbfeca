"""One place creates runs and writes their state: a walk over the syntax of all code that knows them.

The apps below exports do not import it, which import-linter holds; so `exports` and `config` are all there is.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOOR = "exports/runs/lifecycle.py"
LEASE = "exports/runs/lease.py"  # of several models; runs are taken through the door
WRITES = {"update", "create", "get_or_create", "update_or_create", "bulk_create", "bulk_update", "save"}
# Other rows that have a state, or are written with values that the code composes; `parts` asks for RefreshParts.
OTHERS = {"RefreshPart", "SystemRefresh", "AlertDelivery", "Alert", "RoleAssignment", "parts"}


def files() -> list[Path]:
    found = [path for app in ("config", "exports") for path in (ROOT / app).rglob("*.py")]
    return [path for path in found if "migrations" not in path.parts]


def writes_of(code: str, *, composed: bool = True) -> list[str]:
    """Return what in `code` creates a run or may write the state of one; without `composed` only what names it."""
    tree = ast.parse(code)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = {ast.unparse(node): None for node in _writes(tree, composed) if not _is_inside(node, functions)}
    for function in functions:
        stands_for = dict(_variables(function))
        for node in _writes(function, composed):
            if _root(_written(node), stands_for) not in OTHERS:
                found[ast.unparse(node)] = None
    return list(found)


def _writes(tree: ast.AST, composed: bool) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr == "state":
            yield node
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            names = {keyword.arg for keyword in node.keywords}
            texts = {part.value for one in node.args for part in ast.walk(one) if isinstance(part, ast.Constant)}
            fields = {part.value for one in node.keywords for part in ast.walk(one) if isinstance(part, ast.Constant)}
            says_state = "state" in names | texts or (called == "save" and "state" in fields)
            is_write = called in WRITES and (says_state or (composed and None in names))
            if called == "Run" or is_write or _creates_run(node) or (called == "setattr" and "state" in texts):
                yield node


def _creates_run(node: ast.Call) -> bool:
    is_create = isinstance(node.func, ast.Attribute) and "create" in node.func.attr
    return is_create and ("Run.objects" in ast.unparse(node.func) or ".runs." in ast.unparse(node.func))


def _written(node: ast.AST) -> ast.expr:
    """The row or rows that a write is about."""
    if isinstance(node, ast.Call):
        return node.func.value if isinstance(node.func, ast.Attribute) else node.func
    assert isinstance(node, ast.Attribute)
    return node.value


def _root(value: ast.expr, stands_for: dict[str, ast.expr]) -> str:
    """Return the name at which an expression begins, through the variables of its function."""
    seen: set[str] = set()
    while True:
        if isinstance(value, ast.Attribute | ast.Subscript):
            if isinstance(value, ast.Attribute) and value.attr in {"runs", "run", "last_run"}:
                return "Run"
            value = value.value
        elif isinstance(value, ast.Call):
            value = value.func
        elif isinstance(value, ast.Name):
            if value.id in seen or value.id not in stands_for:
                return value.id
            seen.add(value.id)
            value = stands_for[value.id]
        else:
            return ""


def _variables(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """The parameters and variables of a function, and what each stands for; one with two meanings is left out."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and node.annotation:
            found.setdefault(node.arg, []).append(_model(node.annotation))
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, []).append(node.iter)
    return ((name, values[0]) for name, values in found.items() if len(values) == 1)


def _model(annotation: ast.expr) -> ast.expr:
    """Return what an annotation is about: the model of a query set."""
    is_query = isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("QuerySet")
    return annotation.slice if is_query else annotation


def _is_inside(node: ast.AST, functions: list[ast.FunctionDef]) -> bool:
    return any(node in set(ast.walk(function)) for function in functions)


def test_only_the_rooms_of_runs_write_the_state_of_a_run():
    outside = {path: path.relative_to(ROOT).as_posix() for path in files()}
    found = {
        name: writes
        for path, name in outside.items()
        if not name.startswith("exports/runs/") and (writes := writes_of(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_among_them_one_module_does():
    found = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "exports/runs").glob("*.py")}
    writing = {name for name, path in found.items() if writes_of(path.read_text(encoding="utf-8"), composed=False)}
    assert writing == {DOOR, LEASE}


def test_no_statement_in_sql_does():
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").casefold() for path in files()}
    assert [name for name, text in texts.items() if "update exports_run " in text or "into exports_run " in text] == []


@pytest.mark.parametrize(
    "write",
    [
        "run.state = State.FAILED",
        "export.last_run.state = 'failed'",
        "before, run.state = run.state, State.FAILED",
        "Run.objects.filter(pk=1).update(state=State.FAILED)",
        "export.runs.update(state=State.FAILED)",
        "part.refresh.runs.update(state=State.FAILED)",
        "runs.update(state=State.FAILED)",
        "Run.objects.filter(pk=1).update(**values)",
        "mine = Run.objects.filter(pk=1)\n    mine.update(rows_done=1, state=State.FAILED)",
        "lost = Run.objects.lost()\n    for one in lost:\n        one.state = State.FAILED",
        "Run(export=export)",
        "Run.objects.create(export=export)",
        "Run.objects.bulk_create(runs)",
        "Run.objects.bulk_update(runs, ['state'])",
        "export.runs.create(trigger='person')",
        "part.run.state = State.FAILED",
        "run.save(update_fields=['state'])",
        "setattr(run, 'state', State.FAILED)",
    ],
)
def test_the_walk_finds(write):
    assert writes_of(f"def change(run, runs: QuerySet[Run], export: Export, part: RefreshPart):\n    {write}\n")


@pytest.mark.parametrize(
    "write",
    [
        "refresh.state = RefreshState.RUNNING",
        "RefreshPart.objects.filter(pk=1).update(state=PartState.RUNNING, run=run)",
        "begun = {}\n    RefreshPart.objects.update(**begun)",
        "refresh.parts.lost().update(**begun)",
        "parts.update(state=PartState.RUNNING)",
        "Run.objects.filter(pk=1).update(has_leftovers=False)",
        "step['state'] = 'done'",
        "state = run.state",
    ],
)
def test_the_walk_leaves_alone(write):
    assert not writes_of(f"def change(run, refresh: SystemRefresh, parts: QuerySet[RefreshPart]):\n    {write}\n")
