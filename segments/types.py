"""PostgreSQL's types, for conditions and relationships."""

import re

# What whole numbers hold: from -2^bits to 2^bits - 1; the smallest first.
WHOLE_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
NUMBERS = {"smallint", "integer", "bigint", "numeric", "real", "double precision"}
DATES = {"date"}
TIMES = {"timestamp", "timestamp without time zone", "timestamp with time zone"}
TEXTS = {"text", "character varying", "character"}
ORDERED = NUMBERS | DATES | TIMES


def are_comparable(one: str, other: str) -> bool:
    """Whether PostgreSQL compares values of these two types as a person would."""
    families = (NUMBERS, TIMES, TEXTS)
    return one == other or any(one in family and other in family for family in families)


def base_of(pg_type: str) -> str:
    """Return the type without its modifiers: numeric of numeric(10,2)."""
    return re.sub(r"\(\d+(,-?\d+)?\)", "", pg_type)


def is_same_key(one: str, other: str) -> bool:
    """Whether keys of these types are equally distinct; whole numbers may have grown."""
    return one == other or {one, other} <= WHOLE_BITS.keys()
