"""Which segments the pane offers, by what the chosen type declares and the settings typed; what it warns about."""

import pytest

from exports.models import Export
from roles.kinds import Audience
from segments.models import Field, Segment, Table
from segments.relationships import relate
from tests.exports.pane.browser import Pane, boxes, heads, line_of, text_of
from tests.factories import make_connection, make_segment, make_table
from tests.servers.people_list import PeopleList

pytestmark = pytest.mark.django_db(transaction=True)
ACCOUNTS = "AccountId,Name,City\nA1,Cafés & Co,Paris\nA2,Beans,London\nA3,Cups,Rome\n"
CONTACTS = (
    "ContactId,AccountId,Name,EMail\nP1,A1,Ada,ada@example.com\nP2,A1,Bob,bob@example.com\nP3,A2,Cy,cy@example.com\n"
)
NOT_ELIGIBLE = (
    "The following segment is not eligible for this export destination: '%s'. "
    "Please choose only segments of type ContactProfile and try again."
)
NO_MAIL = "PersonId,Nickname\nN1,Zed\nN2,Yan\nN3,Xi\n"


class Business(Pane):
    """An environment of business accounts, whose contacts are related to them, and a target for people."""

    def __init__(self):
        super().__init__(audience=Audience.BUSINESSES)

    def add_data(self):
        self.accounts = make_table(self.environment, "Accounts", ACCOUNTS, key="AccountId", profile_kind="account")
        self.contacts = make_table(self.environment, "Contacts", CONTACTS, key="ContactId", profile_kind="contact")
        Field.objects.filter(table=self.contacts, name="EMail").update(semantic_type="email")
        Field.objects.filter(table=self.accounts, name="Name").update(semantic_type="company")
        field = self.contacts.fields.get(name="AccountId")
        relate(field, self.accounts.fields.get(name="AccountId"), by=None)
        self.of_accounts = make_segment(self.accounts, "Our accounts")
        self.of_contacts = make_segment(self.contacts, "Our contacts")
        self.projected = make_segment(self.accounts, "With contacts", projected_fields=["EMail", "Name"])
        self.people = make_connection(self.environment, "People", type=PeopleList.slug)

    def draft(self, *chosen, **typed):
        """The pane with these segments chosen; their fields were not shown before."""
        form = {
            "connection": self.people.pk, "name": "Weekly", "schedule_mode": "off", "draft": "1",
            "segments": [segment.pk for segment in chosen],
        }  # fmt: skip
        return self.client.post(self.url(), form | typed)


@pytest.fixture
def pane(people_list):
    return Business()


def test_a_target_for_people_offers_contacts_and_accounts_that_project_what_it_needs(pane):
    shown = pane.draft()
    assert boxes(shown, "segments") == {
        pane.of_accounts.pk: "disabled",
        pane.of_contacts.pk: "",
        pane.projected.pk: "",
    }
    assert line_of(shown, "Our accounts") == "Our accounts Account 3 People list doesn't accept account segments."
    assert "open the segment and choose fields of its contacts" in text_of(shown)
    assert line_of(shown, "Our contacts") == "Our contacts Contact 3"
    assert "their number is not known in advance" in line_of(shown, "With contacts")


def test_settings_that_are_typed_decide_which_segments_fit(pane):
    shown = pane.draft(**{"settings-targeting": "companies", "settings-compression": "none"})
    states = boxes(shown, "segments")
    assert (states[pane.of_accounts.pk], states[pane.of_contacts.pk]) == ("", "disabled")
    assert "not known in advance" not in text_of(shown)


def test_a_chosen_segment_that_no_longer_fits_stays_as_an_error_that_says_what_to_do(pane):
    shown = pane.draft(pane.of_accounts)
    assert boxes(shown, "segments")[pane.of_accounts.pk] == "checked"
    assert line_of(shown, "Our accounts").endswith("Uncheck it, or choose another connection.")
    assert 'aria-invalid="true"' in shown.content.decode()


def test_saving_names_the_segments_that_do_not_fit(pane):
    form = {"connection": pane.people.pk, "name": "Weekly", "schedule_mode": "off"}
    answer = pane.client.post(pane.url(), form | {"segments": [pane.of_accounts.pk, pane.of_contacts.pk]})
    assert answer.status_code == 422
    assert NOT_ELIGIBLE % "Our accounts" in text_of(answer)
    form["segments"] = [make_segment(pane.accounts, "All accounts").pk, pane.of_accounts.pk]
    several = (NOT_ELIGIBLE % "All accounts', 'Our accounts").replace("segment is", "segments are")
    assert several in text_of(pane.client.post(pane.url(), form))
    assert not Export.objects.exists()


