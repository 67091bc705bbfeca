"""Removes line breaks and indents that only readers of templates need: pages get about a fifth smaller."""

import re

from django.template import Origin
from django.template.loaders import filesystem

_TEMPLATE_TAG = re.compile(r"(\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\})")
_STEP = re.compile(r"<(/?)([a-zA-Z][\w-]*)|>|\s*\n\s*")
# Around the tags of these no white space shows.
BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "datalist", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "head", "header", "hr", "html",
    "legend", "li", "link", "main", "meta", "nav", "ol", "option", "optgroup", "p", "script", "section", "select",
    "summary", "table", "tbody", "td", "template", "tfoot", "th", "thead", "title", "tr", "ul",
})  # fmt: skip


class Loader(filesystem.Loader):
    """Loads templates from the project's own folder."""

    def get_contents(self, origin: Origin) -> str:
        """Return the template's text with folded white space."""
        return folded(super().get_contents(origin))


def folded(text: str) -> str:
    """Fold line breaks: to a blank between attributes, to nothing at the edges of blocks, else to one line break."""
    folding = _Folding()
    for part in _TEMPLATE_TAG.split(text):
        if part.startswith(("{%", "{{", "{#")):
            folding.keep(part)
        else:
            folding.read(part)
    return "".join(folding.out)


class _Folding:
    def __init__(self) -> None:
        self.out: list[str] = []
        self._tag = ""  # in which attributes are read, with a slash where it ends something
        self._is_at_edge = False

    def keep(self, text: str) -> None:
        """Append `text` unchanged."""
        if text:
            self.out.append(text)
            self._is_at_edge = False

    def read(self, text: str) -> None:
        """Append HTML with folded line breaks."""
        place = 0
        for found in _STEP.finditer(text):
            self.keep(text[place : found.start()])
            place = found.end()
            self._step(found)
        self.keep(text[place:])

    def _step(self, found: re.Match[str]) -> None:
        if found[2] and not self._tag:
            self._begin(found[1] + found[2])
            self.out.append(found[0])
        elif found[0] == ">" and self._tag:
            self._drop_blank()
            self.out.append(">")
            self._is_at_edge, self._tag = self._tag.removeprefix("/") in BLOCKS, ""
        elif found[0].isspace():
            if not self._is_at_edge:
                self.out.append(" " if self._tag else "\n")
        else:
            self.keep(found[0])

    def _begin(self, tag: str) -> None:
        self._tag, self._is_at_edge = tag, False
        if tag.removeprefix("/") in BLOCKS and self.out and self.out[-1] == "\n":
            self.out.pop()

    def _drop_blank(self) -> None:
        if self.out and self.out[-1] == " ":
            self.out.pop()
