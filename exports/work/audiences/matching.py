"""Which fields fill the target's: the matching, and a row made ready by it."""

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connections.destinations.base import TargetField
from connections.destinations.base.audiences import AudienceDestination, Prepared, Unsendable
from exports.work.errors import RunError
from exports.work.plan import Item
from roles.messages import listed
from roles.messages import said as _
from segments.warehouse.ledger import Standing

IDENTITY_BYTES = 16


@dataclass(frozen=True)
class Matching:
    """What fills the target's fields: `sources` are read, in order; `places` says which of them fills which field."""

    sources: tuple[str, ...]
    places: Mapping[str, int]
    fingerprint: int

    def values(self, texts: Sequence[str | None]) -> dict[str, str | None]:
        """Return the text of each matched field of a row."""
        return {name: texts[place] for name, place in self.places.items()}


@dataclass(frozen=True)
class Ready:
    """A row as the plan keeps it, but for the sealing of its payload."""

    identity: bytes
    standing: Standing
    code: str = ""
    handle: str = ""
    payload: Mapping[str, object] | None = field(default=None, repr=False)


def matching_of(item: Item, destination: AudienceDestination, settings: Mapping[str, object]) -> Matching:
    """Match by what the fields mean. Raises RunError where nothing fills a required field."""
    targets = destination.target_fields_for(dict(settings))
    found: dict[str, str] = {}
    for target in targets:
        if source := _source(item, target):
            found[target.name] = source
    if missing := [target.label for target in targets if target.is_required and target.name not in found]:
        words = {"name": item.name, "fields": listed(missing)}
        message = _("The export sends no field of “%(name)s” for %(fields)s. Edit the export and include one.")
        raise RunError(message % words, reason=_("A required field is missing"))
    sources = tuple(dict.fromkeys(found.values()))
    places = {name: sources.index(source) for name, source in found.items()}
    return Matching(sources, places, _fingerprint(found, destination))


def _source(item: Item, target: TargetField) -> str:
    """Return the first column of the item that means what `target` wants."""
    same = (one.source for one in item.columns if one.field.semantic_type == target.semantic_type)
    return next(same, "")


def _fingerprint(found: Mapping[str, str], destination: AudienceDestination) -> int:
    """Return a number that another matching, or another version of the normaliser, would not have: 31 bits."""
    said = json.dumps([sorted(found.items()), destination.slug, destination.normaliser])
    return zlib.crc32(said.encode()) & 0x7FFFFFFF


def preparer(
    destination: AudienceDestination, matching: Matching, key: bytes
) -> Callable[[Sequence[str | None]], Ready]:
    """Return what makes a row ready. `key` makes identities that nobody else can compute."""

    def prepare(texts: Sequence[str | None]) -> Ready:
        made = destination.normalise(matching.values(texts))
        if isinstance(made, Unsendable):
            return Ready(b"", Standing.UNSENDABLE, f"{made.code}:{made.field}" if made.field else made.code)
        return Ready(identity_of(made, key), Standing.ADDING, "", made.handle, made.payload)

    return prepare


def identity_of(made: Prepared, key: bytes) -> bytes:
    """Return the keyed hash of what the vendor tells people apart by."""
    return hashlib.blake2b(made.identity.encode(), key=key, digest_size=IDENTITY_BYTES).digest()
