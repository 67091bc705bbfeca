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
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)


def safe_name(text: str, otherwise: str) -> str:
    """Return `text` as a name that every file store takes: letters, digits, hyphens, one underscore for the rest."""
    words = re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", text)).strip("_").lstrip("-_")
    short = words.encode()[:LONGEST_NAME].decode(errors="ignore").strip("_")
    return f"{short}_" if DEVICES.fullmatch(short) else short or otherwise


def unused(name: str, taken: Iterable[str], own: str = "") -> str:
    """Return `name`; where it is taken (also in other letters' case) with `own` behind it, and a number if need be."""
    folded = {one.casefold() for one in taken}
    numbered = (f"{name}{own}_{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name, name + own], numbered) if one.casefold() not in folded)


def folder_of(export: Export) -> str:
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
