"""Search texts of lists."""

from collections.abc import Mapping

from roles.validators import composed

LONGEST = 200


def search_of(query: Mapping[str, str], name: str = "q") -> str:
    """Return the text to search for, composed like stored names."""
    return composed(query.get(name, "").replace("\0", "")[:LONGEST].strip())
