"""Requests to the provider: bounded in time and size, no redirects, and nothing of them in an error but the host."""

import json
import time
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from roles.sign_in.social_errors import ProviderError

SECONDS = 10  # for one answer, all of it
SILENCE = 5  # seconds to connect, and between two pieces
_BYTES = 1_000_000


def fetch(method: str, url: str, **arguments: Any) -> dict[str, Any]:
    """Return the JSON object that the provider answers with. Raises ProviderError."""
    host = urlsplit(url).hostname
    end = time.monotonic() + SECONDS
    try:
        with requests.Session() as session:
            answer = session.request(method, url, timeout=SILENCE, allow_redirects=False, stream=True, **arguments)
            with answer:
                return _object(answer, _read(answer, end), f"{method} on {host}")
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise ProviderError(f"{method} on {host}: {type(error).__name__}") from None


def _read(answer: requests.Response, end: float) -> bytes:
    body = b""
    while piece := answer.raw.read1(65_536, decode_content=True):
        body += piece
        if len(body) > _BYTES or time.monotonic() > end:
            raise ValueError
    return body


def _object(answer: requests.Response, body: bytes, what: str) -> dict[str, Any]:
    if answer.status_code != 200:
        raise ProviderError(f"{what}: {answer.status_code}{_code_in(body)}")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: no object")
    return found


def _code_in(body: bytes) -> str:
    """Return the error's code (RFC 6749 section 5.2) where it is one of the known words; never what was sent."""
    known = ("invalid_client", "invalid_grant", "invalid_request", "unauthorized_client", "unsupported_grant_type")
    return next((f" {code}" for code in known if f'"{code}"'.encode() in body), "")
