"""Records of a CSV stream on its way to PostgreSQL: their line ends made equal, counted, their quotes checked.

PostgreSQL takes a double quote anywhere as the begin or end of quoting, so that a stray one (5" disk) swallows the
rows up to the next without a word. Here every quote must stand at an end of its field, or be doubled.
"""

import copy
import re


class StrayQuoteError(Exception):
    """A quote stands inside a field that is not quoted, or text follows one that was; `field` counts from 0."""

    def __init__(self, field: int) -> None:
        super().__init__()
        self.field = field


class RecordStream:
    r"""Feed it UTF-8 in pieces of any size; what comes back has \n as the end of each record, and no empty last ones.

    `lines` counts line ends so far (those in quotes, too), `rows` records that ended, the header included;
    `fields` counts the delimiters, `open_bytes` (roughly) the bytes of the record that has not ended.
    """

    def __init__(self, delimiter: str, *, checked: bool = True, keeps_empty: bool = False) -> None:
        self.lines = self.rows = self.fields = self.open_bytes = 0
        self.in_quotes = False
        self._delimiter = delimiter.encode()
        self._checked = checked
        self._keeps_empty = keeps_empty
        self._half = b""  # a \r whose \n may follow
        self._ends = b""  # line ends that may be the file's last
        self._last = b"\n"  # of the text outside of quotes
        around = re.escape(self._delimiter)
        # The quote comes first in the pattern: the search then skips from one to the next.
        self._stray = re.compile(rb'"(?:[^%b\n"]|(?<=[^%b\n"]"))' % (around, around))

    def feed(self, data: bytes) -> bytes:
        """Return `data`, and what was held back before, cleaned. Raises StrayQuoteError."""
        data = self._half + data
        self._half = b"\r" if data.endswith(b"\r") else b""
        return self._without_last_ends(self._clean(data[: len(data) - len(self._half)]))

    def end(self) -> bytes:
        """Return what was held back, once no more will come."""
        rest = self._without_last_ends(self._clean(self._half))
        self._half = b""
        return rest + self._ends[:1]

    def trouble(self, data: bytes) -> tuple[int, int]:
        """Return line and field of the stray quote in `data`, the next to be fed; else of the last one that opens."""
        quiet, slow = copy.copy(self), copy.copy(self)
        quiet._checked = False
        place = (self.lines + 1, self.fields)
        for line in quiet._clean(self._half + data).split(b"\n"):
            before = slow.rows, slow.fields, slow.in_quotes
            try:
                slow._clean(line + b"\n")
            except StrayQuoteError as error:
                return slow.lines + 1, error.field
            if slow.in_quotes and before != (slow.rows, slow.fields, True):
                place = slow.lines, slow.fields
        return place

    def _clean(self, data: bytes) -> bytes:
        pieces = data.split(b'"')
        outside = pieces[self.in_quotes :: 2]
        if b"\r" in data:
            outside = [piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for piece in outside]
            pieces[self.in_quotes :: 2] = outside
            data = b'"'.join(pieces)
        self._look(outside, len(pieces) - 1, len(data))
        self.lines += data.count(b"\n")
        return data

    def _look(self, outside: list[bytes], quotes: int, size: int) -> None:
        """Go on with the text outside of quotes, in which each quoted part is only one quote."""
        self.in_quotes ^= bool(quotes % 2)
        text = b'"'.join(outside)
        if quotes and self.in_quotes:
            text += b'"'
        if self._checked and (quotes or self._last == b'"'):
            self._check(text)
        self._last = text[-1:] or self._last
        if ended := text.count(b"\n"):
            self.rows += ended
            self.open_bytes = 0
            self.fields = text.count(self._delimiter, text.rfind(b"\n"))
        else:
            self.open_bytes += size
            self.fields += text.count(self._delimiter)

    def _check(self, text: bytes) -> None:
        found = self._stray.search(self._last + text)
        if found:
            before = text[: max(0, found.start() - 1)]
            earlier = 0 if b"\n" in before else self.fields
            raise StrayQuoteError(earlier + before.count(self._delimiter, before.rfind(b"\n") + 1))

    def _without_last_ends(self, data: bytes) -> bytes:
        if self._keeps_empty or self.in_quotes:
            data, self._ends = self._ends + data, b""
            return data
        filled = data.rstrip(b"\n")
        if not filled:
            self._ends += data
            return b""
        ends, self._ends = self._ends, data[len(filled) :]
        return ends + filled
