"""The pseudo-locale: English with every text in brackets, its letters accented, a third longer.

It is made from what `makemessages` finds, so that whatever is still plain English on a page is no text that a
language can translate. Django's and allauth's own words are taken from one of their own catalogues.
"""

import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
from django.apps import apps

from config import places

CODE = "en-x-pseudo"
LOCALE = "en_X-pseudo"  # what Django makes of the code in names of folders
OPENING, CLOSING = "⟦", "⟧"
SOURCES = ("config", "roles", "segments", "connections", "exports", "templates")
KNOWS_ITS_WORDS = "fr"  # a language that Django and allauth are wholly translated into

_ACCENTED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "àƀçđéƒĝĥîĵķļɱñôþɋŕšţûṽŵẋýžÀƁÇĐÉƑĜĤÎĴĶĻṀÑÔÞɊŔŠŢÛṼŴẊÝŽ",
)
# What programs read is kept: parameters, markup, character references, addresses.
_KEPT = re.compile(
    r"%\([^)]*\)[#0\- +]*\d*(?:\.\d+)?[a-zA-Z]|%%|%[sdir]|\{[^{}]*\}|<[^<>]+>|&#?\w+;|https?://\S+|\b[\w.]+@[\w.]+\b"
)
_MAGIC = 0x950412DE
_HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"


class NoGettextError(Exception):
    """The programs that read and write catalogues are not installed."""


def pseudo(text: str) -> str:
    """Return `text` as the pseudo-locale writes it."""
    body = text.strip()
    if not body:
        return text
    before, after = text[: text.index(body)], text[text.index(body) + len(body) :]
    return f"{before}{OPENING}{_accented(body)}{'~' * (len(body) * 3 // 10)}{CLOSING}{after}"


def _accented(text: str) -> str:
    parts, place = [], 0
    for found in _KEPT.finditer(text):
        parts += [text[place : found.start()].translate(_ACCENTED), found[0]]
        place = found.end()
    return "".join([*parts, text[place:].translate(_ACCENTED)])


def make(folder: Path) -> Path:
    """Write the catalogue below `folder`, a folder for LOCALE_PATHS; return the file."""
    with tempfile.TemporaryDirectory() as scratch:
        texts = dict(_own(Path(scratch)))
    for path in _catalogues_of_others():
        texts = {source: source for source in _read(path)} | texts
    catalogue = folder / LOCALE / "LC_MESSAGES" / "django.mo"
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    new = catalogue.with_suffix(".new")  # who reads it meanwhile shall find a whole one
    new.write_bytes(_written(texts))
    return new.replace(catalogue)


def _own(scratch: Path) -> Iterator[tuple[str, str]]:
    """Yield what `makemessages` finds in a copy of the sources: it writes beside what it reads."""
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__", "migrations", "locale")
        shutil.copytree(places.ROOT / name, scratch / name, ignore=ignored)
    (scratch / "locale").mkdir()
    _run(scratch, sys.executable, "-m", "django", "makemessages", "--locale", LOCALE, "--no-location", "--no-obsolete")
    found = scratch / "locale" / LOCALE / "LC_MESSAGES" / "django.po"
    _run(scratch, "msgen", "--no-wrap", "--output-file", "english.po", str(found))
    _run(scratch, "msgfmt", "--output-file", "english.mo", "english.po")
    yield from _read(scratch / "english.mo").items()


def _run(folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise NoGettextError(f"{command[0]} is missing: apt-get install gettext") from None
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr or done.stdout}")


def _catalogues_of_others() -> Iterator[Path]:
    folders = [Path(django.__file__).parent / "conf" / "locale"]
    folders += [Path(app.path) / "locale" for app in apps.get_app_configs()]
    for folder in folders:
        catalogue = folder / KNOWS_ITS_WORDS / "LC_MESSAGES" / "django.mo"
        if catalogue.is_file():
            yield catalogue


def _read(catalogue: Path) -> dict[str, str]:
    """Return the texts of a compiled catalogue by their English, both as they lie in it: a plural after a NUL."""
    data = catalogue.read_bytes()
    order = "<" if struct.unpack_from("<I", data)[0] == _MAGIC else ">"
    number, sources, targets = struct.unpack_from(f"{order}3I", data, 8)

    def text(table: int, place: int) -> str:
        length, start = struct.unpack_from(f"{order}2I", data, table + 8 * place)
        return data[start : start + length].decode()

    return {text(sources, place): text(targets, place) for place in range(number) if text(sources, place)}


def _written(texts: dict[str, str]) -> bytes:
    """Return a compiled catalogue of the pseudo texts of `texts`, which are English by what they are looked up by."""
    pairs = {"": _HEADER} | {source: _target(text) for source, text in texts.items() if source}
    ordered = sorted((source.encode(), target.encode()) for source, target in pairs.items())
    start = 28 + 16 * len(ordered)
    tables, body = [b"", b""], b""
    for which in (0, 1):
        for pair in ordered:
            tables[which] += struct.pack("<2I", len(pair[which]), start + len(body))
            body += pair[which] + b"\0"
    head = struct.pack("<7I", _MAGIC, 0, len(ordered), 28, 28 + 8 * len(ordered), 0, start)
    return head + tables[0] + tables[1] + body


def _target(text: str) -> str:
    forms = text.rpartition("\x04")[2].split("\0")
    return "\0".join(pseudo(form) for form in forms)
