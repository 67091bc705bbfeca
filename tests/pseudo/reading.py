"""What a person reads or hears of a page, piece by piece, and which words of it no language can translate."""

import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

from config.pseudo import CLOSING, OPENING

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# Elements that a sentence runs through; then those whose content nobody reads as a text: code, keys, suggestions.
INLINE = {"a", "abbr", "b", "bdi", "code", "em", "i", "small", "span", "strong", "time"}
NOT_READ = {"script", "style", "code", "kbd", "pre", "svg", "datalist"}
SAID = {"title", "placeholder", "alt", "label", "summary", "aria-label", "aria-description", "aria-valuetext"}
# Data attributes hold words for scripts, unless they look like what only scripts read.
NOT_SAID = {"data-can", "data-rows", "data-copy", "data-value", "data-keys"}
VALUE = re.compile(r"[a-z0-9:#./?=&_-]*")
WORD = re.compile(r"[A-Za-z]{2,}")
OURS = {"Waybill"}  # the product's name
# Addresses, names of variables, and what scripts fill in.
NO_TEXT = re.compile(
    r"https?://\S+|\b[\w.]+@[\w.]+\b|\b[A-Z]+(?:_[A-Z]+)+_?\w*|\{[a-z]+\}"
    r"|\b[A-Z][a-z]+/[A-Z]\w+|\bUTC(?:[+-]\d\d:\d\d)?"  # zones, and how far they are from UTC
)
# A separator between two texts is no part of a sentence.
BETWEEN = re.compile(r"^[\s·,;:.–—()/+×…|\d%≤≥<>=-]*$")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.pieces: list[tuple[str, str]] = []
        self.text = ""  # of the catalogue, begun and not ended

    @property
    def is_read(self) -> bool:
        return all(is_read for _tag, is_read in self.open)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        is_read = values.get("translate") != "no" and tag not in NOT_READ
        for name, value in attrs if self.is_read else []:
            if value and value.strip() and self._is_said(tag, name, values):
                self.pieces += [(f"{tag}[{name}]", text) for text in _of_attribute(value)]
        if tag not in VOID:
            self.open.append((tag, is_read))

    def _is_said(self, tag, name, values):
        if name in SAID:
            return True
        if name == "value":
            return tag == "input" and values.get("type") in {"submit", "button", "reset"}
        is_ours = name.startswith("data-") and name not in NOT_SAID
        return is_ours and not VALUE.fullmatch(values[name] or "")

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass
        if tag not in INLINE:
            self.end_cut_text()

    def end_cut_text(self):
        """Of a text that is shown up to its first sentence alone the end is missing."""
        if self.text:
            self.pieces.append(("cut", self.text + CLOSING * (self.text.count(OPENING) - self.text.count(CLOSING))))
            self.text = ""

    def handle_data(self, data):
        if not self.is_read or not data.strip():
            return
        self.text = f"{self.text} {' '.join(data.split())}".strip()
        if self.text.count(OPENING) == self.text.count(CLOSING):  # else it goes on in another element
            path = ".".join(tag for tag, _is_read in self.open[-2:])
            self.pieces.append((path, self.text))
            self.text = ""


def _of_attribute(value: str) -> list[str]:
    """Return the texts of an attribute; one for scripts may hold the forms of a plural as JSON."""
    return [text for text, _examples in json.loads(value)] if value.startswith("[[") else [value]


def pieces_of(page: str) -> list[tuple[str, str]]:
    """Return where each text of `page` stands, with the text."""
    parser = _Page()
    parser.feed(page)
    parser.close()
    parser.end_cut_text()
    return parser.pieces


def pieces_of_answer(answer) -> Iterator[tuple[str, str]]:
    """Yield the texts of an answer: of its page or fragment, and of what its header tells scripts to say."""
    if (trigger := answer.headers.get("HX-Trigger", "")).startswith("{"):
        yield from ((f"HX-Trigger {name}", text) for name, text in _strings(json.loads(trigger)))
    if not answer.streaming and "html" in answer.headers.get("Content-Type", ""):
        yield from pieces_of(answer.content.decode())


def _strings(value, name="") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, one in value.items():
            if key != "tone":
                yield from _strings(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one, name)
    elif isinstance(value, str):
        yield name, value


class Data:
    """What the fixtures call things: no text, wherever it stands."""

    def __init__(self, names: Iterable[str]) -> None:
        known = sorted({" ".join(name.split()) for name in names if name and WORD.search(name)} | OURS, key=len)
        self._any = re.compile("|".join(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])" for name in reversed(known)))

    def plain_words(self, text: str) -> list[str]:
        """Return the words of `text` that went through no catalogue."""
        return WORD.findall(self._any.sub("", NO_TEXT.sub("", text)))

    def is_glued(self, text: str) -> bool:
        """Whether `text` is put together of texts, or of one and of what should be its parameter.

        Facts may stand beside each other, and sentences after each other.
        """
        if OPENING not in text:
            return False
        return any(_is_glued_fact(fact) for fact in re.split(r" [·→] |, |: ", _outermost(text)))


def _is_glued_fact(fact: str) -> bool:
    texts = fact.count(OPENING)
    if not texts:
        return False
    ends = len(re.findall(rf"[.!?…:]{CLOSING}", fact))
    rest = re.sub(rf"{OPENING}[.!?…:]?{CLOSING}", "", fact)
    return not BETWEEN.match(rest) or (texts > 1 and ends < texts - 1)


def _outermost(text: str) -> str:
    """Return `text` with each text of the catalogue reduced to its brackets and the sign that it ends with."""
    said, depth, last = "", 0, ""
    for letter in text:
        if letter == OPENING:
            depth += 1
            said += letter if depth == 1 else ""
        elif letter == CLOSING:
            depth -= 1
            said += "" if depth else (last if last in ".!?…:" else "") + letter
        elif depth:
            last = last if letter == "~" else letter
        else:
            said += letter
    return said
