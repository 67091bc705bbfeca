"""Carrying a plan's bytes from PostgreSQL to a file store: hidden parts first, then names, the manifest last."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any, cast

import psycopg
from django.utils.translation import gettext as _
from isal import igzip

from connections.destinations.base import DeliveryError, FileSession, Part
from exports.models import Run
from exports.runner.plan import Item, Plan, first_slot
from exports.runner.record import Recorder
from segments import warehouse

MOST_SLOTS = 99
BLOCK = 1 << 18  # bytes that are hashed and sent at a time


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
    """A complete part that nobody sees yet."""

    part: Part
    entry: dict[str, Any]


def choose_slot(session: FileSession, plan: Plan, run: Run) -> str:
    """Return the YYYY/MM/DD/HHMM of the run's files; a second attempt keeps the first one's."""
    if run.folder:
        return run.folder
    for number in range(1, MOST_SLOTS + 1):
        slot = first_slot(cast(datetime, run.started_at), number)
        if not any(session.exists(path) for path in plan.paths(slot)):
            return slot
    raise DeliveryError(_("Too many runs of this export were delivered within one minute. Run it again."))


def write_parts(
    session: FileSession,
    connection: psycopg.Connection[Any],
    plan: Plan,
    slot: str,
    recorder: Recorder,
    stack: ExitStack,
) -> list[Written]:
    """Write every item to a hidden part; `stack` discards the parts that were not published."""
    written: list[Written] = []
    for index, item in enumerate(plan.items):
        path = plan.path(item, slot)
        part = session.open_part(path)
        stack.callback(part.discard)
        sent = sum(entry.entry["bytes"] for entry in written)
        sink, rows = _write(connection, item, part, plan, partial(_report, recorder, index, sent))
        recorder.progress(index, rows, sent + sink.bytes)
        entry = {"path": path, "rows": rows, "bytes": sink.bytes, "sha256": sink.sha256}
        written.append(Written(part, entry))
    return written


def _report(recorder: Recorder, index: int, sent: int, rows: int, written: int) -> None:
    """Note the progress of the item at `index`; `sent` are the bytes of those before it."""
    recorder.progress(index, rows, sent + written)


def write_manifest(session: FileSession, plan: Plan, slot: str, run: Run, stack: ExitStack) -> Part:
    """Write the manifest to a hidden part."""
    part = session.open_part(plan.manifest_path(slot))
    stack.callback(part.discard)
    part.write(json.dumps(manifest(plan, run), indent=2, ensure_ascii=False).encode() + b"\n")
    return part


def manifest(plan: Plan, run: Run) -> dict[str, Any]:
    """Return what the manifest says: files with rows, bytes and checksums, and where their columns come from."""
    files = []
    for item, entry in zip(plan.items, run.files, strict=True):
        columns = [
            {"name": name, "field": field, "postgresql_type": pg_type}
            for (field, name), pg_type in zip(item.columns, item.types, strict=True)
        ]
        source = {"segment": item.segment.name, "table": item.segment.table.name}
        files.append(entry | source | {"columns": columns})
    return {
        "format": "waybill-manifest-1",
        "export": run.export.name,
        "environment": run.environment.slug,
        "run": str(run.uuid),
        "data_as_of": run.data_as_of.isoformat() if run.data_as_of else None,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "encoding": "UTF-8",
        "delimiter": ",",
        "header": True,
        "compression": "gzip" if plan.is_compressed else "none",
        "rows": sum(entry["rows"] for entry in files),
        "bytes": sum(entry["bytes"] for entry in files),
        "files": files,
    }


def header_line(names: list[str]) -> bytes:
    """Return the first line of a file, quoted as PostgreSQL's COPY does."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(names)
    return line.getvalue().encode()


def _write(
    connection: psycopg.Connection[Any],
    item: Item,
    part: Part,
    plan: Plan,
    report: Callable[[int, int], None],
) -> tuple[Sink, int]:
    """Copy one item's rows into `part`; return what went out and the rows."""
    # The header is ours: PostgreSQL would cut names to 63 bytes.
    copy = warehouse.copy_csv(connection, warehouse.export_query(item.segment, item.columns), header=False)
    sink = Sink(part)
    with _compressed(sink) if plan.is_compressed else _plain(sink) as file:
        file.write(header_line([name for _field, name in item.columns]))
        for chunk in copy:
            file.write(chunk)
            report(copy.rows, sink.bytes)
    return sink, copy.rows


@contextmanager
def _plain(sink: Sink) -> Iterator[Sink]:
    yield sink


@contextmanager
def _compressed(sink: Sink) -> Iterator[IO[bytes]]:
    """Gzip into `sink`; the header carries no time, so that equal data makes equal files."""
    gathered = _Gather(sink)
    with igzip.IGzipFile(fileobj=gathered, mode="wb", compresslevel=1, mtime=0) as file:
        yield cast(IO[bytes], file)
    gathered.flush()


class _Gather:
    """Collects small writes of the compressor into blocks."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._size = sink, 0
        self._pending: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pending.append(bytes(data))
        self._size += len(data)
        if self._size >= BLOCK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._pending:
            self._sink.write(b"".join(self._pending))
            self._pending, self._size = [], 0
