"""Django validators for names, other single lines and notes.

Names are kept in one composition (NFC), so that two that look the same are the same. roles/fields.py uses all this.
"""

import unicodedata
from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Control and direction characters, lone surrogates, separators of lines and paragraphs.
REFUSED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Letters, marks and symbols that show nothing.
BLANKS = set("\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\U0001d159")
# These join or part letters: Persian, Indic scripts and emoji are written with them.
JOINERS = {"\u200c", "\u200d"}
VIRAMA = 9  # the combining class of the signs that join consonants
JOINED_SCRIPTS = {
    *("ARABIC", "SYRIAC", "MANDAIC", "NKO", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA"),
    *("TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "TIBETAN", "MYANMAR", "KHMER", "BALINESE", "JAVANESE"),
}
# These choose the look of what stands before them: of symbols and keys, of ideographs, of Mongolian letters.
OF_SYMBOLS = {"\ufe0e", "\ufe0f"}
OF_IDEOGRAPHS = {chr(code) for code in (*range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0))}
OF_MONGOLIAN = set("\u180b\u180c\u180d\u180f")
KEYS = set("0123456789#*")
BY_NEIGHBOURS = JOINERS | OF_SYMBOLS | OF_IDEOGRAPHS | OF_MONGOLIAN


def composed(text: str) -> str:
    """Return `text` in the composition (NFC) in which names are stored and compared."""
    return unicodedata.normalize("NFC", text)


def one_line(value: str) -> None:
    """Refuse line breaks, invisible characters and those that change the direction. Raises ValidationError."""
    for place in invisible_places(value):
        text = _("Character %(place)d is invisible (%(code)s). Remove it, or type the text.")
        raise ValidationError(text % {"place": place + 1, "code": f"U+{ord(value[place]):04X}"}, code="invisible")


def visible_name(value: str) -> None:
    """Refuse a name that is not one visible line. Raises ValidationError."""
    if not any(_shows(letter) for letter in value):
        raise ValidationError(_("This name is invisible. Use at least one letter or number."), code="invisible")
    one_line(value)


def note(value: str) -> None:
    """Refuse the characters that a line may not have, but allow several lines. Raises ValidationError."""
    for line in value.split("\n"):
        one_line(line)


def visible(value: str) -> str:
    """Return the visible single line of `value`, which no person typed here, such as a provider's answer."""
    line = " ".join(composed(value).split())
    line = "".join(letter for letter in line if letter in BY_NEIGHBOURS or _may_stand(letter, "", ""))
    while bad := set(invisible_places(line)):
        line = "".join(letter for place, letter in enumerate(line) if place not in bad)
    return " ".join(line.split())


def invisible_places(text: str) -> Iterator[int]:
    """Yield the positions in `text` of characters that a line may not have."""
    if text.isascii() and text.isprintable():
        return
    for place, letter in enumerate(text):
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        if not _may_stand(letter, before, after):
            yield place


def _shows(letter: str) -> bool:
    return letter not in BLANKS and (unicodedata.category(letter)[0] in "LNPS" or _is_symbol(letter))


def _may_stand(letter: str, before: str, after: str) -> bool:
    if letter in JOINERS:
        return _joins_letters(before, after) or (letter == "\u200d" and _joins_symbols(before, after))
    if letter in OF_SYMBOLS:
        return bool(before) and (before in KEYS or _is_symbol(before) or before in "‼⁉")
    if letter in OF_IDEOGRAPHS:
        return _script(before) == "CJK"
    if letter in OF_MONGOLIAN:
        return _script(before) == "MONGOLIAN"
    code = ord(letter)
    is_no_character = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF or 0xE0000 <= code <= 0xE0FFF
    return not (is_no_character or letter in BLANKS or unicodedata.category(letter) in REFUSED)


def _joins_letters(before: str, after: str) -> bool:
    """Whether they stand after a virama, or between letters of one script that is written with joiners."""
    if before and unicodedata.combining(before) == VIRAMA:
        return True
    script = _script(before)
    are_letters = all(each and unicodedata.category(each)[0] in "LM" for each in (before, after))
    return are_letters and script in JOINED_SCRIPTS and script == _script(after)


def _joins_symbols(before: str, after: str) -> bool:
    """Whether two emoji join into one: the first may have a skin tone or a variation selector."""
    return bool(before and after) and (before == "\ufe0f" or _is_symbol(before)) and _is_symbol(after)


def _is_symbol(letter: str) -> bool:
    is_new = unicodedata.category(letter) == "Cn" and 0x1F000 <= ord(letter) <= 0x1FFFF  # newer than Python's data
    return is_new or (unicodedata.category(letter) in {"So", "Sk", "Sm"} and not letter.isascii())


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0] if letter else ""
