"""The pane of a segment: its form, conditions and projected fields, and the number of matching rows."""

from typing import Any

import psycopg
from django.http import QueryDict
from django.utils.translation import gettext as _

from roles import shared_memory
from roles.edits.parts import Part, parts_of
from roles.kinds import ProfileKind
from roles.models import Environment
from segments import projection, rules
from segments.models import Segment, Table
from segments.pages.choices import choices_of, value_of
from segments.pages.forms import ConditionRow, SegmentForm
from segments.warehouse import records

REMOVE = "remove-condition-"


class Projected:
    """The contact attributes that an account segment projects: the chosen ones and the possible ones."""

    def __init__(self, table: Table | None, names: list[str], stored: list[str]) -> None:
        """Take the chosen `names`; those that were `stored` stay while the contact table is not related."""
        self.is_account = bool(table and table.profile_kind == ProfileKind.ACCOUNT)
        contact = projection.contact_of(table) if table and self.is_account else None
        self.contact_table = contact.table if contact else None
        fields = [field.name for field in self.contact_table.fields.all()] if self.contact_table else []
        fields = fields or (stored if self.is_account else [])
        self.names = [name for name in fields if name in names]
        self.items = [{"value": name, "label": name, "checked": name in names} for name in fields]
        self.unknown = sorted(set(names) - set(fields))

    @property
    def problem(self) -> str:
        """Say what is wrong with what was chosen, "" if nothing."""
        if self.unknown and not self.is_account:
            return _("Only account segments have attributes of contacts. Choose none here.")
        names = ", ".join(name[:63] for name in self.unknown[:5])
        text = _("Unknown contact field %(names)s. Check your choice under “Attributes of its contacts”.")
        return text % {"names": names} if self.unknown else ""


