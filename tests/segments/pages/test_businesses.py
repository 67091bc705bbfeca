"""Segments of accounts and contacts in the browser's words: kinds, related fields, and contacts of accounts."""

import html
import json

import pytest
from django.urls import reverse

from roles.models import AuditEvent
from roles.roles import Role
from segments import tasks
from segments.models import Field, Relationship, Segment, SegmentStatus
from tests.factories import client_of, make_connection, make_environment, make_member, make_segment, make_table
from tests.segments.test_related import on_account, own, related
from tests.segments.test_relationships import accounts, contacts, environment, relate

__all__ = ["accounts", "contacts", "environment", "related"]
pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}
CAFES = on_account("Industry", "equals", "Cafés")


def url(name, **kwargs):
    return reverse(f"segments:{name}", kwargs={"environment": "business", **kwargs})


def chosen(condition):
    """Return what the choice of the condition's field sends."""
    through = condition.get("through")
    return json.dumps([through, condition["to"], condition["field"]]) if through else condition["field"]


def form(table, name="A segment", *conditions, **more):
    return {
        "name": name,
        "description": "",
        "table": table.pk,
        "match": "all",
        "field": [chosen(one) for one in conditions],
        "operator": [one["operator"] for one in conditions],
        "value": [one["value"] for one in conditions],
        **more,
    }


def text_of(response):
    return html.unescape(response.content.decode())


def names_in(response):
    return [item.name for item in response.context_data["listing"].page]


# Fields of related tables


def test_fields_of_related_tables_are_offered_in_a_group_of_their_own(contributor, related):
    text = text_of(contributor.post(url("add"), form(related, "", CAFES, action="update")))
    assert '<optgroup label="Accounts, through AccountId">' in text
    assert '<option value="["AccountId", "Accounts", "Industry"]" selected>Accounts › Industry</option>' in text
    assert "<strong>2</strong> of 5 match" in text


def test_a_condition_on_a_related_table_is_saved_shown_and_counted(contributor, viewer, related):
    response = contributor.post(url("add"), form(related, "People of cafés", CAFES, own("FirstName", "not_empty")))
    assert response.url == url("list")
    segment = Segment.objects.get()
    assert segment.conditions == [CAFES, own("FirstName", "not_empty")]
    assert AuditEvent.objects.get(action="create").changes["conditions"][1] == [
        "Accounts › Industry equals",
        "FirstName not_empty",
    ]
    tasks.refresh_segment(segment.pk)
    segment.refresh_from_db()
    assert segment.member_count == 2
    Field.objects.filter(name="Industry").update(is_shown=True)
    assert "Accounts › Industry (through AccountId) equals Cafés" in text_of(viewer.get(url("edit", pk=segment.pk)))
    assert 'value="Cafés"' in text_of(contributor.get(url("edit", pk=segment.pk)))


def test_hints_and_comparisons_follow_the_related_field(contributor, related):
    employees = on_account("Employees", "greater", "many")
    text = text_of(contributor.post(url("add"), form(related, "x", employees)))
    assert "Accounts › Employees: “many” is not a number." in text
    text = text_of(contributor.post(url("add"), form(related, "x", on_account("Employees", "equals"), action="check")))
    assert "A whole number without separators" in text


@pytest.mark.parametrize(
    "forged",
    [
        '["AccountId", "Secrets", "Word"]',
        '["Nothing", "Accounts", "Industry"]',
        '["AccountId", "Accounts", "Nothing"]',
        '["AccountId", "Accounts"]',
        '["AccountId", "Accounts", 7]',
        "[[], {}, null]",
        "{}",
        "[" * 5000,
        '["AccountId\\" = 1 OR true --", "Accounts", "Industry"]',
    ],
)
def test_a_forged_field_is_refused(contributor, related, forged):
    foreign = make_environment("foreign", audience="businesses")
    make_table(foreign, "Secrets", "AccountId,Word\n1,x\n", "AccountId", profile_kind="account")
    sent = form(related, "Forged") | {"field": [forged], "operator": ["equals"], "value": ["x"]}
    for action in ({}, {"action": "count"}, {"action": "check"}):
        response = contributor.post(url("add"), sent | action)
        assert response.status_code == (200 if action else 422)
        assert "match" not in str(response.context_data["setup"].count)
    assert not Segment.objects.exists()


