"""What one connection, one address and all together may use of a web process."""

import resource
from dataclasses import dataclass

SPARE_FILES = 256  # the database, static files and logs of one process
MOST_FILES = 8192


@dataclass(frozen=True)
class Bounds:
    """Seconds, connections and bytes; what goes beyond them is closed.

    `request_seconds`: from the first byte of a request to its last, however steadily they come.
    `idle_seconds`: between two requests of a connection, and before its first.
    `send_seconds`: in which a reader takes `send_bytes`, or all that waits for it.
    `of_an_address`: connections at once, None where a proxy brings everybody's.
    `waiting_bytes`: of requests that are not complete yet, all together; and of those that wait for a thread.
    """

    request_seconds: float = 30.0
    idle_seconds: float = 15.0
    send_seconds: float = 30.0
    send_bytes: int = 1 << 18
    connections: int = 1000
    of_an_address: int | None = 64
    waiting_bytes: int = 64 << 20


def allow_files(wanted: int) -> int:
    """Raise this process's limit on open files; return how many connections fit into it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return wanted if soft == resource.RLIM_INFINITY else max(16, min(wanted, soft - SPARE_FILES))
