"""What a browser sent, brought into bounds."""

LONGEST_COLUMN = 120


def typed_id(text: str | None) -> int:
    """Return a typed id; 0, which no row has, for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0


def typed_column(text: str) -> str:
    """A column's name as typed: one line, of bounded length."""
    return " ".join(text.replace("\0", "").split())[:LONGEST_COLUMN]
