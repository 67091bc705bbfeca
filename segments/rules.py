"""Turns conditions on fields into SQL. Values become typed literals, names are quoted, nothing else gets in.

Capital letters count. A field without a value "is empty" and "does not equal" anything; comparisons leave it out.
A condition on a field of a related table asks for a row there that fits: a profile that refers to none never fits,
not even “does not equal” or “is empty”. Two conditions on one related table are about the same row of it.
"""

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NotRequired, TypedDict

from django.utils.translation import gettext_lazy
from psycopg import sql

from roles.messages import Message, SaidError, joined, personal
from roles.messages import said as _
from segments.types import DATES, NUMBERS, ORDERED, TIMES, WHOLE_BITS

LONGEST_NUMBER = 100
LONGEST_VALUE = 10_000
# Decimal takes more: underscores, and the digits of other scripts.
PLAIN_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
MOST_CONDITIONS = 50


Through = tuple[str, str]  # (field of the own table, name of the table that it refers to)


class Condition(TypedDict):
    """One condition as a segment stores it; with `through` and `to` the field is one of the related table `to`."""

    field: str
    operator: str
    value: str
    through: NotRequired[str]
    to: NotRequired[str]


@dataclass(frozen=True)
class Related:
    """A table that rows refer to: its relation, its only key, and the PostgreSQL types of its fields."""

    relation: sql.Identifier
    key: str
    types: dict[str, str]


class ConditionError(SaidError):
    """What is wrong with one condition."""


class RulesError(SaidError):
    """Conditions that cannot be used; `errors` maps the condition's position (from 0) to what to do about it."""

    def __init__(self, errors: dict[int, Message]) -> None:
        super().__init__(joined(errors.values()))
        self.errors = errors


@dataclass(frozen=True)
class Operator:
    """One way to compare: its name for people, the SQL, and whether it suits text, ordered values or any type.

    `time_label` is its name where it compares dates; `pattern` makes a LIKE pattern of the (escaped) value.
    """

    label: Any
    template: str
    suits: str = "any"
    takes_value: bool = True
    is_list: bool = False
    pattern: Callable[[str], str] | None = None
    time_label: Any = ""

    def label_for(self, pg_type: str) -> str:
        """Return its name for people beside a field of this PostgreSQL type."""
        return str(self.time_label if self.time_label and pg_type in DATES | TIMES else self.label)

    def suits_type(self, pg_type: str) -> bool:
        """Whether fields of this PostgreSQL type can be compared so."""
        if self.suits == "ordered":
            return pg_type in ORDERED
        return self.suits == "any" or pg_type not in ORDERED | {"boolean"}


OPERATORS: dict[str, Operator] = {
    "equals": Operator(gettext_lazy("equals"), "{field} = {value}"),
    "not_equals": Operator(gettext_lazy("does not equal"), "{field} IS DISTINCT FROM {value}"),
    "contains": Operator(gettext_lazy("contains"), "{field} LIKE {value}", "text", pattern="%{}%".format),
    "starts_with": Operator(gettext_lazy("starts with"), "{field} LIKE {value}", "text", pattern="{}%".format),
    "one_of": Operator(gettext_lazy("is one of"), "{field} IN ({value})", is_list=True),
    "greater": Operator(
        gettext_lazy("is greater than"), "{field} > {value}", "ordered", time_label=gettext_lazy("is after")
    ),
    "at_least": Operator(
        gettext_lazy("is at least"), "{field} >= {value}", "ordered", time_label=gettext_lazy("is on or after")
    ),
    "less": Operator(
        gettext_lazy("is less than"), "{field} < {value}", "ordered", time_label=gettext_lazy("is before")
    ),
    "at_most": Operator(
        gettext_lazy("is at most"), "{field} <= {value}", "ordered", time_label=gettext_lazy("is on or before")
    ),
    "empty": Operator(gettext_lazy("is empty"), "coalesce({field}::text, '') = ''", takes_value=False),
    "not_empty": Operator(gettext_lazy("is not empty"), "{field}::text <> ''", takes_value=False),
}


def where(
    types: dict[str, str],
    match: str,
    conditions: list[Condition],
    related: Mapping[Through, Related] | None = None,
) -> sql.Composable:
    """Return the SQL condition on alias `t`; `types` maps field names to PostgreSQL types. Raises RulesError."""
    parts: list[sql.Composable] = []
    errors: dict[int, Message] = {}
    for position, condition in enumerate(conditions):
        try:
            parts.append(condition_sql(types, condition, related or {}))
        except ConditionError as error:
            errors[position] = error.message
    if errors:
        raise RulesError(errors)
    if not parts:
        return sql.SQL("true")
    return sql.SQL(" OR " if match == "any" else " AND ").join(parts)


def condition_sql(types: dict[str, str], condition: Condition, related: Mapping[Through, Related]) -> sql.Composable:
    """Return one condition as SQL in brackets; ConditionError says what is wrong with it."""
    through = through_of(condition)
    if through is None:
        return _comparison("t", types, condition)
    field, to_table = through
    if through not in related or field not in types:
        text = _("%(name)s: rows no longer link to %(table)s through “%(field)s”. Choose another field.")
        raise ConditionError(text % {"name": label_of(condition), "table": to_table, "field": field})
    found = related[through]
    return sql.SQL("(EXISTS (SELECT FROM {} r WHERE r.{} = t.{} AND {}))").format(
        found.relation, sql.Identifier(found.key), sql.Identifier(field), _comparison("r", found.types, condition)
    )


def through_of(condition: Condition) -> Through | None:
    """Return the reference to the condition's table, None for a field of the own table."""
    return (condition["through"], condition.get("to", "")) if condition.get("through") else None


