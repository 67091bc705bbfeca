"""Payloads between plan and request: sealed with a key that lives in this process alone and as long as it."""

import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12  # bytes


class Box:
    """Seals and opens the payloads of one run. What a killed run leaves nobody can open; the next one plans anew."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(bit_length=128))
        self._start = int.from_bytes(os.urandom(4), "big") << 64
        self._count = 0

    def seal(self, payload: Mapping[str, Any]) -> bytes:
        """Return the payload, sealed under a number that is used once."""
        self._count += 1
        nonce = (self._start + self._count).to_bytes(NONCE, "big")
        return nonce + self._cipher.encrypt(nonce, json.dumps(payload, ensure_ascii=False).encode(), None)

    def open(self, sealed: bytes) -> Any:
        """Return what was sealed."""
        return json.loads(self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], None))
