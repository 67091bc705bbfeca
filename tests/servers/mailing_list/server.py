"""A server on loopback that keeps lists of people, validates each batch, and misbehaves when told to."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

MOST = 2  # people in a batch
FIELDS = {"EMAIL", "FIRST_NAME"}
Person = dict[str, str]


def handle_of(email: str) -> str:
    """What a removal names the person by."""
    return hashlib.sha256(email.encode()).hexdigest()


class ListServer(ThreadingHTTPServer):
    """Who is in which list, by e-mail address, and every batch that was taken."""

    daemon_threads = True

    def __init__(self) -> None:
        self.lists: dict[str, dict[str, Person]] = {}
        self.batches: list[dict[str, Any]] = []
        self.statuses: list[int] = []  # the answers to the next batches; afterwards they are taken
        self.refuses = 0  # a status for whatever is asked
        self.retry_after = ""  # with each refusal
        self.rejects: set[str] = set()  # addresses that no list takes
        self.stops_after = -1  # batches; the next one is answered when `goes_on` is set
        self.goes_on = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def is_stopped(self) -> bool:
        """Whether a batch waits for its answer."""
        return len(self.batches) == self.stops_after

    def people(self, name: str) -> set[str]:
        return set(self.lists.get(name, {}))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ListServer

    def do_GET(self) -> None:
        known = self.server.lists.get(unquote(self.path[1:]), {})
        self._answer(self.server.refuses or 200, {"people": list(known.values())})

    def do_POST(self) -> None:
        batch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        if server.is_stopped:
            server.goes_on.wait(60)
        status = server.refuses or (server.statuses.pop(0) if server.statuses else 200)
        if status == 200 and (why := _why_invalid(batch)):
            return self._answer(400, {"error": why})
        return self._answer(status, self._take(batch) if status == 200 else {})

    def _take(self, batch: dict[str, Any]) -> dict[str, Any]:
        known = self.server.lists.setdefault(unquote(self.path[1:]), {})
        self.server.batches.append(batch)
        rejected = [one["EMAIL"] for one in batch["add"] if one["EMAIL"] in self.server.rejects]
        known |= {one["EMAIL"]: one for one in batch["add"] if one["EMAIL"] not in rejected}
        gone = [email for email in known if handle_of(email) in batch["remove"]]
        for email in gone:
            known.pop(email)
        return {"rejected": rejected}

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status != 200 and self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: Any) -> None:
        pass


def _why_invalid(batch: dict[str, Any]) -> str:
    if set(batch) != {"add", "remove"} or not 0 < len(batch["add"]) + len(batch["remove"]) <= MOST:
        return "size"
    if any(set(one) - FIELDS or "@" not in one.get("EMAIL", "") for one in batch["add"]):
        return "person"
    return "" if all(re.fullmatch("[0-9a-f]{64}", one) for one in batch["remove"]) else "removal"


@contextmanager
def running_list_server() -> Iterator[ListServer]:
    """Give a server that ends with the block."""
    with ListServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.goes_on.set()
            server.shutdown()
            thread.join()
