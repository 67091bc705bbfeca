"""PostgreSQL's types, as conditions and relationships see them."""

NUMBERS = {"smallint", "integer", "bigint", "numeric", "real", "double precision"}
DATES = {"date"}
TIMES = {"timestamp", "timestamp without time zone", "timestamp with time zone"}
TEXTS = {"text", "character varying", "character"}
ORDERED = NUMBERS | DATES | TIMES


def are_comparable(one: str, other: str) -> bool:
    """Tell whether PostgreSQL compares values of these two types as a person would."""
    families = (NUMBERS, TIMES, TEXTS)
    return one == other or any(one in family and other in family for family in families)
