"""What a browser sent, brought into bounds."""

LONGEST_COLUMN = 120


def typed_column(text: str) -> str:
    """A column's name as typed: one line, of bounded length."""
    return " ".join(text.replace("\0", "").split())[:LONGEST_COLUMN]
