"""Values made safe for spreadsheets, which would compute what looks like a formula."""

import codecs
import re

BOM = codecs.BOM_UTF8
# What spreadsheets take for the beginning of a formula, also in the wide letters of East Asian keyboards.
SIGNS = r"=+\-@＝＋－＠"
SEPARATORS = r";,\t|\r\n"
_NUMBER = r"[+-](?:\d+(?:[.,]\d+)*|[.,]\d+)(?:[eE][+-]?\d+)?"
FORMULA = re.compile(rf"^[{SIGNS}\t\r\n]")
NUMBER = re.compile(rf"^{_NUMBER}\Z")
# A spreadsheet that splits at another delimiter than the file's begins a cell after each of these within a value. What
# follows may begin with blanks and with quotes, which it drops. A number that fills such a cell stays, as in "3; -5".
FORMULA_WITHIN = re.compile(
    rf'([{SEPARATORS}])(?=(?:[^\S{SEPARATORS}]|")*[{SIGNS}])'
    rf'(?!(?:[^\S{SEPARATORS}]|")*{_NUMBER}(?:[^\S{SEPARATORS}]|")*(?:\1|[\r\n]|\Z))'
)
# What a row of harmless values, each after a NUL (PostgreSQL has none in texts), does not contain: most rows need one
# look instead of one per value.
SUSPECT = re.compile(
    rf'[\0{SEPARATORS}](?!(?<=\0){_NUMBER}(?:\0|\Z))(?:(?:[^\S{SEPARATORS}]|")*[{SIGNS}]|(?<=\0)[\t\r\n])'
)


def harmless(value: str) -> str:
    """Return `value` with an apostrophe, by which cells are text, wherever a formula could begin; numbers stay."""
    inside = FORMULA_WITHIN.sub(r"\1'", value)
    return f"'{inside}" if is_formula(value) else inside


def is_formula(value: str) -> bool:
    """Tell whether a spreadsheet would compute `value` instead of showing it; a plain number is none."""
    return bool(FORMULA.match(value)) and not NUMBER.match(value)
