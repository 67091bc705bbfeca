"""What people type to search lists."""

from collections.abc import Mapping

from roles.validators import composed

LONGEST = 200


def search_of(query: Mapping[str, str], name: str = "q") -> str:
    """Return the text to look for, composed as names are kept."""
    return composed(query.get(name, "").replace("\0", "")[:LONGEST].strip())
