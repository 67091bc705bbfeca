"""The form of a segment: what it is called, its table, and rows of conditions."""

from dataclasses import dataclass
from typing import Any, ClassVar

import psycopg
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from roles.models import Environment
from roles.validators import visible_name
from segments import rules, warehouse
from segments.models import Match, Segment, Table

REMOVE = "remove-condition-"
# How to write a value of each PostgreSQL type.
HINTS: dict[str, Any] = {
    **dict.fromkeys(rules.NUMBERS, gettext_lazy("A number without separators, for example 1200 or 12.50.")),
    **dict.fromkeys(rules.WHOLE_BITS, gettext_lazy("A whole number without separators, for example 1200.")),
    **dict.fromkeys(rules.DATES, gettext_lazy("Year, month, day: for example 2024-01-31.")),
    **dict.fromkeys(rules.TIMES, gettext_lazy("For example 2024-01-31 or 2024-01-31 18:00:00.")),
    "boolean": gettext_lazy("Write true or false."),
}


class SegmentForm(forms.ModelForm):
    """Name, description, table and how the conditions combine."""

    class Meta:
        model = Segment
        fields = ("name", "description", "table", "match")
        widgets = {"description": forms.Textarea(attrs={"rows": 2}), "match": forms.RadioSelect}
        labels = {
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "table": gettext_lazy("Profile table"),
            "match": gettext_lazy("Who belongs to it"),
        }
        error_messages: ClassVar = {"name": {"required": gettext_lazy("Give the segment a name.")}}

    def __init__(self, environment: Environment, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.environment = environment
        match = self.fields["match"]
        assert isinstance(match, forms.ChoiceField)
        match.choices = [
            (Match.ALL, _("People who meet all of the conditions")),
            (Match.ANY, _("People who meet any of the conditions")),
        ]
        if self.instance.pk:
            del self.fields["table"]  # the exports that use it list fields of this table
            return
        table = self.fields["table"]
        assert isinstance(table, forms.ModelChoiceField)
        table.queryset, table.empty_label = environment.tables.exclude(profile_kind=""), None
        self.instance.environment = environment

    def clean_name(self) -> str:
        """Refuse a name that another segment of the environment has."""
        name = self.cleaned_data["name"]
        visible_name(name)
        if self.environment.segments.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("There is already a segment called “%(name)s”.") % {"name": name})
        return str(name)


@dataclass
class Row:
    """One condition as the form shows it."""

    number: int  # from 0
    field: str = ""
    operator: str = "equals"
    value: str = ""
    pg_type: str = ""
    error: str = ""

    @property
    def operators(self) -> list[tuple[str, Any]]:
        """The operators that suit the field's type."""
        suits = [(name, one) for name, one in rules.OPERATORS.items() if one.suits_type(self.pg_type)]
        return [(name, one.label_for(self.pg_type)) for name, one in suits]

    @property
    def choices(self) -> list[tuple[str, Any]]:
        """The operators to choose from; one that does not suit stays in view until another is chosen."""
        if not self.pg_type or self.operator in dict(self.operators):
            return self.operators
        unsuitable = rules.OPERATORS.get(self.operator)
        label = unsuitable.label_for(self.pg_type) if unsuitable else self.operator or "—"
        return [(self.operator, label), *self.operators]

    @property
    def takes_value(self) -> bool:
        """Tell whether there is something to write beside the operator."""
        operator = rules.OPERATORS.get(self.operator)
        return operator is None or operator.takes_value

    @property
    def field_id(self) -> str:
        """The id of the choice of its field."""
        return f"condition-field-{self.number + 1}"

    @property
    def is_value_wrong(self) -> bool:
        """Tell whether the error is about the value, not the field."""
        return bool(self.error and self.pg_type and self.takes_value)

    @property
    def hint(self) -> str:
        """How to write the value; empty where anything goes."""
        if not self.takes_value:
            return ""
        hint = str(HINTS.get(self.pg_type, ""))
        if self.operator == "one_of":
            return f"{hint} {_('A comma between one and the next.')}".lstrip()
        return hint

    def condition(self) -> rules.Condition:
        """Return it as a segment stores it."""
        return {
            "field": self.field,
            "operator": self.operator,
            "value": self.value if self.takes_value else "",
        }


