"""Carries a run to a file store: hidden parts first, then their names, the manifest last."""

import json
import signal
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from django.db.models import Func, JSONField

from connections.destinations.base import DeliveryError, FileDestination, FileSession, Part
from exports.models import Run
from exports.runs import queue
from exports.work.carriers import Arrival, Carrier, Reader, Step
from exports.work.errors import InterruptedRunError
from exports.work.files.manifest import manifest
from exports.work.files.model_json import model_json
from exports.work.files.paths import FilePlan, file_plan, has_model, slot_name
from exports.work.files.writing import Written, write_items, write_whole
from exports.work.gate import hold_unusual_rows
from exports.work.plan import ItemKind
from roles.messages import EMPTY, Message, listed
from roles.messages import said as _
from roles.messages import said_many as ngettext

MOST_SLOTS = 99
MOST_CLEARED = 5  # dead runs that one run clears up after


class _ModelEntries(Func):
    """The entries of Run.files that are a model.json."""

    template = "jsonb_path_query(%(expressions)s, '$[*] ? (@.role == \"model\")')"
    output_field = JSONField()


class FilesArrival(Arrival):
    """How many files have their names."""

    @property
    def words(self) -> Message:
        """Say it."""
        words = ngettext("%(count)s of %(n)s file arrived", "%(count)s of %(n)s files arrived", self.of)
        return words % {"count": self.count}


class FilesCarrier(Carrier):
    """Writes a file for each item under a hidden name, then gives all of them their names."""

    destination: FileDestination
    files: FilePlan
    session: FileSession
    written: list[Written]
    slot = ""
    is_completing = False
    is_naming = False  # from here on hidden files stay for the claim that completes the run

    @classmethod
    def steps(cls, run: Run) -> list[Step]:
        """Send, then publish."""
        label = _("Publish files, model.json and manifest") if has_model(run) else _("Publish files and manifest")
        return [*super().steps(run), ("manifest", label)]

    def plan(self, reader: Reader) -> None:
        """Find a place for each file."""
        self.files = file_plan(self.run, self.planned)
        self.replaceable = _model_checksums(self.run) if self.files.has_model else frozenset[str]()
        self.earlier = _checksums(entry for entry in self.run.files if entry.get("role") == "model")

    def expected(self, total: int | None) -> Message:
        """Say how many rows in how many files there will be: "5 rows in 3 files: 2 tables, 1 member list"."""
        files = _counted(self.files)
        if total is None:
            return files
        return ngettext("%(n)s row in %(files)s", "%(n)s rows in %(files)s", total) % {"files": files}

    def send(self, reader: Reader) -> None:
        """Open the store and write every item under its hidden name."""
        with self.recorder.step("send"):
            self.session = self._opened(self.recorder.claimed.attempt)
            _clear_dead_runs(self.run, self.destination, self.session)
            self.slot = _choose_slot(self.session, self.files, self.run)
            if self.files.has_model:
                self._refuse_foreign_model()
            self._note_where()
            for folder in self.files.folders(self.slot):
                self.session.clear_leftovers(folder)
            self.written = write_items(self._open_part, reader, self.files, self.slot, self.recorder)
            self.recorder.flush()
            hold_unusual_rows(self.run)

    def finish(self) -> None:
        """Give every file its name: data, model.json, manifest. What they hold is recorded before."""
        with self.recorder.step("manifest"):
            written = [*self.written]
            self.run.files = [one.entry for one in written]
            if self.files.has_model:
                written.append(self._model())
                self.run.files.append(written[-1].entry)
            text = json.dumps(manifest(self.files, self.run), indent=2, ensure_ascii=False).encode() + b"\n"
            path = self.files.layout.manifest(self.slot)
            written.append(write_whole(self._open_part(path), path, "manifest", text))
            self.run.files.append(written[-1].entry)
            self.recorder.write(files=self.run.files, bytes_done=self.recorder.bytes, rows_done=self.recorder.rows)
            self._name(written)

    def complete(self) -> Arrival:
        """Compare what has its name, by sizes and checksums, and name what is still hidden; the manifest last.

        A name that is recorded as given counts, also where the server took the file away since.
        """
        self.is_completing = True
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        given = self.run.given or {"attempt": "", "paths": []}
        self.session = self._opened(given["attempt"])
        self.replaceable = _model_checksums(self.run)
        count, refusal = 0, EMPTY
        for entry in self.run.files:
            is_next = count == self.run.files.index(entry) and not refusal
            try:
                count += self._has_arrived(entry, entry["path"] in given["paths"], may_name=is_next)
            except DeliveryError as error:
                if not error.permanent or not is_next:
                    raise
                refusal = error.message
        return FilesArrival(count, max(1, len(self.run.files)), refusal)

    def settle(self) -> None:
        """Forget what was claimed, now that the success is recorded; the next run does it for one that dies here."""
        folders, manifest_ = self.run.folders, self.run.files[-1]["path"]
        self.session.release_claims(*folders)
        with suppress(DeliveryError):
            for folder in folders if self.is_completing else ():
                self.session.clear_leftovers(folder)
            self.session.exists(manifest_)  # the line stands: nothing was left
            Run.objects.filter(pk=self.run.pk).update(has_leftovers=False)

    def _opened(self, attempt: str) -> FileSession:
        """Open the store; the run and the attempt mark the hidden names (FileDestination.session)."""
        session = self.stack.enter_context(self.destination.session(f"{self.run.uuid.hex}-{attempt}"))
        self.answered()
        return session

    def _open_part(self, path: str, replaceable: frozenset[str] = frozenset()) -> Part:
        """Open a hidden file that is removed again unless the run begins to publish."""
        part = self.session.open_part(path, replaceable=replaceable) if replaceable else self.session.open_part(path)
        self.stack.callback(lambda: None if self.is_naming else part.discard())
        return part

    def _name(self, written: list[Written]) -> None:
        """From here on the run is no longer canceled; whatever happens, a later claim completes it."""
        for one in written:
            one.part.complete()
        if not queue.begin_publishing(self.recorder.claimed):
            raise InterruptedRunError
        self.is_naming = self.run.is_publishing = True
        self.run.given = {"attempt": self.recorder.claimed.attempt, "paths": []}
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        for one in written:
            self.recorder.give(one.entry["path"])  # with the lease: a run that was taken over publishes nothing more
            one.part.publish()

    def _has_arrived(self, entry: dict[str, Any], is_given: bool, *, may_name: bool) -> bool:
        """Whether the file of an entry of Run.files is at the target, or was; with `may_name` it is named if hidden."""
        path, size, checksum = entry["path"], entry["bytes"], entry["sha256"]
        if self.session.has(path, size, checksum):
            return True
        replaceable = self.replaceable if entry["role"] == "model" else frozenset[str]()
        left = self.session.left_part(path, size, checksum, replaceable=replaceable)
        if left is None:
            return is_given and not self.session.exists(path)
        if may_name:
            self.recorder.give(path)
            left.publish()
        return may_name

    def _model(self) -> Written:
        """Write model.json, which may replace those that runs of this export wrote."""
        text = model_json(self.files, self.run, self.slot)
        path = self.files.layout.model
        written = write_whole(self._open_part(path, self.replaceable), path, "model", text)
        written.entry["earlier"] = self.earlier  # an attempt of this run that died may have published its own
        return written

    def _refuse_foreign_model(self) -> None:
        """Raise DeliveryError before anything is sent where model.json is somebody else's."""
        path = self.files.layout.model
        if not self.session.exists(path):
            return
        if not self.replaceable or not self._wrote(path):
            raise DeliveryError(
                _("The folder contains a model.json that this export did not write. Move it, then run again."),
                detail=path,
                permanent=True,
            )

    def _wrote(self, path: str) -> bool:
        """Whether what has the name is a file that runs of this export wrote; a link or a folder never is."""
        try:
            return self.session.checksum_of(path) in self.replaceable
        except DeliveryError as error:
            if error.permanent:
                return False
            raise

    def _note_where(self) -> None:
        where = self.run.export.connection
        self.run.folders = self.files.folders(self.slot)
        self.recorder.write(
            folder=self.slot,
            has_leftovers=True,
            folders=self.run.folders,
            connection=where,
            target=where.settings if where else {},
        )


