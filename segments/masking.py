"""Personal data as previews show it: first letters and the shape, not the value."""

import re
from collections.abc import Callable

from roles.kinds import SemanticType

DOTS = "•••"
EMAIL = re.compile(r"([^\s@<>,;:\"()]+)@([^\s@<>,;:\"()]+)")
# Ten to fifteen digits, or seven and more with the marks that people put between them.
PLAIN_PHONE = re.compile(r"\+?\d{10,15}")
MARKED_PHONE = re.compile(r"(?=(?:\D*\d){7})\+?[\d\s().\-/]{7,}(?:\s*(?:x|ext\.?)\s*\d+)?", re.IGNORECASE)
NUMBER = re.compile(r"-?\d+\.\d+")
LONGEST_ENDING = 4  # letters of a domain's ending that tell nobody apart
DATE = re.compile(r"\d{4}-\d\d-\d\d.*|\d{1,2}[/.-]\d{1,2}[/.-]\d{4}")


def mask(value: str | None, semantic_type: str) -> str | None:
    """Return `value` as it may be shown; e-mail addresses and telephone numbers are also recognized by their form."""
    if not value:
        return value
    hide = BY_TYPE.get(semantic_type, _recognized)
    return hide(value)


def conceal(value: str | None, semantic_type: str) -> str | None:
    """Return `value` as viewers may see it: like `mask`, and dots where neither meaning nor form says how."""
    if not value:
        return value
    if hide := BY_TYPE.get(semantic_type):
        return hide(value)
    plain = value.strip()
    if EMAIL.fullmatch(plain) or PLAIN_PHONE.fullmatch(plain) or _is_marked_phone(plain):
        return _recognized(plain)
    return DOTS


def _recognized(value: str) -> str:
    if PLAIN_PHONE.fullmatch(value.strip()) or _is_marked_phone(value.strip()):
        return _digits(value)
    return EMAIL.sub(_hidden_address, value)


def _is_marked_phone(value: str) -> bool:
    return bool(MARKED_PHONE.fullmatch(value)) and not NUMBER.fullmatch(value) and not DATE.fullmatch(value)


def _words(value: str) -> str:
    """Keep the first letter of each word that is longer than two; the dots don't tell how long it was."""
    return " ".join(word[0] + DOTS if len(word) > 2 else DOTS for word in value.split()) or DOTS


def _email(value: str) -> str:
    """Keep the shape of addresses, and of a name beside them nothing."""
    found = ", ".join(_hidden_address(match) for match in EMAIL.finditer(value))
    is_more = re.search(r"\w", EMAIL.sub("", value))
    return (f"{DOTS} {found}" if is_more else found) if found else _words(value)


def _hidden_address(match: re.Match[str]) -> str:
    domain, dot, last = match[2].rpartition(".")
    ending = last if len(last) <= LONGEST_ENDING else DOTS
    return f"{_words(match[1])}@{_words(domain or last)}{dot}{ending if domain else ''}"


def _digits(value: str) -> str:
    """Keep marks and the first digit of a telephone number."""
    first = re.search(r"\d", value)
    if not first or len(re.findall(r"\d", value)) < 5:
        return DOTS
    return _shape(value[: first.start()]) + first[0] + _shape(value[first.end() :])


def _shape(value: str) -> str:
    """Keep nothing but the marks, as between the parts of a date."""
    return re.sub(r"\w", "•", value)


BY_TYPE: dict[str, Callable[[str], str]] = {
    SemanticType.PERSON_ID: _words,
    SemanticType.FIRST_NAME: _words,
    SemanticType.LAST_NAME: _words,
    SemanticType.FULL_NAME: _words,
    SemanticType.EMAIL: _email,
    SemanticType.PHONE: _digits,
    SemanticType.BIRTH_DATE: _shape,
    SemanticType.STREET: _words,
    SemanticType.POSTAL_CODE: _words,
}