def test_a_condition_whose_relationship_is_gone_stays_in_view_with_what_to_do(contributor, related):
    segment = make_segment(related, "People of cafés", [CAFES])
    Relationship.objects.all().delete()
    text = text_of(contributor.get(url("edit", pk=segment.pk)))
    assert "selected>Accounts › Industry</option>" in text
    response = contributor.post(url("edit", pk=segment.pk), form(related, "People of cafés", CAFES))
    assert response.status_code == 422
    assert "rows no longer link to Accounts through “AccountId”. Choose another field." in text_of(response)


# Kinds


def test_the_list_shows_and_filters_kinds(viewer, related, accounts):
    make_segment(accounts, "Cafés")
    make_segment(related, "People")
    text = text_of(viewer.get(url("list")))
    assert '<td class="p2">Account</td>' in text
    assert '<td class="p2">Contact</td>' in text
    assert names_in(viewer.get(url("list"), {"kind": "contact"})) == ["People"]
    assert names_in(viewer.get(url("list"), {"kind": "account"})) == ["Cafés"]
    assert names_in(viewer.get(url("list"), {"kind": "x' OR 1"})) == ["Cafés", "People"]
    assert names_in(viewer.get(url("list"), {"sort": "-kind"})) == ["People", "Cafés"]
    Segment.objects.filter(name="People").delete()
    assert "No segments of this kind" in text_of(viewer.get(url("list"), {"kind": "contact"}))
    assert "accounts" in text


def test_an_environment_for_consumers_has_no_kinds(db):
    environment = make_environment("consumers")
    client = client_of(make_member(environment, Role.VIEWER))
    make_segment(make_table(environment))
    text = text_of(client.get(reverse("segments:list", kwargs={"environment": "consumers"})))
    assert "Filter by kind" not in text
    assert "sort-kind" not in text


def test_the_number_of_queries_does_not_grow_with_the_list(
    viewer, accounts, related, django_assert_num_queries, django_assert_max_num_queries
):
    make_segment(accounts)
    viewer.get(url("list"))
    with django_assert_max_num_queries(11) as few:
        viewer.get(url("list"))
    for number in range(12):
        table = accounts if number % 2 else related
        Segment.objects.create(environment=table.environment, table=table, name=f"more {number}")
    with django_assert_num_queries(len(few)):
        viewer.get(url("list"))


def test_the_choice_of_a_table_says_what_its_rows_are(contributor, related):
    text = text_of(contributor.get(url("add")))
    assert ">Accounts · Account</option>" in text
    assert ">Contacts · Contact</option>" in text
    assert "Profiles that meet all conditions" in text


# Create contact segment


def test_a_contact_segment_carries_the_conditions_of_an_account_segment(contributor, related, accounts):
    cafes = make_segment(accounts, "Cafés", [own("Industry", "equals", "Cafés"), own("Employees", "at_least", "5")])
    make_segment(related, "Cafés (contacts)")
    assert f'{url("add")}?like={cafes.pk}"' in text_of(contributor.get(url("list")))
    assert f'{url("add")}?like={cafes.pk}"' in text_of(contributor.get(url("edit", pk=cafes.pk)))
    pane = contributor.get(url("add"), {"like": cafes.pk})
    text = text_of(pane)
    assert 'value="Cafés (contacts 2)"' in text
    assert "The contacts of the accounts in “Cafés”." in text
    assert "Created from “Cafés”" in text
    assert "<strong>2</strong> of 5 match" in text
    setup = pane.context_data["setup"]
    assert setup.conditions == [CAFES, on_account("Employees", "at_least", "5")]
    assert setup.table == related
    assert Segment.objects.count() == 2

    contributor.post(url("add") + f"?like={cafes.pk}", form(related, "Cafés (contacts 2)", *setup.conditions))
    made = Segment.objects.get(name="Cafés (contacts 2)")
    tasks.refresh_segment(made.pk)
    made.refresh_from_db()
    assert (made.status, made.member_count) == (SegmentStatus.READY, 2)


