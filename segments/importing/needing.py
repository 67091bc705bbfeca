"""What uses a field that a new file no longer has, or has with another type."""

from django.db.models import Q
from django.utils.translation import gettext as _

from roles.kinds import ProfileKind
from segments.models import Relationship, Segment, Table
from segments.projection import contacts_of
from segments.rules import Condition, RulesError, through_of
from segments.signals import field_removed, field_retyped
from segments.warehouse.queries import rules_where


def uses_of_removed(table: Table, name: str) -> str:
    """Return what used the removed field `name` of `table`, and what to do; "" if nothing did."""
    own, other = Q(table=table, field_name=name), Q(to_table=table, to_field_name=name)
    broken = list(Relationship.objects.select_related("table", "to_table").filter(own | other))
    told = [answer for _receiver, answer in field_removed.send(Table, table=table, name=name)]
    return " ".join(
        filter(None, [_rules(table, name, broken), _relationships(broken), _projections(table, name), *told])
    )


def is_used(table: Table, name: str) -> bool:
    """Whether rules of segments or relationships use the field."""
    own, other = Q(table=table, field_name=name), Q(to_table=table, to_field_name=name)
    return Relationship.objects.filter(own | other).exists() or bool(_readers(table, name, []))


def uses_of_retyped(table: Table, name: str, new_type: str) -> str:
    """Return what uses the field `name`, whose type changed, and what to do; "" if nothing does."""
    broken = _broken(table, name)
    readers = _readers(table, name, broken)
    failing = [segment for segment in readers if not _can_be_refreshed(segment)]
    others = [segment for segment in readers if segment not in failing]
    check = _("Check the rules of %(segments)s: they now compare values of type %(type)s.")
    told = [answer for _receiver, answer in field_retyped.send(Table, table=table, name=name)]
    return " ".join(
        filter(
            None,
            [
                _named(_("Change the rules of %(segments)s: until then they cannot be refreshed."), failing),
                _named(check.replace("%(type)s", new_type), others),
                _relationships(broken),
                *told,
            ],
        )
    )


def is_broken(table: Table, name: str) -> bool:
    """Whether the change broke a relationship on the field, or a segment that uses it."""
    broken = _broken(table, name)
    return bool(broken) or not all(_can_be_refreshed(segment) for segment in _readers(table, name, broken))


def _broken(table: Table, name: str) -> list[Relationship]:
    own, other = Q(table=table, field_name=name), Q(to_table=table, to_field_name=name)
    return [one for one in Relationship.objects.described().filter(own | other) if one.problem]


def _can_be_refreshed(segment: Segment) -> bool:
    try:
        rules_where(segment.table, segment.match, segment.conditions)
    except RulesError:
        return False
    return True


def _rules(table: Table, name: str, broken: list[Relationship]) -> str:
    segments = _readers(table, name, broken)
    return _named(_("Change the rules of %(segments)s: until then they cannot be refreshed."), segments)


def _readers(table: Table, name: str, broken: list[Relationship]) -> list[Segment]:
    """Return the segments whose conditions use the field, or a relationship that was on it."""
    throughs = {(one.table_id, (one.field_name, one.to_table.name)) for one in broken}
    return [
        segment
        for segment in Segment.objects.filter(environment=table.environment_id).select_related("table__environment")
        if any(
            (segment.table_id, through_of(condition)) in throughs
            or _reads(condition, table, name, is_own=segment.table_id == table.pk)
            for condition in segment.conditions
        )
    ]


def _reads(condition: Condition, table: Table, name: str, *, is_own: bool) -> bool:
    """Whether the condition uses this field, not one of the same name in a related table."""
    through = through_of(condition)
    if through is None:
        return is_own and condition["field"] == name
    return (is_own and through[0] == name) or (through[1] == table.name and condition["field"] == name)


def _relationships(broken: list[Relationship]) -> str:
    text = _("Now broken: %(names)s. Link other fields, or import the column again.")
    return text % {"names": ", ".join(map(str, broken))} if broken else ""


def _accounts_of(table: Table) -> list[Table]:
    """Return the account tables whose contacts this table holds, even if the relationship has just broken."""
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
