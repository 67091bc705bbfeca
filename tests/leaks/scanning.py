"""Look for planted values in whatever comes out, also where they are encoded, packed or both."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_plus

ENCODED = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
HEXADECIMAL = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
DEEPEST = 4


def found(values: Iterable[str], text: str | bytes) -> set[str]:
    """Return which of `values` (letters and digits, no fewer than 12) are in `text` in any encoding."""
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    layers = b"\n".join(unfolded(raw))
    return {value for value in values if any(form in layers for form in forms(value))}


def forms(value: str) -> set[bytes]:
    """Return `value` in clear, in hexadecimal, and in base64 as it looks in the middle of something longer."""
    assert len(value) >= 12, value
    assert value.isalnum(), value
    plain = value.encode()
    inside = set()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + plain)
        inside.add(text[4 if shift else 0 : -4])
    return {plain, plain.hex().encode(), plain.hex().upper().encode(), plain.decode().encode("utf-16-le"), *inside}


def unfolded(raw: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield `raw` and what is packed in it: URL-encoded, in base64, in hexadecimal, compressed."""
    yield raw
    if depth == DEEPEST:
        return
    if b"%" in raw:
        yield unquote_plus(raw.decode("latin-1")).encode("latin-1", "replace")
    for inner in _packed(raw):
        yield from unfolded(inner, depth + 1)


def _packed(raw: bytes) -> Iterator[bytes]:
    for match in ENCODED.finditer(raw):
        for text in {match.group(), *re.split(b"[_-]", match.group())}:
            yield from _of_base64(text)
    for match in HEXADECIMAL.finditer(raw):
        yield from _inflated(bytes.fromhex(match.group().decode()))


def _of_base64(text: bytes) -> Iterator[bytes]:
    body = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    if len(body) < 16:
        return
    try:
        decoded = base64.b64decode(body + b"=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return
    yield from _inflated(decoded)


def _inflated(data: bytes) -> Iterator[bytes]:
    yield data
    if data[:1] == b"\x78" or data[:2] == b"\x1f\x8b":
        try:
            yield zlib.decompress(data, zlib.MAX_WBITS | 32)
        except zlib.error:
            return
