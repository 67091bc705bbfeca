"""The section Relationships of a table's page: who sees and does what, with and without scripts."""

import json

import pytest
from django.urls import reverse

from roles.models import AuditEvent
from segments.models import Relationship
from tests.factories import make_environment, make_segment, make_table
from tests.segments.test_related import on_account, related
from tests.segments.test_relationships import ACCOUNTS, accounts, contacts, environment, field

__all__ = ["accounts", "contacts", "environment", "related"]
pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true", "HX-Target": "relationships"}


def url(name, **kwargs):
    return reverse(f"segments:{name}", kwargs={"environment": "business", **kwargs})


def page(client, table, **headers):
    return client.get(url("table", pk=table.pk), **headers).content.decode()


def pair(table, name, to_table, key):
    return {"field": field(table, name).pk, "key": field(to_table, key).pk}


def test_a_suggestion_is_one_click(contributor, accounts, contacts):
    text = page(contributor, contacts)
    assert "Add Contacts.AccountId → Accounts.AccountId" in text
    response = contributor.post(url("relate", pk=contacts.pk), pair(contacts, "AccountId", accounts, "AccountId"))
    assert response.url == url("table", pk=contacts.pk) + "#relationships"
    text = page(contributor, contacts)
    assert "Relationship Contacts.AccountId → Accounts.AccountId added." in text
    assert "Suggested" not in text
    assert "Works" in text
    assert "Contacts.AccountId</a> → AccountId" in page(contributor, accounts)
    assert AuditEvent.objects.get(action="add relationship").actor_name == "carl"


def test_with_htmx_the_section_alone_is_loaded_again(contributor, accounts, contacts):
    sent = pair(contacts, "AccountId", accounts, "AccountId")
    response = contributor.post(url("relate", pk=contacts.pk), sent, headers=HTMX)
    assert response.status_code == 204
    assert "relationships:changed" in json.loads(response.headers["HX-Trigger"])
    section = page(contributor, contacts, headers=HTMX).strip()
    assert section.startswith('<section id="relationships"')
    assert section.endswith("</section>")
    assert "First rows" not in section


def test_what_cannot_be_related_is_said_in_the_section_with_the_choice_kept(contributor, accounts, contacts):
    sent = pair(contacts, "EMail", accounts, "AccountId")
    for headers in ({}, HTMX):
        response = contributor.post(url("relate", pk=contacts.pk), sent, headers=headers)
        assert response.status_code == 422
        text = response.content.decode()
        assert "EMail (text) cannot be compared with Accounts.AccountId (smallint). Choose another one." in text
        assert f'<option value="{sent["field"]}" selected' in " ".join(text.split())
    assert not Relationship.objects.exists()


@pytest.mark.parametrize("value", ["", "x", "0", "9" * 30, "-1", "１"])
def test_forged_numbers_are_refused(contributor, accounts, contacts, value):
    good = pair(contacts, "AccountId", accounts, "AccountId")
    for name in good:
        assert contributor.post(url("relate", pk=contacts.pk), good | {name: value}).status_code == 422
    assert not Relationship.objects.exists()


def test_another_environments_tables_fields_and_relationships_are_out_of_reach(contributor, accounts, contacts):
    foreign = make_table(
        make_environment("foreign", audience="businesses"), "Accounts", ACCOUNTS, "AccountId", profile_kind="account"
    )
    to_foreign = {"field": field(contacts, "AccountId").pk, "key": field(foreign, "AccountId").pk}
    from_foreign = {"field": field(foreign, "Company").pk, "key": field(accounts, "AccountId").pk}
    for sent in (to_foreign, from_foreign):
        assert contributor.post(url("relate", pk=contacts.pk), sent).status_code == 422
    assert contributor.post(url("relate", pk=foreign.pk), from_foreign).status_code == 404
    theirs = Relationship.objects.create(
        table=foreign, field_name="Employees", to_table=foreign, to_field_name="AccountId"
    )
    for pk in (foreign.pk, contacts.pk):
        address = url("unrelate", pk=pk, relationship=theirs.pk)
        assert contributor.get(address).status_code == 404
        assert contributor.post(address).status_code == 404
    assert Relationship.objects.get() == theirs


def test_a_viewer_sees_relationships_and_changes_none(viewer, related, accounts):
    text = page(viewer, related)
    assert "Accounts.AccountId</a>" in text
    assert "Add relationship" not in text
    assert "unrelate" not in text
    mine = Relationship.objects.get()
    sent = pair(related, "ContactId", accounts, "AccountId")
    assert viewer.post(url("relate", pk=related.pk), sent).status_code == 403
    for method in (viewer.get, viewer.post):
        assert method(url("unrelate", pk=related.pk, relationship=mine.pk)).status_code == 403
    assert Relationship.objects.get() == mine


def test_removing_asks_first_and_names_the_segments_that_use_it(contributor, related, accounts):
    make_segment(related, "People of cafés", [on_account("Industry", "equals", "Cafés")])
    make_segment(related, "Everybody")
    make_segment(accounts, "With contacts", projected_fields=["EMail"])
    make_segment(accounts, "Plain")
    mine = Relationship.objects.get()
    address = url("unrelate", pk=related.pk, relationship=mine.pk)
    text = contributor.get(address).content.decode()
    assert "2 segments use it" in text
    assert "People of cafés" in text
    assert "With contacts" in text
    assert "Everybody" not in text
    assert Relationship.objects.exists()
    assert contributor.post(address).url == url("table", pk=related.pk) + "#relationships"
    assert not Relationship.objects.exists()
    assert AuditEvent.objects.filter(action="remove relationship").exists()


def test_one_broken_by_a_new_import_says_so(viewer, contributor, related, environment):
    make_table(environment, "Contacts", "ContactId\n11\n", "ContactId", profile_kind="contact")
    for client in (viewer, contributor):
        text = page(client, related)
        assert "Broken" in text
        assert "Contacts no longer has a field “AccountId”." in text
