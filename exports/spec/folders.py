"""The folder of each export at its target: named like the export, its own, and kept whatever others are called."""

import itertools
import re
import unicodedata
from collections.abc import Iterable

from django.db import transaction

from connections.models import Connection
from exports.models import Export

LONGEST_NAME = 80  # bytes of a name on the target, which leaves room for hidden names
# Names that Windows keeps for its devices, whatever their ending.
ZWNJ = "\u200c"
JOINERS = {ZWNJ, "\u200d"}
VIRAMA = 9  # the combining class of the signs that join consonants
# Marks that nobody sees beside a letter: variation selectors and the like.
PLAIN_VARIANT = re.compile("[\u034f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)


def safe_name(text: str, otherwise: str, *, keeps_marks: bool = True) -> str:
    """Return `text` as a name that every file store takes: letters, digits, hyphens, one underscore for the rest.

    Without `keeps_marks` the signs that combine with letters are not taken for a part of them, as in older versions.
    """
    composed = unicodedata.normalize("NFC", text)
    words = _with_marks(composed) if keeps_marks else re.sub(r"[^\w-]+", "_", composed)
    short = _shortened(words.strip("_").lstrip("-_")).strip("_")
    return f"{short}_" if DEVICES.fullmatch(short) else short or otherwise


def _with_marks(text: str) -> str:
    """Keep letters with all that belongs to them: vowel signs, tones, points, joiners where a script needs them."""
    kept: list[str] = []
    for index, sign in enumerate(text):
        if sign in JOINERS:
            kept += sign if _joins(text, index) else ""
        elif re.match(r"[\w-]", sign) or (_is_mark(sign) and kept and kept[-1] not in "-_\0"):
            kept.append(sign)
        elif not PLAIN_VARIANT.match(sign):
            kept.append("\0")
    return re.sub("\0+", "_", "".join(kept))


def _is_mark(sign: str) -> bool:
    return unicodedata.category(sign) in {"Mn", "Mc"} and not PLAIN_VARIANT.match(sign)


def _joins(text: str, index: int) -> bool:
    """Whether the joiner there changes letters, by the rules for domain names (RFC 5892, appendix A)."""
    around = text[max(0, index - 1) : index], text[index + 1 : index + 2]
    if around[0] and unicodedata.combining(around[0]) == VIRAMA:
        return True
    return text[index] == ZWNJ and all(sign and unicodedata.bidirectional(sign) == "AL" for sign in around)


def _shortened(words: str) -> str:
    """Cut to LONGEST_NAME bytes, where it is possible between letters and not between a letter and its signs."""
    whole = len(words.encode()[:LONGEST_NAME].decode(errors="ignore"))
    borders = (at for at in range(whole, 0, -1) if _is_border(words, at))
    return words[: next(borders, whole)]


def _is_border(words: str, at: int) -> bool:
    before, after = words[at - 1], words[at : at + 1]
    is_open = before in JOINERS or unicodedata.combining(before) == VIRAMA
    return not after or not (is_open or after in JOINERS or _is_mark(after))


def folded(name: str) -> str:
    """Return what is equal for names that differ in letters' case or Unicode composition alone."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def unused(name: str, taken: Iterable[str], own: str = "") -> str:
    """Return `name`; where it is taken (also in other letters' case) with `own` behind it, and a number if need be."""
    known = {folded(one) for one in taken}
    numbered = (f"{name}{own}_{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name, name + own], numbered) if folded(one) not in known)


def export_folder(export: Export) -> str:
    """Return the export's folder; it gets one, and keeps it, the first time that this is asked."""
    if not export.folder:
        with transaction.atomic():
            export.folder = free_folder(export)
            Export.objects.filter(pk=export.pk).update(folder=export.folder)
    return export.folder


def free_folder(export: Export) -> str:
    """Return a folder that no other export on its connection has; nobody else gets one before the transaction ends."""
    if export.connection_id is not None:
        Connection.objects.select_for_update().filter(pk=export.connection_id).first()
    others = Export.objects.filter(connection=export.connection_id).exclude(pk=export.pk)
    taken = others.exclude(folder="").values_list("folder", flat=True)
    return unused(safe_name(export.name, f"export-{export.pk}"), taken, f"-{export.pk}")