def _choose_slot(session: FileSession, plan: FilePlan, run: Run) -> str:
    """Return the YYYY/MM/DD/HHMM of the run's files; a second attempt keeps the first one's."""
    if run.folder:
        return run.folder
    for number in range(1, MOST_SLOTS + 1):
        slot = slot_name(cast(datetime, run.started_at), number)
        if not any(session.exists(path) for path in plan.paths(slot)):
            return slot
    raise DeliveryError(_("Too many runs of this export were delivered within one minute. Run it again."))


def _model_checksums(run: Run) -> frozenset[str]:
    """The checksums of every model.json that runs of this export wrote, or were about to when they were killed."""
    runs = Run.objects.filter(export=run.export_id, files__contains=[{"role": "model"}])
    return frozenset(_checksums(runs.annotate(model=_ModelEntries("files")).values_list("model", flat=True)))


def _checksums(models: Iterable[dict[str, Any]]) -> list[str]:
    return [checksum for entry in models for checksum in (entry["sha256"], *entry.get("earlier", []))]


def _counted(plan: FilePlan) -> Message:
    """Say how many files there will be."""
    count = len(plan.items)
    files = ngettext("%(n)d file", "%(n)d files", count)
    tables = sum(item.kind == ItemKind.TABLE for item in plan.items)
    lists = sum(item.kind == ItemKind.MEMBERS for item in plan.items)
    parts = []
    if tables:
        parts.append(ngettext("%(n)d table", "%(n)d tables", tables))
    if lists:
        parts.append(ngettext("%(n)d member list", "%(n)d member lists", lists))
    return _("%(files)s: %(parts)s") % {"files": files, "parts": listed(parts)} if parts else files


def _clear_dead_runs(run: Run, destination: FileDestination, session: FileSession) -> None:
    """Remove hidden files that killed runs of the same export left on the same connection, as it was then."""
    dead_runs = run.export.runs.exclude(pk=run.pk).filter(has_leftovers=True)
    here = dead_runs.filter(connection=run.export.connection, target=destination.settings)
    for dead in here.order_by("-pk")[:MOST_CLEARED]:
        session.clear_run(dead.uuid.hex, *dead.folders)
        Run.objects.filter(pk=dead.pk).update(has_leftovers=False)