def test_a_contact_segment_that_was_created_leads_on_to_an_export_of_it(contributor, related, accounts):
    cafes = make_segment(accounts, "Cafés")
    pane = contributor.get(url("add"), {"like": cafes.pk})
    assert f'<input type="hidden" name="like" value="{cafes.pk}">' in text_of(pane)
    sent = form(related, "Contacts of cafés", CAFES, like=cafes.pk)
    counted = contributor.post(url("add"), sent | {"action": "count"})
    assert f'<input type="hidden" name="like" value="{cafes.pk}">' in text_of(counted)
    offer = reverse("exports:add", kwargs={"environment": "business"}) + "?segment="
    no_connection = contributor.post(url("add"), sent, headers=HTMX | {"HX-Target": "panel"})
    assert "“Contacts of cafés” saved" in text_of(no_connection)
    assert offer not in text_of(no_connection), "exports need a connection"
    make_connection(related.environment)
    answer = contributor.post(url("add"), sent | {"name": "Second"}, headers=HTMX | {"HX-Target": "panel"})
    made = Segment.objects.get(name="Second")
    assert f'{offer}{made.pk}"' in text_of(answer)
    assert answer.headers["HX-Trigger-After-Swap"] == "panel:saved"
    plain = contributor.post(url("add"), sent | {"name": "Third"}, follow=True)
    assert f'{offer}{Segment.objects.get(name="Third").pk}"' in text_of(plain)


def test_a_segment_can_be_exported_from_the_list_by_those_who_may(contributor, viewer, related):
    segment = make_segment(related, "People")
    make_connection(related.environment)
    offer = reverse("exports:add", kwargs={"environment": "business"}) + f"?segment={segment.pk}"
    assert offer in text_of(contributor.get(url("list")))
    assert offer in text_of(contributor.get(url("row", pk=segment.pk), headers=HTMX))
    assert offer not in text_of(viewer.get(url("list")))


def test_of_all_accounts_only_contacts_that_have_one_are_carried(contributor, related, accounts):
    everything = make_segment(accounts, "All accounts")
    setup = contributor.get(url("add"), {"like": everything.pk}).context_data["setup"]
    assert setup.conditions == [on_account("AccountId", "not_empty")]
    assert make_segment(related, conditions=setup.conditions).member_count == 3


def test_what_leads_through_another_relationship_is_left_out_and_said(contributor, related, accounts, environment):
    sectors = make_table(environment, "Sectors", "Industry,Growth\nCafés,2\n", "Industry", profile_kind="")
    relate(accounts, "Industry", sectors, "Industry")
    growing = {"field": "Growth", "operator": "greater", "value": "1", "through": "Industry", "to": "Sectors"}
    segment = make_segment(accounts, "Growing", [growing, own("Employees", "at_least", "5")])
    assert segment.member_count == 1
    pane = contributor.get(url("add"), {"like": segment.pk})
    assert "Sectors › Growth (through Industry) is greater than 1" in text_of(pane)
    assert pane.context_data["setup"].conditions == [on_account("Employees", "at_least", "5")]


