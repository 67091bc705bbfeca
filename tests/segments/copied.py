"""Rows of a query as PostgreSQL's CSV."""

from psycopg import sql

from segments.warehouse.copying import CopyOut


def copy_csv(connection, query, *, header=False):
    """The rows of `query`, to be iterated for their bytes; a header counts as a row."""
    command = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER {}, ENCODING 'UTF8')").format(query, header)
    return CopyOut(connection, command)
