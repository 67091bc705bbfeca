"""The parts of a segment's form: name and table, and one row for each condition."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from roles.kinds import Audience, ProfileKind
from roles.models import Environment
from segments import rules
from segments.models import Match, Segment, Table
from segments.types import WHOLE_BITS

# How to write a value of each PostgreSQL type.
HINTS: dict[str, Any] = {
    **dict.fromkeys(rules.NUMBERS, gettext_lazy("A number without separators, e.g. 1200 or 12.50.")),
    **dict.fromkeys(WHOLE_BITS, gettext_lazy("A whole number without separators, e.g. 1200.")),
    **dict.fromkeys(rules.DATES, gettext_lazy("Year, month, day: e.g. 2024-01-31.")),
    **dict.fromkeys(rules.TIMES, gettext_lazy("E.g. 2024-01-31 or 2024-01-31 18:00:00.")),
    "boolean": gettext_lazy("Enter true or false."),
}


class TableChoice(forms.ModelChoiceField):
    """A choice of profile tables that says what a row is, if there are several kinds."""

    def label_from_instance(self, obj: Table) -> str:
        """Return the table's name, with its kind."""
        is_usual = obj.profile_kind == ProfileKind.CUSTOMER
        return obj.name if is_usual else f"{obj.name} · {obj.get_profile_kind_display()}"


class SegmentForm(forms.ModelForm):
    """Name, description, table and how the conditions combine."""

    class Meta:
        model = Segment
        fields = ("name", "description", "table", "match")
        field_classes: ClassVar = {"table": TableChoice}
        widgets = {"description": forms.Textarea(attrs={"rows": 2}), "match": forms.RadioSelect}
        labels = {
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "table": gettext_lazy("Profile table"),
            "match": gettext_lazy("Members"),
        }
        error_messages: ClassVar = {"name": {"required": gettext_lazy("Enter a name for the segment.")}}

    def __init__(self, environment: Environment, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.environment = environment
        match = self.fields["match"]
        assert isinstance(match, forms.ChoiceField)
        match.choices = _match_choices(environment)
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
        if self.environment.segments.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("A segment called “%(name)s” already exists.") % {"name": name})
        return str(name)


def _match_choices(environment: Environment) -> list[tuple[str, str]]:
    if environment.audience == Audience.BUSINESSES:  # an account is nobody
        return [
            (Match.ALL, _("Profiles that meet all conditions")),
            (Match.ANY, _("Profiles that meet any condition")),
        ]
    return [
        (Match.ALL, _("People who meet all conditions")),
        (Match.ANY, _("People who meet any condition")),
    ]


@dataclass
class ConditionRow:
    """One condition in the form."""

    number: int  # from 0
    field: str = ""  # the value of one of its Choices
    operator: str = "equals"
    value: str = ""
    pg_type: str = ""
    label: str = ""
    error: Any = ""

    @property
    def operators(self) -> list[tuple[str, Any]]:
        """The operators that suit the field's type."""
        suits = [(name, one) for name, one in rules.OPERATORS.items() if one.suits_type(self.pg_type)]
        return [(name, one.label_for(self.pg_type)) for name, one in suits]

    @property
    def choices(self) -> list[tuple[str, Any]]:
        """The operators to choose from; an unsuitable one stays visible until another is chosen."""
        if not self.pg_type or self.operator in dict(self.operators):
            return self.operators
        unsuitable = rules.OPERATORS.get(self.operator)
        label = unsuitable.label_for(self.pg_type) if unsuitable else self.operator or "—"
        return [(self.operator, label), *self.operators]

    @property
    def said(self) -> str:
        """The condition in words."""
        operator = str(dict(self.choices).get(self.operator, self.operator))
        return " ".join(filter(None, [self.label, operator, self.value if self.takes_value else ""]))

    @property
    def takes_value(self) -> bool:
        """Whether there is something to write beside the operator."""
        operator = rules.OPERATORS.get(self.operator)
        return operator is None or operator.takes_value

    @property
    def field_id(self) -> str:
        """The id of the choice of its field."""
        return f"condition-field-{self.number + 1}"

    @property
    def is_value_wrong(self) -> bool:
        """Whether the error is about the value, not the field."""
        return bool(self.error and self.pg_type and self.takes_value)

    @property
    def hint(self) -> str:
        """How to write the value; "" if anything is allowed."""
        if not self.takes_value:
            return ""
        hint = str(HINTS.get(self.pg_type, ""))
        if self.operator == "one_of":
            commas = _("Separate values with commas.")
            return f"{hint} {commas}".lstrip()
        return hint
