"""The columns of a table in the file: which fields, under which names."""

from collections.abc import Iterator, Sequence

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext as _

from exports.spec.catalogue import did_you_mean
from exports.spec.problems import Code, Path, Problem, one_line, problems_of_error
from exports.spec.spec import Column
from roles import validators

LONGEST_COLUMN = 120
RULES = (MaxLengthValidator(LONGEST_COLUMN), validators.one_line)


def cleaned(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns with their names as they are kept: single blanks, none around."""
    return tuple(Column(one.field, " ".join(one.name.split())) for one in columns)


def problems_of_columns(columns: Sequence[Column], fields: list[str], table: str, path: Path) -> Iterator[Problem]:
    """Yield what is wrong with the columns of a table that has `fields`."""
    names: set[str] = set()
    chosen: set[str] = set()
    for index, column in enumerate(columns):
        at = (*path, index)
        if column.field not in fields:
            text = _("“%(table)s” has no field “%(field)s” here.")
            words = {"table": one_line(table), "field": one_line(column.field)}
            like = did_you_mean(column.field, fields)
            yield Problem((*at, "field"), Code.UNKNOWN, f"{text % words} {like}".strip())
        elif column.field in chosen:
            text = _("“%(name)s” appears twice.") % {"name": one_line(column.field)}
            yield Problem((*at, "field"), Code.DUPLICATE, text)
        yield from _problems_of_name(column.name, names, (*at, "name"))
        chosen.add(column.field)
        names.add(column.name)


def problem_of_name(name: str) -> str:
    """Say what is wrong with one name of a column; "" when nothing is."""
    return next((problem.message for problem in _problems_of_name(name, set(), ())), "")


def _problems_of_name(name: str, taken: set[str], path: Path) -> Iterator[Problem]:
    if not name:
        yield Problem(path, Code.REQUIRED, _("Enter a name for the column."))
        return
    for rule in RULES:
        try:
            rule(name)
        except ValidationError as error:
            yield from problems_of_error(error, path)
            return
    if name in taken:
        yield Problem(path, Code.DUPLICATE, _("Another column has this name."))