def label_of(condition: Condition) -> str:
    """Return the name of the condition's field for people, with the related table that has it."""
    through = through_of(condition)
    return f"{through[1]} › {condition['field']}" if through else condition["field"]


def describe(condition: Condition, pg_type: str = "") -> str:
    """Return the condition in words, on a field of this PostgreSQL type."""
    operator, through = OPERATORS.get(condition["operator"]), through_of(condition)
    label = operator.label_for(pg_type) if operator else condition["operator"]
    value = f" {condition['value']}" if operator and operator.takes_value else ""
    by = _("(through %(field)s)") % {"field": through[0]} if through else ""
    return " ".join(filter(None, [label_of(condition), str(by), f"{label}{value}"]))


def _comparison(alias: str, types: dict[str, str], condition: Condition) -> sql.Composable:
    """Return the condition on a field of the rows called `alias`."""
    name, pg_type = label_of(condition), types.get(condition["field"])
    operator = OPERATORS.get(condition["operator"])
    if pg_type is None:
        raise ConditionError(
            _("The table has no field “%(name)s”. Choose another one.") % {"name": name}
            if name
            else _("Choose a field.")
        )
    if operator is None:
        raise ConditionError(_("%(name)s: choose a comparison.") % {"name": name})
    if not operator.suits_type(pg_type):
        details = {"name": name, "operator": operator.label, "type": pg_type}
        raise ConditionError(_("%(name)s: “%(operator)s” cannot be used with fields of type %(type)s.") % details)
    field = sql.Identifier(alias, condition["field"])
    value = _value(name, pg_type, operator, condition["value"]) if operator.takes_value else sql.SQL("")
    return sql.SQL("(" + operator.template + ")").format(field=field, value=value)


def _value(name: str, pg_type: str, operator: Operator, text: str) -> sql.Composable:
    if "\0" in text:
        raise ConditionError(_("%(name)s: the value contains a character that text cannot contain.") % {"name": name})
    if len(text) > LONGEST_VALUE:
        raise ConditionError(_("%(name)s: the value is longer than 10,000 characters. Shorten it.") % {"name": name})
    if operator.pattern:
        if not text:
            raise ConditionError(_("%(name)s: enter a value.") % {"name": name})
        return sql.Literal(operator.pattern(re.sub(r"([\\%_])", r"\\\1", text)))
    words = _words(text) if operator.is_list else [text if pg_type not in ORDERED else text.strip()]
    if not words or "" in words:
        raise ConditionError(_("%(name)s: enter a value, or choose “is empty”.") % {"name": name})
    if pg_type in WHOLE_BITS:
        for word in words:
            _check_whole(name, pg_type, word, may_have_fraction=operator.suits == "ordered")
    return sql.SQL(", ").join(_literal(name, pg_type, word) for word in words)


def _words(text: str) -> list[str]:
    """Split a list at commas; one with a comma inside stands in double quotes."""
    rows = csv.reader([text.replace("\n", ",").replace("\r", "")], skipinitialspace=True)
    return [word.strip() for word in next(rows, []) if word.strip()]


def _literal(name: str, pg_type: str, text: str) -> sql.Composable:
    if pg_type in NUMBERS:
        return sql.SQL("{}::numeric").format(sql.Literal(_number(name, text)))
    if pg_type in DATES:
        return sql.SQL("{}::date").format(sql.Literal(_date(name, text)))
    if pg_type in TIMES:
        return sql.SQL("{}::{}").format(sql.Literal(_time(name, text)), sql.SQL(pg_type))
    if pg_type == "boolean":
        return sql.Literal(_boolean(name, text))
    return sql.Literal(text)


def _number(name: str, text: str) -> str:
    try:
        number = Decimal(text if PLAIN_NUMBER.fullmatch(text) else "NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or len(text) > LONGEST_NUMBER or abs(number.adjusted()) > LONGEST_NUMBER:
        raise ConditionError(
            _("%(name)s: “%(text)s” is not a number. Enter e.g. 1200 or 12.50.")
            % {"name": name, "text": personal(text)}
        )
    return f"{number:f}"


def _check_whole(name: str, pg_type: str, text: str, *, may_have_fraction: bool) -> None:
    """Refuse a number that no field of this type can hold."""
    number, top = Decimal(_number(name, text)), 2 ** WHOLE_BITS[pg_type]
    details = {"name": name, "text": personal(text)}
    if not -top <= number < top:
        raise ConditionError(_("%(name)s: “%(text)s” is out of range for this field. Check the number.") % details)
    if not may_have_fraction and number % 1:
        raise ConditionError(
            _("%(name)s contains whole numbers, so “%(text)s” never matches. Enter e.g. 1200.") % details
        )


def _date(name: str, text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date().isoformat()
    except ValueError:
        raise ConditionError(
            _("%(name)s: “%(text)s” is not a date. Enter e.g. 2024-01-31.") % {"name": name, "text": personal(text)}
        ) from None


def _time(name: str, text: str) -> str:
    try:
        return datetime.fromisoformat(text).isoformat(" ")
    except ValueError:
        raise ConditionError(
            _("%(name)s: “%(text)s” is not a date and time. Enter e.g. 2024-01-31 18:00:00.")
            % {"name": name, "text": personal(text)}
        ) from None


def _boolean(name: str, text: str) -> bool:
    value = {"true": True, "yes": True, "false": False, "no": False}.get(text.strip().lower())
    if value is None:
        raise ConditionError(
            _("%(name)s: “%(text)s” is neither true nor false.") % {"name": name, "text": personal(text)}
        )
    return value