class SetUp:
    """The whole pane: the form, its conditions, and how many rows they match."""

    def __init__(self, segment: Segment, environment: Environment, data: QueryDict | None = None) -> None:
        self.segment = segment
        self.action = data.get("action", "") if data is not None else ""
        self.form = SegmentForm(environment, data if not self.action else None, instance=segment, initial=_typed(data))
        self.table = self._table(environment, data)
        self.fields = list(self.table.fields.all()) if self.table else []
        self.types = {field.name: field.pg_type for field in self.fields}
        self.match = (data.get("match") if data is not None else segment.match) or "all"
        self.problem = ""
        self.rows = self._rows(data)
        self.count: tuple[int, int] | None = None
        self.count_problem = self.problem
        if data is not None and self.action and not self.problem:
            self._act()

    def is_valid(self) -> bool:
        """Check everything; errors stand on the form and on the rows."""
        is_form_valid = self.form.is_valid()
        if self.problem:
            self.form.add_error(None, self.problem)
        return self._check_rules() and is_form_valid and not self.problem

    def to_segment(self) -> Segment:
        """Return the segment with what was entered, not saved."""
        segment: Segment = self.form.save(commit=False)
        segment.conditions = self.conditions
        return segment

    @property
    def conditions(self) -> list[rules.Condition]:
        """The conditions as a segment stores them."""
        return [row.condition() for row in self.rows]

    @property
    def focus(self) -> str:
        """The id of what is at hand after a button was used: the new row, or the button beside those that are left."""
        if self.action == "add-condition":
            return f"condition-field-{len(self.rows)}"
        if self.action.startswith(REMOVE):
            return "condition-add"
        return "condition-count" if self.action == "count" else ""

    @property
    def can_add(self) -> bool:
        """Tell whether there is room for another condition."""
        return len(self.rows) < rules.MOST_CONDITIONS

    def _table(self, environment: Environment, data: QueryDict | None) -> Table | None:
        if self.segment.pk:
            return self.segment.table
        tables = environment.tables.exclude(profile_kind="")
        wanted = data.get("table", "") if data is not None else ""
        found = tables.filter(pk=wanted).first() if wanted.isascii() and wanted.isdigit() else None
        return found or tables.first()

    def _rows(self, data: QueryDict | None) -> list[Row]:
        if data is None:
            entered = [(one["field"], one["operator"], one["value"]) for one in self.segment.conditions]
        else:
            lists = [data.getlist(name) for name in ("field", "operator", "value")]
            self.problem = _why_not_taken([len(one) for one in lists])
            entered = list(zip(*lists, strict=False))[: rules.MOST_CONDITIONS]
        return [self._row(number, *entry) for number, entry in enumerate(entered)]

    def _row(self, number: int, field: str = "", operator: str = "equals", value: str = "") -> Row:
        row = Row(number, field, operator, value, self.types.get(field, ""))
        if self.action and operator not in dict(row.operators) and row.pg_type:
            row.operator = "equals"  # another field was chosen; Save takes nothing but what was sent
        return row

    def _act(self) -> None:
        """Do what a button other than Save asks for."""
        if self.action == "add-condition" and self.can_add:
            self.rows.append(self._row(len(self.rows), self.fields[0].name if self.fields else ""))
            return
        if self.action.startswith(REMOVE):
            number = self.action.removeprefix(REMOVE)
            left = [row for row in self.rows if str(row.number) != number]
            self.rows = [self._row(place, row.field, row.operator, row.value) for place, row in enumerate(left)]
        if self.action == "check":
            self._check_rules(written_only=True)
        elif self.action == "count" or all(row.value or not row.takes_value for row in self.rows):
            self._count()

    def _check_rules(self, *, written_only: bool = False) -> bool:
        """Put what is wrong on the rows; with `written_only` a value that is still missing is not wrong."""
        try:
            rules.where(self.types, self.match, self.conditions)
        except rules.RulesError as error:
            for number, text in error.errors.items():
                row = self.rows[number]
                row.error = "" if written_only and row.pg_type and not row.value else text
        return not any(row.error for row in self.rows)

    def _count(self) -> None:
        if self.table is None:
            return
        try:
            self.count = warehouse.count_matching(self.table, self.match, self.conditions)
        except rules.RulesError:
            self._check_rules()
            self.count_problem = _("Not counted: correct the condition first.")
        except psycopg.errors.QueryCanceled:
            self.count_problem = _("Counting takes longer than a page may. Save, and the refresh counts.")
        except psycopg.Error:
            self.count_problem = _("The table cannot be read now.")


def _why_not_taken(counts: list[int]) -> str:
    """Say what is wrong with how many fields, operators and values were sent, "" if nothing."""
    if len(set(counts)) > 1:
        return _("A part of a condition is missing. Nothing was saved. Check the conditions and save again.")
    if counts[0] > rules.MOST_CONDITIONS:
        text = _(
            "%(count)d conditions were sent, a segment holds at most %(most)d. Nothing was saved; the first %(most)d "
            "are shown."
        )
        return text % {"count": counts[0], "most": rules.MOST_CONDITIONS}
    return ""


def _typed(data: QueryDict | None) -> dict[str, Any]:
    """Return what was entered, to show it again without judging it."""
    names = ("name", "description", "table", "match")
    return {name: data[name] for name in names if name in data} if data is not None else {}
