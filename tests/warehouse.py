"""A hand in the warehouse beside Waybill's."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from segments.warehouse.reader import SESSION, _parameters


@contextmanager
def writer() -> Iterator[psycopg.Connection]:
    """A connection of its own, in a transaction that is committed at the end."""
    with psycopg.connect(**_parameters()) as connection:
        connection.execute(sql.SQL(SESSION))
        yield connection
