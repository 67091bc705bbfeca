"""Requests to the provider: bounded in time and size, no redirects, and nothing of them in an error but the host."""

import json
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from roles.sign_in.social_errors import ExpiredError, ProviderError, SetupError

SECONDS = 10  # for one answer, all of it
SILENCE = 5  # seconds to connect, and between two pieces
_BYTES = 1_000_000
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers that may be another one in some minutes


class Answer(NamedTuple):
    """What the provider answered; `what` says to which request, for the log."""

    what: str
    status: int
    body: bytes

    @property
    def is_refusal(self) -> bool:
        """Whether the provider does not give this to us, and will not later."""
        return self.status == 501 or (400 <= self.status < 500 and self.status not in _PASSING)


def fetch(method: str, url: str, **arguments: Any) -> dict[str, Any]:
    """Return the JSON object that the provider answers with. Raises ProviderError."""
    answer = ask(method, url, **arguments)
    return object_in(answer, body_of(answer))


def ask(method: str, url: str, **arguments: Any) -> Answer:
    """Return what the provider answers, whatever it is. Raises ProviderError where it does not answer."""
    what = f"{method} on {urlsplit(url).hostname}"
    end = time.monotonic() + SECONDS
    try:
        with requests.Session() as session:
            answer = session.request(method, url, timeout=SILENCE, allow_redirects=False, stream=True, **arguments)
            with answer:
                return Answer(what, answer.status_code, _read(answer, end, what))
    except (requests.exceptions.SSLError, ValueError) as error:  # a wrong certificate, address or length
        raise SetupError(f"{what}: {type(error).__name__}") from None
    except (requests.RequestException, HTTPError, OSError) as error:
        raise ProviderError(f"{what}: {type(error).__name__}") from None


def body_of(answer: Answer) -> bytes:
    """Return the body of an answer with status 200. Raises ProviderError with what other ones mean."""
    if answer.status == 200:
        return answer.body
    code = _code_in(answer.body)
    reason = f"{answer.what}: {answer.status}{code}"
    if answer.status in _PASSING:
        raise ProviderError(reason)
    raise (ExpiredError if code == " invalid_grant" else SetupError)(reason)


def object_in(answer: Answer, body: bytes) -> dict[str, Any]:
    """Return the JSON object that `body` is. Raises SetupError."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise SetupError(f"{answer.what}: no JSON") from None
    if not isinstance(found, dict):
        raise SetupError(f"{answer.what}: no object")
    return found


def _read(answer: requests.Response, end: float, what: str) -> bytes:
    body = b""
    while piece := answer.raw.read1(65_536, decode_content=True):
        body += piece
        if time.monotonic() > end:
            raise ProviderError(f"{what}: no end after {SECONDS} seconds")
        if len(body) > _BYTES:
            raise SetupError(f"{what}: over {_BYTES} bytes")
    return body


def _code_in(body: bytes) -> str:
    """Return the error's code (RFC 6749 section 5.2) where it is one of the known words; never what was sent."""
    known = ("invalid_client", "invalid_grant", "invalid_request", "unauthorized_client", "unsupported_grant_type")
    return next((f" {code}" for code in known if f'"{code}"'.encode() in body), "")
