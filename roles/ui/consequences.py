"""What a change breaks elsewhere, told before it is saved: the form asks once, and Save is *Save anyway* then."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

ACCEPTED = "accepted"  # the form's field that says which consequences somebody has read


@dataclass(frozen=True)
class Consequence:
    """What happens to one thing, called `name` and shown at `url`."""

    name: str
    url: str
    texts: tuple[str, ...]


def token_of(found: Sequence[Consequence]) -> str:
    """Return what the form sends back once these were read; others make another one."""
    read = sorted([one.url, *one.texts] for one in found)
    return sha256(json.dumps(read).encode()).hexdigest()[:16]


def are_accepted(data: Mapping[str, str], found: Sequence[Consequence]) -> bool:
    """Whether nothing happens, or whoever sent `data` has read what does."""
    return not found or data.get(ACCEPTED) == token_of(found)


def context_of(found: Sequence[Consequence]) -> dict[str, Any]:
    """Return what templates/components/consequences.html needs."""
    return {"consequences": found, "consequences_token": token_of(found)}
