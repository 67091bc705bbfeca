"""What a change breaks in exports is said, and asked about once, before it is saved; what mends them is one click."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from exports.models import Export
from roles.audit.changes import changes_as_json
from roles.models import AuditEvent
from segments.models import Segment
from tests.exports.pane.browser import PANEL, Pane, text_of
from tests.exports.pane.test_set_up_eligible import Business
from tests.factories import make_export

pytestmark = pytest.mark.django_db


@pytest.fixture
def pane(people_list):
    return Business()


def columns(*names):
    return [{"field": name, "name": name} for name in names]


def change(pane, segment, **changes):
    """Save the segment's form with `changes`."""
    form = {
        "name": segment.name, "match": "all", "projected": segment.projected_fields,
    }  # fmt: skip
    at = {"environment": pane.environment.slug, "pk": segment.pk}
    return pane.client.post(reverse("segments:edit", kwargs=at), form | changes, headers=PANEL)


def accepted(answer):
    return {"accepted": re.search(r'name="accepted" value="(\w+)"', answer.content.decode())[1]}


def test_fields_and_exports_that_lose_them_are_named_before_contacts_are_no_longer_projected(pane):
    sent = {str(pane.accounts.pk): columns("AccountId"), str(pane.contacts.pk): columns("EMail")}
    mail = make_export(pane.environment, "Mail hotels", pane.people, [pane.projected], field_selection=sent)
    make_export(pane.environment, "In files", segments=[pane.projected])
    make_export(pane.environment, "Another", pane.people, [pane.of_contacts])
    asked = change(pane, pane.projected, projected=["Name"])
    text = text_of(asked)
    assert asked.status_code == 422
    assert f'href="{pane.url("edit", pk=mail.pk)}"' in text
    assert "It no longer sends the field “EMail”." in text
    assert "Its runs fail: People list needs E-mail address" in text
    assert "In files" not in text.partition('id="consequences"')[2].partition("</div>")[0]
    pane.projected.refresh_from_db()
    assert pane.projected.projected_fields == ["EMail", "Name"]
    other = change(pane, pane.projected, projected=[], **accepted(asked))
    assert (other.status_code, "doesn't accept account segments" in text_of(other)) == (422, True)
    assert change(pane, pane.projected, projected=[], **accepted(other)).status_code == 204
    pane.projected.refresh_from_db()
    assert pane.projected.projected_fields == []


@pytest.mark.parametrize(
    "changes, status", [({"projected": ["EMail"]}, 204), ({"name": "Renamed"}, 422), ({"name": "With  contacts"}, 204)]
)
def test_what_breaks_nothing_is_saved_unasked(pane, changes, status):
    sent = {str(pane.accounts.pk): columns("AccountId"), str(pane.contacts.pk): columns("EMail")}
    make_export(pane.environment, "Mail hotels", pane.people, [pane.projected], field_selection=sent)
    answer = change(pane, pane.projected, **changes)
    assert answer.status_code == status
    assert ("Its files are called “Renamed” instead of “With_contacts”." in text_of(answer)) == (status == 422)


def test_an_export_that_delivered_asks_before_its_folder_changes(people_list):
    pane = Pane()
    pane.send()
    export = Export.objects.get()
    assert pane.send("edit", pk=export.pk, name="Not sent yet").status_code == 302
    Export.objects.update(delivered_at=timezone.now())
    asked = pane.send("edit", pk=export.pk, name="Monthly")
    text = "Its files go into the folder “Monthly”. Files sent so far stay in “Not_sent_yet”."
    assert (asked.status_code, text in text_of(asked), "Save anyway" in text_of(asked)) == (422, True, True)
    assert pane.send("edit", pk=export.pk, name="Monthly", **accepted(asked)).status_code == 302
    assert pane.send("edit", pk=export.pk, name="Monthly", description="Same name").status_code == 302


def test_a_contact_segment_is_used_in_the_export_that_cannot_send_its_accounts(pane):
    mail = make_export(pane.environment, "Mail hotels", pane.people, [pane.of_accounts, pane.of_contacts])
    make_export(pane.environment, "In files", segments=[pane.of_accounts])
    opened = pane.client.get(pane.url("edit", pk=mail.pk))
    way = re.search(r'href="([^"]+)"[^>]*>Create contact segment like “Our accounts”<', text_of(opened))[1]
    made = pane.client.get(way, headers=PANEL)
    assert f'name="export" value="{mail.pk}"' in text_of(made)
    form = {
        "name": "Hotel contacts", "table": pane.contacts.pk, "match": "all", "like": pane.of_accounts.pk,
        "export": mail.pk,
    }  # fmt: skip
    saved = pane.client.post(reverse("segments:add", kwargs={"environment": pane.environment.slug}), form, follow=True)
    assert "Use it in “Mail hotels”" in text_of(saved)
    assert "In files" not in text_of(saved)
    new = Segment.objects.get(name="Hotel contacts")
    used = pane.client.post(
        pane.url("edit", pk=mail.pk), {"use": new.pk, "instead": pane.of_accounts.pk}, headers=PANEL
    )
    assert "“Mail hotels” sends “Hotel contacts” instead of “Our accounts” now." in text_of(used)
    mail.refresh_from_db()
    assert [one.segment for one in mail.export_segments.order_by("position")] == [new, pane.of_contacts]
    assert mail.field_selection[str(pane.contacts.pk)] == columns("EMail")
    event = AuditEvent.objects.filter(object_type="export").latest("pk")
    assert changes_as_json(event)["segments"] == [["Our accounts", "Our contacts"], ["Hotel contacts", "Our contacts"]]
    again = pane.client.post(pane.url("edit", pk=mail.pk), {"use": new.pk, "instead": pane.of_accounts.pk})
    assert again.status_code == 404
