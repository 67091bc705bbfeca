"""What people may write where names and other single lines are asked for; Django validators."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Control and direction characters, lone surrogates, separators of lines and paragraphs.
REFUSED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINERS = {"\u200c", "\u200d"}  # Persian, Indic scripts and emoji are written with these two
# Letters and symbols that show nothing.
BLANKS = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0"}


def one_line(value: str) -> None:
    """Refuse line breaks, control and direction characters. Raises ValidationError."""
    for place, letter in enumerate(value, start=1):
        if letter not in JOINERS and unicodedata.category(letter) in REFUSED:
            text = _("Character %(place)d is an invisible one (%(code)s). Remove it, or write the text by hand.")
            raise ValidationError(text % {"place": place, "code": f"U+{ord(letter):04X}"}, code="invisible")


def visible_name(value: str) -> None:
    """Refuse a name that is no single line, or that nobody can see. Raises ValidationError."""
    one_line(value)
    if not any(unicodedata.category(letter)[0] in "LNPS" and letter not in BLANKS for letter in value):
        raise ValidationError(_("This name cannot be seen. Use at least one letter or number."), code="invisible")
