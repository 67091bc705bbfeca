"""Search and sort by names in lists: without case, accents or how a sign is composed.

The rule is written twice, in `fold` and in the function of the database (migration `folded`), and tests hold that
both agree. PostgreSQL's own collations that know letters (ICU) are not in every build of it.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any

from django.db.models import CharField, Func, TextField
from django.db.models.lookups import Contains

from roles.validators import composed

LONGEST = 200
# Letters that no normal form takes apart.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"})
_MARKS = dict.fromkeys(range(0x0300, 0x0370))


def search_of(query: Mapping[str, str], name: str = "q") -> str:
    """Return the text to search for, composed like stored names."""
    return composed(query.get(name, "").replace("\0", "")[:LONGEST].strip())


def fold(text: str) -> str:
    """Return `text` without case and accents, as it is searched and sorted by."""
    apart = unicodedata.normalize("NFKD", text).translate(_MARKS)
    return apart.lower().translate(_LETTERS)


class Folded(Func):
    """The same of a name in the database: what lists sort by, so that "Éclair" stands beside "eclair"."""

    function = "folded"
    arity = 1
    output_field = TextField()


class Holds(Contains):
    """`name__holds="text"`: whether a name holds the text, as people read both."""

    lookup_name = "holds"
    prepare_rhs = False

    def __init__(self, lhs: Any, rhs: Any) -> None:
        super().__init__(Folded(lhs), fold(str(rhs)))

    def get_rhs_op(self, _connection: Any, rhs: str) -> str:
        """Return the comparison: marks of a pattern in the text stand for themselves already."""
        return f"LIKE {rhs}"


CharField.register_lookup(Holds)
TextField.register_lookup(Holds)