class SegmentPane:
    """The whole pane: the form, its conditions, and the number of matching rows."""

    def __init__(self, segment: Segment, environment: Environment, data: QueryDict | None = None) -> None:
        self.segment = segment
        self.action = data.get("action", "") if data is not None else ""
        self.form = SegmentForm(environment, data if not self.action else None, instance=segment, initial=_typed(data))
        self.table = self._table(environment, data)
        self.choices = choices_of(self.table)
        self.projected = Projected(self.table, self._projected_names(data), segment.projected_fields)
        self.match = (data.get("match") if data is not None else segment.match) or "all"
        self.problem = ""
        self.rows = self._rows(data)
        self.count: tuple[int, int] | None = None
        self.count_problem = self.problem
        if data is not None and self.action and not self.problem:
            self._act()

    def is_valid(self) -> bool:
        """Check everything; errors are on the form and the rows."""
        is_form_valid = self.form.is_valid()
        if self.problem:
            self.form.add_error(None, self.problem)
        if self.projected.problem:
            self.form.add_error(None, self.projected.problem)
        return self._check_rules() and is_form_valid and not self.problem and not self.projected.problem

    def to_segment(self) -> Segment:
        """Return the segment with what was entered, not saved."""
        segment: Segment = self.form.save(commit=False)
        segment.conditions, segment.projected_fields = self.conditions, self.projected.names
        return segment

    @property
    def conditions(self) -> list[rules.Condition]:
        """The conditions as a segment stores them."""
        return [
            {
                **self.choices.parts(row.field),
                "operator": row.operator,
                "value": row.value if row.takes_value else "",
            }
            for row in self.rows
        ]

    @property
    def focus(self) -> str:
        """The id of the element to focus after a button: the new row, or a button near the removed one."""
        if self.action == "add-condition":
            return f"condition-field-{len(self.rows)}"
        if self.action.startswith(REMOVE):
            return "condition-add"
        return "condition-count" if self.action == "count" else ""

    @property
    def can_add(self) -> bool:
        """Whether there is room for another condition."""
        return len(self.rows) < rules.MOST_CONDITIONS

    def parts(self, post: QueryDict | None = None) -> dict[str, Part]:
        """Return the pane part by part, as it opens or as `post` was read, to find what others changed."""
        parts = parts_of(self.form, post, names=("name", "description", "match"))
        inputs = {name: [str(getattr(row, name)) for row in self.rows] for name in ("field", "operator", "value")}
        said = [row.said for row in self.rows]
        parts["conditions"] = Part(_("Conditions"), self.conditions, inputs, said, ("conditions",))
        if self.projected.is_account:
            names = self.projected.names
            label = _("Attributes of its contacts")
            parts["projected"] = Part(label, sorted(names), {"projected": names}, names, ("projected_fields",))
        return parts

    def _table(self, environment: Environment, data: QueryDict | None) -> Table | None:
        if self.segment.pk or (self.segment.table_id and data is None):
            return self.segment.table
        tables = environment.tables.exclude(profile_kind="")
        wanted = data.get("table", "") if data is not None else ""
        is_id = wanted.isascii() and wanted.isdigit() and len(wanted) < 19  # as long as PostgreSQL's may get
        found = tables.filter(pk=wanted).first() if is_id else None
        return found or tables.first()

    def _projected_names(self, data: QueryDict | None) -> list[str]:
        return list(self.segment.projected_fields) if data is None else data.getlist("projected")

    def _rows(self, data: QueryDict | None) -> list[ConditionRow]:
        if data is None:
            entered = [(value_of(one), one["operator"], one["value"]) for one in self.segment.conditions]
        else:
            lists = [data.getlist(name) for name in ("field", "operator", "value")]
            self.problem = _why_not_taken([len(one) for one in lists])
            entered = list(zip(*lists, strict=False))[: rules.MOST_CONDITIONS]
        return [self._row(number, *entry) for number, entry in enumerate(entered)]

    def _row(self, number: int, field: str = "", operator: str = "equals", value: str = "") -> ConditionRow:
        row = ConditionRow(number, field, operator, value, self.choices.type_of(field), self.choices.label(field))
        if self.action and operator not in dict(row.operators) and row.pg_type:
            row.operator = "equals"  # another field was chosen; Save takes nothing but what was sent
        return row

    def _act(self) -> None:
        """Do the action of a button other than Save."""
        if self.action == "add-condition" and self.can_add:
            self.rows.append(self._row(len(self.rows), self.choices.first))
            return
        if self.action.startswith(REMOVE):
            number = self.action.removeprefix(REMOVE)
            left = [row for row in self.rows if str(row.number) != number]
            self.rows = [self._row(place, row.field, row.operator, row.value) for place, row in enumerate(left)]
        if self.action == "check":
            self._check_rules(written_only=True)
        elif self.action == "count" or all(row.value or not row.takes_value for row in self.rows):
            self.count_matches()

    def _check_rules(self, *, written_only: bool = False) -> bool:
        """Put errors on the rows; with `written_only` a missing value is no error."""
        try:
            rules.where(self.choices.own, self.match, self.conditions, self.choices.related)
        except rules.RulesError as error:
            for number, text in error.errors.items():
                row = self.rows[number]
                row.error = "" if written_only and row.pg_type and not row.value else text
        return not any(row.error for row in self.rows)

    def count_matches(self) -> None:
        """Count the rows that match the conditions, or say why they were not counted."""
        if self.table is None:
            return
        try:
            self.count = records.count_matching(self.table, self.match, self.conditions)
        except rules.RulesError:
            self._check_rules()
            self.count_problem = _("Not counted: correct the condition first.")
        except psycopg.errors.QueryCanceled:
            self.count_problem = _("Counting takes too long for this page. Save; the refresh will count.")
        except psycopg.Error as error:
            self.count_problem = str(shared_memory.advice(error) or _("The table cannot be read now."))


def _why_not_taken(counts: list[int]) -> str:
    """Return what is wrong with the numbers of fields, operators and values sent, "" if nothing."""
    if len(set(counts)) > 1:
        return _("Not saved: part of a condition is missing. Check the conditions and save again.")
    if counts[0] > rules.MOST_CONDITIONS:
        text = _(
            "Not saved: %(count)d conditions were sent, but a segment can have at most %(most)d. The first "
            "%(most)d are shown."
        )
        return text % {"count": counts[0], "most": rules.MOST_CONDITIONS}
    return ""


def _typed(data: QueryDict | None) -> dict[str, Any]:
    """Return the entered data to show again, unchecked."""
    names = ("name", "description", "table", "match")
    return {name: data[name] for name in names if name in data} if data is not None else {}