def test_a_projected_segment_offers_its_accounts_fields_and_those_that_it_projects(pane):
    shown = pane.draft(pane.projected)
    page = text_of(shown)
    assert f'name="include-{pane.accounts.pk}"' in page
    assert page.count(f'name="order-{pane.contacts.pk}"') == 2
    assert heads(shown) == []
    ticked = {
        f"{name}-{table.pk}": [field.name for field in table.fields.all()]
        for table in (pane.accounts, pane.contacts)
        for name in ("order", "include")
    }
    shown = pane.draft(pane.projected, **ticked)
    assert heads(shown) == ["AccountId", "Name", "City", "Contacts › Name", "EMail"]
    assert "ada@example.com" not in text_of(shown)
    beside = pane.draft(pane.projected, pane.of_contacts)
    assert text_of(beside).count(f'name="order-{pane.contacts.pk}"') == 4, "a contact segment offers all fields"


def test_a_projected_segment_may_send_fields_of_its_contacts_alone(pane):
    accounts, contacts = pane.accounts.pk, pane.contacts.pk
    form = {
        "connection": pane.people.pk, "name": "Weekly", "schedule_mode": "off", "segments": [pane.projected.pk],
        "settings-targeting": "people", "settings-compression": "none",
        f"order-{accounts}": ["AccountId", "Name", "City"], f"column-{accounts}": ["AccountId", "Name", "City"],
        f"order-{contacts}": ["EMail", "Name"], f"column-{contacts}": ["mail", "who"],
    }  # fmt: skip
    assert "Choose at least one field." in text_of(pane.client.post(pane.url(), form))
    assert pane.client.post(pane.url(), form | {f"include-{contacts}": ["EMail"]}).status_code == 302
    assert Export.objects.get().field_selection[str(contacts)] == [{"field": "EMail", "name": "mail"}]


def test_accounts_whose_contacts_are_no_longer_related_do_not_break_the_pane(pane):
    pane.contacts.relationships.all().delete()
    names = [field.name for field in pane.accounts.fields.all()]
    shown = pane.draft(pane.projected, **{f"{name}-{pane.accounts.pk}": names for name in ("order", "include")})
    assert shown.status_code == 200
    assert "The segment cannot be read now." in text_of(shown)


def test_a_file_store_takes_accounts_as_they_are(pane):
    folder = make_connection(pane.environment, "Folder")
    names = [field.name for field in pane.accounts.fields.all()]
    ticked = {f"{name}-{pane.accounts.pk}": names for name in ("order", "include")}
    shown = pane.draft(pane.projected, connection=folder.pk, **ticked)
    assert heads(shown) == ["AccountId", "Name", "City"]
    assert set(boxes(shown, "segments").values()) == {"", "checked"}


def test_in_an_environment_for_consumers_no_kind_is_shown_and_a_missing_field_is_named(people_list):
    pane = Pane()
    plain = make_segment(make_table(pane.environment, "Walk-ins", NO_MAIL, key="PersonId"), "Walk-in customers")
    people = make_connection(pane.environment, "People", type=PeopleList.slug)
    shown = pane.send(connection=people.pk, draft="1")
    reason = "People list needs E-mail address, but no field of this segment provides it."
    assert line_of(shown, plain.name) == f"Walk-in customers 3 {reason}"


def test_limits_are_warned_about_while_choosing(pane):
    few = make_segment(pane.contacts, "A few contacts")
    Segment.objects.filter(pk=pane.of_contacts.pk).update(member_count=1200)
    Segment.objects.filter(pk__in=[few.pk, pane.projected.pk]).update(member_count=2)
    shown = pane.draft()
    assert "1,200 members: over the limit of 1,000 profiles" in line_of(shown, "Our contacts")
    assert "under the minimum of 3 per segment" in line_of(shown, "A few contacts")
    assert "needs at least" not in line_of(shown, "With contacts"), "how many contacts it has is not known"
    Segment.objects.filter(pk__in=[pane.of_contacts.pk, few.pk]).update(member_count=600)
    note = text_of(pane.draft(pane.of_contacts, few)).partition('id="export-note"')[2].partition("</div>")[0]
    assert "1,200 members in total" in note


def test_the_queries_do_not_grow_with_segments_tables_and_what_is_chosen(pane, django_assert_max_num_queries):
    def ask(chosen, kind="segments"):
        with django_assert_max_num_queries(200) as counted:
            assert pane.draft(*chosen, kind=kind).status_code == 200
        return len(counted)

    few = ask([pane.projected, pane.of_contacts])
    more = [Segment(environment=pane.environment, table=pane.contacts, name=f"S{n}", member_count=5) for n in range(40)]
    Segment.objects.bulk_create(more)
    Table.objects.bulk_create(Table(environment=pane.environment, name=f"t{n}") for n in range(40))
    assert ask([pane.projected, pane.of_contacts, *more]) == few
    folder = make_connection(pane.environment, "Folder")
    pane.people = folder
    few = ask([], "data_out")
    Table.objects.bulk_create(Table(environment=pane.environment, name=f"u{n}") for n in range(40))
    assert ask([], "data_out") == few
