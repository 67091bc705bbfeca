"""Whole files in gzip, for the formats that offer it."""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from django.utils.translation import gettext as _
from isal import igzip

from connections.destinations.base import DeliveryError
from exports.formats.base import Target

BLOCK = 1 << 18  # bytes that are handed on at a time


@contextmanager
def gzipped(target: Target) -> Iterator[IO[bytes]]:
    """Gzip into `target`; the header carries no time, so that equal data makes equal files."""
    gathered = _Gather(target)
    with igzip.IGzipFile(fileobj=gathered, mode="wb", compresslevel=1, mtime=0) as file:
        yield cast(IO[bytes], file)
    gathered.flush()


class _Gather:
    """Collects small writes of the compressor into blocks."""

    def __init__(self, target: Target) -> None:
        self._target, self._size = target, 0
        self._pending: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pending.append(bytes(data))
        self._size += len(data)
        if self._size >= BLOCK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._pending:
            self._target.write(b"".join(self._pending))
            self._pending, self._size = [], 0


def unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Return what is in a gzip file, in pieces of at most 256 kB whatever its ratio."""
    unzip: Any = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        rest = chunk
        while rest:
            if data := unzip.decompress(rest, BLOCK):
                yield data
            rest = unzip.unconsumed_tail
    if not unzip.eof:
        raise DeliveryError(_("The file at the destination is incomplete. Run the export again."))
