"""Makes a picture of a screen small: 256 colours and the best compression, nothing but the standard library."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 256
Colour = tuple[int, ...]


def shrink(png: bytes) -> bytes:
    """Return an 8-bit RGB or RGBA `png` (not interlaced) with a palette; transparency is dropped."""
    chunks = list(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    if depth != 8 or kind not in {2, 6}:
        raise ValueError(f"Colour type {kind} with {depth} bits is neither RGB nor RGBA with 8.")
    data = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    step = 4 if kind == 6 else 3  # bytes of a pixel
    rows = [_colours(row, step) for row in _rows(data, width * step, step)]
    palette, index = _palette(Counter(colour for row in rows for colour in row))
    pixels = b"".join(b"\0" + bytes(map(index.__getitem__, row)) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", header), (b"PLTE", bytes(value for colour in palette for value in colour))]
    parts += [(b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(name, body) for name, body in parts)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(SIGNATURE)
    while place < len(png):
        (size,) = struct.unpack_from(">I", png, place)
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        place += size + 12


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _rows(data: bytes, size: int, step: int) -> Iterator[bytearray]:
    """Undo the filter of each row of `size` bytes."""
    above = bytearray(size)
    for start in range(0, len(data), size + 1):
        row = bytearray(data[start + 1 : start + 1 + size])
        _unfilter(data[start], row, above, step)
        yield row
        above = row


def _unfilter(kind: int, row: bytearray, above: bytearray, step: int) -> None:
    for place in range(len(row) if kind else 0):
        left = row[place - step] if place >= step else 0
        corner = above[place - step] if place >= step else 0
        row[place] = (row[place] + _guess(kind, left, above[place], corner)) & 255


def _guess(kind: int, left: int, up: int, corner: int) -> int:
    """Return what PNG's filter `kind` expects a byte to be."""
    if kind == 4:
        return min((left, up, corner), key=lambda value: abs(left + up - corner - value))
    return (0, left, up, (left + up) // 2)[kind]


def _colours(row: bytearray, step: int) -> list[Colour]:
    return list(zip(row[0::step], row[1::step], row[2::step], strict=True))


def _palette(counts: Counter[Colour]) -> tuple[list[Colour], dict[Colour, int]]:
    """Return the colours to keep and, for every colour, the place of the nearest of them.

    Half are the most frequent ones; the others are each as far as can be from those before, so that a rare
    colour, such as the red of one failure, does not turn grey.
    """
    palette = [colour for colour, _count in counts.most_common(COLOURS // 2)]
    nearest = {colour: _nearest(colour, palette) for colour in counts}
    while len(palette) < min(COLOURS, len(counts)):
        new = max(nearest, key=lambda colour: nearest[colour][0])
        nearest |= {c: min(found, (_distance(c, new), len(palette))) for c, found in nearest.items()}
        palette.append(new)
    return palette, {colour: place for colour, (_far, place) in nearest.items()}


def _nearest(colour: Colour, palette: list[Colour]) -> tuple[int, int]:
    """Return distance and place of the nearest colour."""
    return min((_distance(colour, other), place) for place, other in enumerate(palette))


def _distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
