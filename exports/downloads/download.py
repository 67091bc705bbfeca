"""Downloads of delivered files: exactly the bytes that were delivered, or none."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from django.utils.translation import gettext as _

from connections.destinations.base import DeliveredFile, DeliveryError, FileDestination
from connections.models import Connection
from exports.formats.registry import format_of_file
from exports.models import Run
from exports.progress.files import is_replaced
from roles.net.downloads import take_places

LOOKED_AT_FIRST = 5_000_000  # bytes: up to here a file is compared before anything is sent


class Download:
    """An open file of a run. Iterate over its bytes once; `close` in any case, also when nothing was read."""

    def __init__(self, run: Run, index: int, *, person: int, for_spreadsheet: bool) -> None:
        """Open the file for the user with the id `person`.

        TooManyDownloadsError; DeliveryError where it is not there as it was delivered.
        """
        self._stack, self.entry = ExitStack(), run.files[index]
        try:
            take_places(person, self._stack)
            self._file = self._open(run)
            checked = self._checked(run)
        except BaseException:
            self.close()
            raise
        self.name, self.media_type = file_name(self.entry["path"]), "application/octet-stream"
        if format_ := format_of_file(self.entry, run.export.settings):
            self.media_type = format_.spreadsheet_type if for_spreadsheet else format_.media_type
            checked = format_.for_spreadsheet(checked) if for_spreadsheet else checked
            self.name = format_.spreadsheet_name(self.name) if for_spreadsheet else self.name
        self._chunks = iter(checked)
        self.size = None if for_spreadsheet else self._file.size

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        """Close the file and its connection, and free the user's place among the downloads."""
        self._stack.close()

    def _open(self, run: Run) -> DeliveredFile:
        connection: Connection | None = run.connection
        if connection is None or not isinstance(destination := connection.open(), FileDestination):
            raise TypeError("Only files of a file store can be opened.")
        file = self._stack.enter_context(destination.open_file(self.entry["path"]))
        if file.size != self.entry["bytes"]:
            raise _changed(run, self.entry)
        return file

    def _checked(self, run: Run) -> Iterable[bytes]:
        """Return the file's bytes. A small file is compared before, a large one at its end."""
        chunks = _as_delivered(self._file.chunks(), run, self.entry)
        return list(chunks) if self._file.size <= LOOKED_AT_FIRST else chunks


def file_name(path: str) -> str:
    """Return the name under which a browser keeps the delivered file `path`."""
    return re.sub(r"[\x00-\x1f\x7f/\\]", "_", path.rpartition("/")[2])


def _as_delivered(chunks: Iterable[bytes], run: Run, entry: dict[str, Any]) -> Iterator[bytes]:
    """Yield `chunks`, the last one only if all bytes are those delivered. Raises DeliveryError otherwise.

    A browser that misses the last piece reports that the download failed.
    """
    found, held_back = hashlib.sha256(), b""
    for chunk in chunks:
        found.update(chunk)
        if held_back:
            yield held_back
        held_back = chunk
    if found.hexdigest() != entry["sha256"]:
        raise _changed(run, entry)
    yield held_back


def _changed(run: Run, entry: dict[str, Any]) -> DeliveryError:
    """Return the error for a file that differs from the delivered one."""
    name = entry["path"].rpartition("/")[2]
    if is_replaced(run, entry):
        text = _("A later run replaced %(name)s. Download it from the latest run.")
    else:
        text = _("%(name)s was changed after delivery. Run the export again to recreate it.")
    return DeliveryError(text % {"name": name}, permanent=True)
