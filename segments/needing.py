"""Who needs a field that a new file no longer has: rules of segments, relationships, projections, and exports."""

from django.db.models import Q
from django.utils.translation import gettext as _

from roles.kinds import ProfileKind
from segments.models import Relationship, Segment, Table
from segments.projection import contacts_of
from segments.rules import Condition, through_of
from segments.signals import field_removed


def who_needs(table: Table, name: str) -> str:
    """Say who needs the field `name` that `table` had until now, and what to do; "" if nobody does."""
    own, other = Q(table=table, field_name=name), Q(to_table=table, to_field_name=name)
    broken = list(Relationship.objects.select_related("table", "to_table").filter(own | other))
    told = [answer for _receiver, answer in field_removed.send(Table, table=table, name=name)]
    return " ".join(
        filter(None, [_rules(table, name, broken), _relationships(broken), _projections(table, name), *told])
    )


def _rules(table: Table, name: str, broken: list[Relationship]) -> str:
    """Name the segments whose conditions read the field, or lead through a relationship that stood on it."""
    throughs = {(one.table_id, (one.field_name, one.to_table.name)) for one in broken}
    segments = [
        segment
        for segment in Segment.objects.filter(environment=table.environment_id)
        if any(
            (segment.table_id, through_of(condition)) in throughs
            or _reads(condition, table, name, is_own=segment.table_id == table.pk)
            for condition in segment.conditions
        )
    ]
    return _named(_("Change the rules of %(segments)s: they cannot be refreshed until then."), segments)


def _reads(condition: Condition, table: Table, name: str, *, is_own: bool) -> bool:
    """Tell whether the condition reads this very field; one of a related table may be called the same."""
    through = through_of(condition)
    if through is None:
        return is_own and condition["field"] == name
    return (is_own and through[0] == name) or (through[1] == table.name and condition["field"] == name)


def _relationships(broken: list[Relationship]) -> str:
    text = _("Broken is now: %(names)s. Relate other fields, or import the column again.")
    return text % {"names": ", ".join(map(str, broken))} if broken else ""


def _accounts_of(table: Table) -> list[Table]:
    """Return the account tables whose contacts this table holds, also where the relationship broke just now."""
    if table.profile_kind != ProfileKind.CONTACT:
        return []
    leads = table.relationships.filter(to_table__profile_kind=ProfileKind.ACCOUNT).select_related("to_table")
    accounts = list({lead.to_table_id: lead.to_table for lead in leads}.values())
    contacts = contacts_of(accounts)
    return [one for one in accounts if one.pk not in contacts or contacts[one.pk].table_id == table.pk]


def _projections(table: Table, name: str) -> str:
    segments = Segment.objects.filter(table__in=_accounts_of(table), projected_fields__contains=[name])
    return _named(_("Choose the attributes of the contacts in %(segments)s again."), list(segments))


def _named(text: str, segments: list[Segment]) -> str:
    """Fill in the segments' names; "" where there are none."""
    return text % {"segments": ", ".join(f"“{segment.name}”" for segment in segments)} if segments else ""
