"""What lies at the target, read as a receiver would: manifests first, and then the files that they name."""

import gzip
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Found:
    """What was found, and what is wrong with it."""

    runs: dict[str, Path] = field(default_factory=dict)  # uuid of the run: its manifest
    orphans: list[Path] = field(default_factory=list)  # data files that no manifest names
    hidden: list[Path] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def look(target: Path) -> Found:
    """Read everything below `target`."""
    found, named = Found(), set()
    files = [path for path in target.rglob("*") if path.is_file()]
    found.hidden = [path for path in files if any(part.startswith(".") for part in path.relative_to(target).parts)]
    visible = set(files) - set(found.hidden)
    for path in sorted(path for path in visible if path.name == "manifest.json"):
        named |= {path, *_check(path, found)}
    found.orphans = sorted(visible - named)
    return found


def _check(path: Path, found: Found) -> list[Path]:
    """Hold the files of one manifest against it; return them."""
    root = next(parent.parent for parent in path.parents if parent.name == "manifest")
    try:
        manifest = json.loads(path.read_text())
    except ValueError:
        found.wrong.append(f"{path} is not whole")
        return []
    if manifest["run"] in found.runs:
        found.wrong.append(f"{path} and {found.runs[manifest['run']]} are of the same run")
    found.runs[manifest["run"]] = path
    for entry in manifest["files"]:
        found.wrong += _differences(root / entry["path"], entry)
    return [root / entry["path"] for entry in manifest["files"]]


def _differences(path: Path, entry: dict) -> list[str]:
    if not path.is_file():
        return [f"{path} is named by a manifest and not there"]
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    facts = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "rows": text.count(b"\n") - 1}
    return [f"{path}: {name} differ" for name, value in facts.items() if entry[name] != value]
