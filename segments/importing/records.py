"""Records of a CSV stream on its way to PostgreSQL: makes their line ends equal, counts them, checks quotes.

PostgreSQL takes a double quote anywhere as the begin or end of quoting, so that a stray one (5" disk) swallows the
rows up to the next without a word. Here every quote must stand at an end of its field, or be doubled.

Until version 18 PostgreSQL also takes a line that is only \\. for the end of all rows, so such a value gets quotes.
Byte order marks at the begin of a record come from files that were put together; they are left out.
"""

import copy
import re

MARK = b"\xef\xbb\xbf"  # a byte order mark
MARKS = re.compile(rb"\n(?:\xef\xbb\xbf)+")
END_OF_DATA = rb"\."
LONE_END_OF_DATA = re.compile(rb"\n\\\.(?=\n)")
UNUSUAL = (b"\r", MARK, END_OF_DATA)
# What only the next piece can tell: whether \n follows a \r, whether a line is only \., whether this is a mark.
HALVES = re.compile(rb"(?:(?:\\\.?)?\r?|\xef\xbb?)\Z")


class StrayQuoteError(Exception):
    """A quote inside an unquoted field, or text after a quoted one; `field` counts from 0."""

    def __init__(self, field: int) -> None:
        super().__init__()
        self.field = field


class RecordStream:
    r"""Feed it UTF-8 in pieces of any size; what comes back has \n as the end of each record, and no empty last ones.

    `lines` counts line ends so far (those in quotes, too), `rows` records that ended, the header included;
    `fields` counts the delimiters, `open_bytes` (roughly) the bytes of the record that has not ended. `marked` is the
    first line whose byte order mark was left out, `records` (after the end) how many came back, the header included.
    """

    def __init__(self, delimiter: str, *, checked: bool = True, keeps_empty: bool = False) -> None:
        self.lines = self.rows = self.fields = self.open_bytes = self.marked = self.records = 0
        self.in_quotes = False
        self._delimiter = delimiter.encode()
        self._checked = checked
        self._keeps_empty = keeps_empty
        self._half = b""  # see HALVES
        self._ends = b""  # line ends that may be the file's last
        self._last = b"\n"  # of the text outside of quotes
        around = re.escape(self._delimiter)
        # The quote comes first in the pattern: the search then skips from one to the next.
        self._stray = re.compile(rb'"(?:[^%b\n"]|(?<=[^%b\n"]"))' % (around, around))

    def feed(self, data: bytes) -> bytes:
        """Return `data` and what was held back before, cleaned. Raises StrayQuoteError."""
        data = self._half + data
        self._half = HALVES.search(data[-3:])[0]  # type: ignore[index]  # it always finds something
        return self._without_last_ends(self._clean(data[: len(data) - len(self._half)]))

    def end(self) -> bytes:
        """Return what was held back, at the end of the stream."""
        is_lone = self._is_at_begin and self._half == END_OF_DATA
        cleaned = self._clean(self._half)
        rest = self._without_last_ends(b'"%b"' % cleaned if is_lone else cleaned)
        self._half = b""
        self.records = self.rows - len(self._ends[1:]) + (self._last != b"\n")
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

    @property
    def _is_at_begin(self) -> bool:
        return self._last == b"\n" and not self.in_quotes

    def _clean(self, data: bytes) -> bytes:
        pieces = data.split(b'"')
        outside = pieces[self.in_quotes :: 2]
        # One byte is looked for many times faster than several.
        if any(sign[:1] in data and sign in data for sign in UNUSUAL):
            outside, data = self._usual(pieces, data)
        self._look(outside, len(pieces) - 1, len(data))
        self.lines += data.count(b"\n")
        return data

    def _usual(self, pieces: list[bytes], data: bytes) -> tuple[list[bytes], bytes]:
        """Return what is outside of quotes without what is unusual there, and all that is to be sent."""
        begin, start = b"\n" * self._is_at_begin, int(self.in_quotes)
        outside = pieces[start::2]
        outside[:1] = [begin + piece for piece in outside[:1]]
        if b"\r" in data:
            outside = [piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for piece in outside]
        pieces[start::2] = outside
        if MARK in data:
            self._note_mark(pieces, start, len(begin))
            outside = [MARKS.sub(b"\n", piece) for piece in outside]
        pieces[start::2] = outside
        if END_OF_DATA in data:
            pieces[start::2] = [LONE_END_OF_DATA.sub(rb'\n"\\."', piece) for piece in outside]
        outside[:1] = [piece[len(begin) :] for piece in outside[:1]]
        return outside, b'"'.join(pieces)[len(begin) :]

    def _note_mark(self, pieces: list[bytes], start: int, too_many: int) -> None:
        """Keep the line of the first mark; `pieces` have `too_many` line ends more than the text."""
        for number in range(start, 0 if self.marked else len(pieces), 2):
            if found := MARKS.search(pieces[number]):
                before = b'"'.join([*pieces[:number], pieces[number][: found.start() + 1]])
                self.marked = self.lines + before.count(b"\n") + 1 - too_many
                return

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
