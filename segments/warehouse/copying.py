"""Passes on the bytes of a COPY … TO STDOUT as PostgreSQL formats them.

libpq is driven directly: psycopg's public `Copy` costs about twice the processor time per row, and the server
wants the other core for itself. Each row is added to one buffer at once, while it is still in the processor's
cache; collecting rows and joining them later is a third slower.
"""

import select
from collections.abc import Iterator

import psycopg
from psycopg import pq, sql

CHUNK_BYTES = 512 * 1024
POLL_MILLISECONDS = 10_000


class CopyOut:
    """Iterate to get chunks of about `CHUNK_BYTES`; `rows` counts the rows read so far.

    `connection` can be used again once the iteration has ended. One that was left early is in the middle of a
    COPY: close it. Raises the psycopg error that the server reports, at whatever row.
    """

    def __init__(self, connection: psycopg.Connection, command: sql.Composed) -> None:
        self.connection = connection
        self.command = command
        self.rows = 0

    def __iter__(self) -> Iterator[bytes]:
        pgconn = self.connection.pgconn
        self._start(pgconn)
        yield from self._read(pgconn)
        self._finish(pgconn)

    def _start(self, pgconn: pq.abc.PGconn) -> None:
        if pgconn.transaction_status != pq.TransactionStatus.INTRANS:
            # Open the transaction that the connection's isolation level asks for.
            self.connection.execute("SET LOCAL jit = off")
        pgconn.send_query(self.command.as_bytes(self.connection))
        _wait_for_result(pgconn)
        result = pgconn.get_result()
        if result is None or result.status != pq.ExecStatus.COPY_OUT:
            self._finish(pgconn, result)
            raise psycopg.ProgrammingError("The command is no COPY … TO STDOUT.")

    def _read(self, pgconn: pq.abc.PGconn) -> Iterator[bytes]:
        get, consume, wait = pgconn.get_copy_data, pgconn.consume_input, _poll(pgconn).poll
        buffer, rows = bytearray(), self.rows
        while True:
            size, row = get(1)
            while size > 0:
                buffer += row
                rows += 1  # the server sends each in a message of its own
                if len(buffer) >= CHUNK_BYTES:
                    break
                size, row = get(1)
            self.rows = rows
            if size < 0 or len(buffer) >= CHUNK_BYTES:
                if buffer:
                    yield bytes(buffer)
                buffer = bytearray()
            if size < 0:
                return
            if size == 0:
                wait(POLL_MILLISECONDS)
                consume()

    def _finish(self, pgconn: pq.abc.PGconn, result: pq.abc.PGresult | None = None) -> None:
        """Fetch what the server says at the end; raise its error."""
        failed = None
        result = result or pgconn.get_result()
        while result is not None:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                failed = failed or result
            result = pgconn.get_result()
        if failed is not None:
            raise psycopg.errors.error_from_result(failed, encoding="utf-8")


def _poll(pgconn: pq.abc.PGconn) -> select.poll:
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN)
    return poll


def _wait_for_result(pgconn: pq.abc.PGconn) -> None:
    """Wait in Python, so that a signal's handler can run; the join may take long before the first row."""
    poll = _poll(pgconn)
    while pgconn.flush():
        poll.poll(10)
    while pgconn.is_busy():
        poll.poll(POLL_MILLISECONDS)
        pgconn.consume_input()