def test_where_contacts_cannot_be_told_one_notice_says_what_is_missing(contributor, accounts, environment):
    segment = make_segment(accounts, "Cafés")
    text = text_of(contributor.get(url("add"), {"like": segment.pk}))
    assert "This environment has no contact table." in text
    assert url("table", pk=accounts.pk) in text
    people = make_table(environment, "People", "Id,AccountId\n1,1\n", "Id", profile_kind="contact")
    text = text_of(contributor.get(url("add"), {"like": segment.pk}, headers=HTMX | {"HX-Target": "panel"}))
    assert "Waybill does not know which rows of People belong to which rows of Accounts." in text
    assert url("table", pk=people.pk) + "#relationships" in text
    assert "<form" not in text


def test_only_account_segments_of_this_environment_can_be_carried_and_only_by_editors(
    contributor, viewer, related, accounts
):
    foreign = make_environment("foreign", audience="businesses")
    theirs = make_segment(make_table(foreign, "Accounts", "Id\n1\n", "Id", profile_kind="account"))
    mine, people = make_segment(accounts), make_segment(related)
    for like in (theirs.pk, people.pk, 0, "", "x", "9" * 40, "-1", "１"):
        assert contributor.get(url("add"), {"like": like}).status_code == 404
    assert viewer.get(url("add"), {"like": mine.pk}).status_code == 403
    assert "Create contact segment" not in text_of(viewer.get(url("list")))


# Attributes of contacts


def test_an_account_segment_projects_attributes_of_its_contacts(contributor, viewer, related, accounts):
    text = text_of(contributor.get(url("add")))
    assert "Attributes of its contacts" in text
    contributor.post(url("add"), form(accounts, "With contacts", projected=["EMail", "FirstName"]))
    segment = Segment.objects.get()
    assert segment.projected_fields == ["FirstName", "EMail"]
    assert "FirstName, EMail" in text_of(viewer.get(url("edit", pk=segment.pk)))
    tasks.refresh_segment(segment.pk)
    refreshed = AuditEvent.objects.filter(action="refresh").count()
    contributor.post(url("edit", pk=segment.pk), form(accounts, "With contacts", projected=["EMail"]))
    segment.refresh_from_db()
    assert segment.projected_fields == ["EMail"]
    assert segment.status == SegmentStatus.READY  # who belongs to it has not changed
    assert AuditEvent.objects.filter(action="refresh").count() == refreshed


def test_fields_that_are_no_contacts_cannot_be_projected(contributor, related, accounts):
    response = contributor.post(url("add"), form(accounts, "Forged", projected=["EMail", "Company"]))
    assert response.status_code == 422
    assert "Unknown contact field Company." in text_of(response)
    response = contributor.post(url("add"), form(related, "Forged", projected=["EMail"]))
    assert response.status_code == 422
    assert "Only account segments have attributes of contacts." in text_of(response)
    assert not Segment.objects.exists()


def test_without_a_relationship_the_pane_says_where_to_state_it_and_keeps_what_was_chosen(contributor, accounts):
    segment = make_segment(accounts, "Cafés", projected_fields=["EMail"])
    text = text_of(contributor.get(url("edit", pk=segment.pk)))
    assert "No contact table is linked to Accounts." in text
    assert url("table", pk=accounts.pk) + "#relationships" in text
    contributor.post(url("edit", pk=segment.pk), form(accounts, "Cafés", projected=["EMail"]))
    segment.refresh_from_db()
    assert segment.projected_fields == ["EMail"]


def test_choosing_another_table_swaps_the_attributes_too(contributor, related, accounts):
    headers = HTMX | {"HX-Target": "conditions"}
    text = text_of(contributor.post(url("add"), form(accounts, "", action="table"), headers=headers))
    assert 'id="projected" class="stack-tight" hx-swap-oob="true"' in " ".join(text.split())
    assert "Fields of contacts" in text
    text = text_of(contributor.post(url("add"), form(related, "", action="table"), headers=headers))
    assert "Fields of contacts" not in text
    assert 'hx-swap-oob="true"' in text
    text = text_of(contributor.post(url("add"), form(accounts, "", action="add-condition"), headers=headers))
    assert "projected" not in text
