"""Turns an account segment into a contact segment: the contacts whose account is a member of it."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from roles.kinds import ProfileKind
from segments.models import Relationship, Segment, Table
from segments.projection import contact_of
from segments.rules import Condition, describe, through_of

LONGEST_NAME = 120


class NotCarriedError(Exception):
    """There are no contacts for the account segment; the text says what is missing, `table` is where."""

    def __init__(self, text: str, table: Table) -> None:
        super().__init__(text)
        self.table = table


@dataclass(frozen=True)
class CarriedOver:
    """The contact segment, not saved, and the conditions that could not be carried over, in words."""

    segment: Segment
    left_out: list[str]


def contact_segment(accounts: Segment) -> CarriedOver:
    """Return the contacts of the account segment's accounts as a segment of its own. Raises NotCarriedError."""
    contact = contact_of(accounts.table)
    if contact is None:
        raise _missing(accounts.table)
    own = [one for one in accounts.conditions if through_of(one) is None]
    left_out = [describe(one) for one in accounts.conditions if through_of(one)]
    # Of all accounts: contacts that have one.
    carried = own or [Condition(field=contact.to_field_name, operator="not_empty", value="")]
    segment = Segment(
        environment=accounts.environment,
        table=contact.table,
        name=_free_name(accounts),
        description=_("The contacts of the accounts in “%(name)s”.") % {"name": accounts.name},
        match=accounts.match,
        conditions=[_through(contact, one) for one in carried],
    )
    return CarriedOver(segment, left_out)


def _through(contact: Relationship, condition: Condition) -> Condition:
    return {**condition, "through": contact.field_name, "to": contact.to_table.name}


def _missing(accounts: Table) -> NotCarriedError:
    contacts = accounts.environment.tables.filter(profile_kind=ProfileKind.CONTACT).first()
    details = {"accounts": accounts.name, "contacts": contacts.name if contacts else ""}
    if contacts is None:
        text = _(
            "This environment has no contact table. Ask your Waybill operator to import one with --profile contact."
        )
        return NotCarriedError(text, accounts)
    text = _(
        "Waybill does not know which rows of %(contacts)s belong to which rows of %(accounts)s. Add that relationship."
    )
    return NotCarriedError(text % details, contacts)


def _free_name(accounts: Segment) -> str:
    """Return a name that no segment of the environment has yet."""
    taken = set(accounts.environment.segments.values_list("name", flat=True))
    ending, number = _(" (contacts)"), 1
    while (name := accounts.name[: LONGEST_NAME - len(ending)].rstrip() + ending) in taken:
        number += 1
        ending = _(" (contacts %(number)d)") % {"number": number}
    return name
