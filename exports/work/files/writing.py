"""Writes rows from PostgreSQL into hidden parts at a file store, without Python code for each row."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from connections.destinations.base import Part
from exports.work.files.paths import FileItem, FilePlan
from exports.work.record import Recorder


class Sink:
    """Counts and hashes what is written to a part."""

    def __init__(self, part: Part) -> None:
        self.part, self.bytes, self._hash = part, 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Pass `data` on; return its length, as a file does."""
        self._hash.update(data)
        self.part.write(data)
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: the part decides when its bytes leave."""

    @property
    def sha256(self) -> str:
        """SHA-256 of all that was written, in hexadecimal."""
        return self._hash.hexdigest()


@dataclass
class Written:
    """A complete part that nobody sees yet, and what Run.files says of it."""

    part: Part
    entry: dict[str, Any]


def write_items(
    open_part: Callable[[str], Part],
    connection: psycopg.Connection[Any],
    plan: FilePlan,
    slot: str,
    recorder: Recorder,
) -> list[Written]:
    """Write every item to a hidden part that `open_part` gives."""
    written: list[Written] = []
    for index, item in enumerate(plan.items):
        path = plan.path(item, slot)
        part = open_part(path)
        sent = sum(entry.entry["bytes"] for entry in written)
        sink, rows = _write(connection, item, part, plan, partial(_report, recorder, index, sent))
        recorder.progress(index, rows, sent + sink.bytes)
        entry = {"role": "data", "path": path, "rows": rows, "bytes": sink.bytes, "sha256": sink.sha256}
        written.append(Written(part, entry | plan.format.entry))
    return written


def write_whole(part: Part, path: str, role: str, data: bytes) -> Written:
    """Write a small file to its hidden part."""
    part.write(data)
    sum_ = hashlib.sha256(data).hexdigest()
    return Written(part, {"role": role, "path": path, "rows": None, "bytes": len(data), "sha256": sum_})


def _report(recorder: Recorder, index: int, sent: int, rows: int, written: int) -> None:
    """Note the progress of the item at `index`; `sent` are the bytes of those before it."""
    recorder.progress(index, rows, sent + written)


def _write(
    connection: psycopg.Connection[Any],
    item: FileItem,
    part: Part,
    plan: FilePlan,
    report: Callable[[int, int], None],
) -> tuple[Sink, int]:
    """Write one item's rows into `part`; return what went out and the rows."""
    sink = Sink(part)
    query = item.query(plan.most_rows)
    rows = plan.format.write(connection, query, item.names, sink, lambda rows: report(rows, sink.bytes))
    return sink, rows
