"""Systems that take people: what such a destination declares and answers.

A destination knows its vendor, nothing else: it has no sockets, threads, retries and no memory. Whatever needs the
vendor is a generator, `Steps`, that yields a Request and is sent its Response. `exports.work.audiences` alone does the
HTTP, keeps to the rates, tries again, halves batches and remembers who is at the target.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from connections.destinations.base.destination import Destination, TargetField, Unit
from connections.destinations.base.errors import DeliveryError, Text
from roles.messages import EMPTY, verbatim
from roles.messages import said as _

T = TypeVar("T")


class Op(StrEnum):
    """What is done with people at the target."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True)
class OpLimits:
    """The most rows of one batch, and the most bytes of its encoded body (None: as many as the rows have)."""

    rows: int
    bytes: int | None = None


@dataclass(frozen=True)
class Rate:
    """At most `requests` in each window of `seconds`, of all that share the `scope` (a connection, an account …)."""

    requests: int
    seconds: float = 1.0
    scope: str = "connection"


@dataclass(frozen=True)
class Request:
    """One HTTP request; `url` is absolute. `json` is encoded, `body` sent as it is, its Content-Type in `headers`.

    `is_repeatable` says that sending it twice does what sending it once does, so that it is sent again after an
    answer that was lost.
    """

    method: str
    url: str
    json: Any = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_repeatable: bool = True

    def encoded(self) -> bytes | None:
        """Return the body."""
        if self.json is None:
            return self.body
        return json.dumps(self.json, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Response:
    """The answer to a request. Names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_ok(self) -> bool:
        """Whether the status says so; the body may still say otherwise."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return what the body holds; {} where that is no JSON object or array."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict | list) else {}


Steps = Generator[Request, Response, T]


@dataclass(frozen=True)
class Prepared:
    """A row made ready. `identity` is what the vendor tells people apart by, after its normalisation.

    `handle` is what a removal needs when the profile is gone: best a hash of the vendor's own kind. `payload` is what
    `apply` gets to send.
    """

    identity: str = field(repr=False)
    payload: Mapping[str, Any] = field(repr=False)
    handle: str = field(default="", repr=False)


@dataclass(frozen=True)
class Unsendable:
    """A row that cannot go: `code` says why ("missing", "invalid" …), `field` names the target's field."""

    code: str
    field: str = ""


@dataclass(frozen=True)
class Person:
    """One row of a batch. `payload` is None for a removal whose profile is gone or has another identity today."""

    payload: Mapping[str, Any] | None = field(repr=False)
    handle: str = field(default="", repr=False)
    vendor_id: str = ""


@dataclass(frozen=True)
class Accepted:
    """The target took the row; `vendor_id` is what it calls it, where it says."""

    vendor_id: str = ""


@dataclass(frozen=True)
class Rejected:
    """The target did not take the row: the vendor's code and words. A rejection that is not permanent may pass."""

    code: str
    words: str = field(default="", repr=False)
    is_permanent: bool = True


Outcome = Accepted | Rejected


@dataclass(frozen=True)
class ByRow:
    """An outcome for each row of the batch, in its order."""

    outcomes: Sequence[Outcome]


@dataclass(frozen=True)
class Counted:
    """Numbers alone: the target does not say which rows it rejected."""

    accepted: int
    rejected: int
    samples: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True)
class Pending:
    """The target works on it; `job` is what to ask about."""

    job: str


@dataclass(frozen=True)
class Refused:
    """The batch was refused as a whole, though its rows may be fine one by one: it is halved."""

    code: str
    words: str = field(default="", repr=False)


Reply = ByRow | Counted | Pending | Refused


@dataclass(frozen=True)
class Container:
    """What one segment fills at the target: a tag, a list, an audience. `vendor_id` is what the target calls it."""

    vendor_id: str
    name: str = ""


class Gone:
    """The answer for a container that was there once and is no more."""


@dataclass(frozen=True)
class Match:
    """One of the target's fields and where its value comes from, in the order of the values of a row."""

    target: TargetField


class AudienceDestination(Destination):
    """A people-targeting system: takes batches of profiles and answers for each row."""

    unit = Unit.PEOPLE
    removes_members = True
    operations: ClassVar[Mapping[Op, OpLimits]] = {}
    rates: ClassVar[tuple[Rate, ...]] = ()
    in_flight: ClassVar[int] = 1  # requests at once, of one account, of all runs and machines
    # Statuses that mean "later", besides 5xx; others are for the destination to judge.
    passing: ClassVar[frozenset[int]] = frozenset({408, 425, 429})
    normaliser: ClassVar[int] = 1  # a version: a higher one sends everybody again
    request_seconds: ClassVar[float] = 60.0

    def account(self) -> str:
        """What tells the account at the vendor from others: containers are known by it, and rates counted."""
        raise NotImplementedError

    def container_key(self, settings: Mapping[str, Any], segment_id: int) -> str:
        """What tells the container of a segment from others of the account. `settings` are the export's."""
        raise NotImplementedError

    def container(self, key: str, name: str, known: str) -> Steps[Container | Gone]:
        """Find the container that the vendor calls `known`, or make one called `name` where that is empty."""
        raise NotImplementedError
        yield

    def normalise(self, values: Mapping[str, str | None]) -> Prepared | Unsendable:
        """Make a row ready: `values` has the text of each matched field, by the target's name."""
        raise NotImplementedError

    def apply(self, op: Op, people: Sequence[Person], container: Container) -> Steps[Reply]:
        """Send one batch."""
        raise NotImplementedError
        yield

    def count(self, container: Container) -> Steps[int | None]:
        """Ask how many the target says are in it; None where it does not say."""
        return None
        yield

    def why_failed(self, response: Response) -> tuple[Text, bool]:
        """Say why a request failed that no reply stands for, for everyone, and whether it stays so."""
        return EMPTY, False

    def failure(self, response: Response) -> DeliveryError:
        """Return the error for an answer that no reply stands for."""
        message, is_permanent = self.why_failed(response)
        detail = verbatim(f"HTTP {response.status}")
        return DeliveryError(
            message or _("The destination refused the request."), detail=detail, permanent=is_permanent
        )
