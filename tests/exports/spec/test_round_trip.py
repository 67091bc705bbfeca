"""What is printed of an export has nothing wrong, whatever the export is; read again it says the same."""

import json
import random
from dataclasses import asdict, replace

import pytest

from exports import actions
from exports.models import Export, ExportTable, ScheduleMode
from exports.schedules import planning
from exports.schedules.recurrence import LAST_DAY, Recurrence
from exports.spec.catalogue import Catalogue
from exports.spec.check import check
from exports.spec.document import document_of, read_document
from exports.spec.spec import Column
from exports.spec.stored import sent_spec, spec_of
from roles.kinds import Audience
from segments.models import Field, Segment, Table
from segments.relationships import relate
from tests.exports.spec.documents import checked, printed
from tests.factories import make_connection, make_environment, make_export, make_member, make_segment, make_table
from tests.servers.people_list import PeopleList

pytestmark = pytest.mark.django_db
NAMES = [
    "Plain", 'He said "no"', "It's", "😀 👩‍👩‍👧", "two\nlines", "tab\there", "Ünï — “quoted”", "日本語", "a\\b/c",
    "%s {x} $1", "<b>", "٣", "12", "null", "x" * 60, "old\u202ename",
]  # fmt: skip
RULES = [
    Recurrence("hourly", ("00:07",), zone="UTC"),
    Recurrence("daily", ("06:30",), zone="Europe/Paris"),
    Recurrence("daily", ("06:30", "12:00", "23:59"), zone="Europe/Paris"),
    Recurrence("weekly", ("07:45",), (1, 2, 7), zone="Asia/Kathmandu"),
    Recurrence("monthly", ("22:00",), month_day=31, zone="America/New_York"),
    Recurrence("monthly", ("22:00",), month_day=LAST_DAY, zone="America/New_York"),
    Recurrence("cron", cron="30 5 * * 1-5", zone="America/Sao_Paulo"),
]


class House:
    """An environment full of odd names, and exports of what is in it, by chance."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.environment = make_environment()
        self.tables = [self.make_table(name) for name in self.random.sample(NAMES, 3)]
        self.segments = [
            Segment.objects.create(environment=self.environment, table=self.random.choice(self.tables), name=name)
            for name in self.random.sample(NAMES, 6)
        ]
        self.connections = [make_connection(self.environment, name) for name in self.random.sample(NAMES, 3)]

    def make_table(self, name):
        table = Table.objects.create(environment=self.environment, name=name, profile_kind="customer")
        fields = enumerate(self.random.sample(NAMES, 5))
        Field.objects.bulk_create(Field(table=table, name=one, position=at, pg_type="text") for at, one in fields)
        return table

    def some(self, things, least=0):
        return self.random.sample(things, self.random.randint(least, len(things)))

    def make_export(self, name):
        chance, is_data_out = self.random.random, self.random.random() < 0.3
        export = make_export(
            self.environment, name, self.random.choice(self.connections), self.some(self.segments, 1),
            kind="data_out" if is_data_out else "segments",
            description=self.random.choice(["", "Why", "Two\nlines\tand “more” 😀"]),
            settings=self.random.choice([{}, {"compression": "gzip"}, {"delimiter": "pipe", "compression": "none"},
                                         {"compression": "none", "of_an_older_version": [1]}]),
            refreshes_segments=chance() < 0.5, sends_nothing=chance() < 0.5,
            tolerance=self.random.choice([None, 0, 50, 10_000]), most_removals=self.random.choice([None, 0, 10, 100]),
        )  # fmt: skip
        if is_data_out:
            for position, table in enumerate(self.some(self.tables, 1)):
                ExportTable.objects.create(export=export, table=table, position=position)
        export.field_selection = {str(table.pk): self.columns(table) for table in self.some(self.tables)}
        mode = self.random.choice(ScheduleMode.values)
        planning.save(export, ScheduleMode.OWN, self.random.choice(RULES))
        planning.save(export, mode if chance() < 0.8 else ScheduleMode.OWN)
        export.schedule_mode = ScheduleMode.OWN if hasattr(export, "schedule") and chance() < 0.1 else mode
        if not planning.stored_rule(export) and export.schedule_mode == ScheduleMode.OWN:
            export.schedule_mode = ScheduleMode.REFRESH
        if chance() < 0.2:
            export.connection = None
        export.save()
        return export

    def columns(self, table):
        """Some fields, under names of their own or another one, and one that the table has no more."""
        fields = self.some([*table.fields.all()], 1)
        gone = [{"field": "gone", "name": "Gone"}] if self.random.random() < 0.3 else []
        return gone + [{"field": one.name, "name": f"column {one.position}"} for one in fields]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_what_is_printed_has_nothing_wrong_and_says_the_same_again(seed, tmp_path):
    house = House(seed)
    for name in NAMES:
        export = house.make_export(name)
        found, said = printed(export)
        assert (": it is left out." in said) == ("gone" in json.dumps(spec_of_sent(export)))
        assert document_of(read_document(json.dumps(found).encode()).spec) == found
        assert checked(tmp_path / "export.json", house.environment, found)[0] == 0, found
        assert checked(tmp_path / "export.json", house.environment, found, str(export.pk))[0] == 0, found


def spec_of_sent(export):
    """What is stored of the fields of tables that go now, also of those that are gone."""
    sent, _left_out = sent_spec(export, Catalogue(export.environment))
    return {table: [asdict(one) for one in spec_of(export).fields[table]] for table in sent.fields}


@pytest.mark.parametrize("rule", [None, *RULES], ids=lambda rule: rule.repeat if rule else "none")
@pytest.mark.parametrize("mode", ScheduleMode.values)
def test_every_schedule_is_printed_and_read(environment, segment, rule, mode):
    export = make_export(environment, "Weekly", segments=[segment])
    if rule:
        planning.save(export, ScheduleMode.OWN, rule)
        planning.save(export, mode)
    elif mode == ScheduleMode.OWN:
        return  # there is none
    export.schedule_mode = mode
    export.save()
    found, _said = printed(export)
    read = read_document(json.dumps(found).encode())
    assert (read.problems, read.spec.schedule) == ([], spec_of(export).schedule)
    assert check(read.spec, Catalogue(environment), export).errors == []
    assert actions.save(export, read.spec, by=make_member(environment)).schedule_mode == mode
    kept = planning.stored_rule(export)
    assert kept == (rule if mode != ScheduleMode.REFRESH else None)


def test_saving_what_was_printed_and_checked_changes_nothing(environment, table, segment, shared):
    fields = {str(table.pk): [{"field": "City", "name": "Town"}, {"field": "Email", "name": "Email"}]}
    settings = {"compression": "gzip", "delimiter": "tab"}
    export = make_export(environment, "Weekly", shared, [segment], field_selection=fields, settings=settings)
    before = Export.objects.values().get()
    spec = check(read_document(json.dumps(printed(export)[0]).encode()).spec, Catalogue(environment), export).spec
    actions.save(export, spec, by=make_member(environment))
    changed = {name for name, value in Export.objects.values().get().items() if value != before[name]}
    assert changed <= {"folder", "updated_at", "updated_by_id"}


def test_fields_of_tables_that_do_not_go_now_are_kept_and_not_printed(environment, table, segment, shared):
    other = make_table(environment, "Walk-ins", "Id,Nick\n1,Zed\n", key="Id")
    fields = {str(other.pk): [{"field": "Nick", "name": "Who"}], str(table.pk): [{"field": "City", "name": "City"}]}
    export = make_export(environment, "Weekly", shared, [segment], field_selection=fields)
    assert list(printed(export)[0]["fields"]) == ["Customers"]
    spec, _left_out = sent_spec(export, Catalogue(environment))
    saved = actions.save(export, replace(spec, fields={"Customers": (Column("Email", "E"),)}), by=None)
    assert saved.field_selection == fields | {str(table.pk): [{"field": "Email", "name": "E"}]}
    saved = actions.save(export, replace(spec, fields={}), by=None)
    assert saved.field_selection == {str(other.pk): fields[str(other.pk)]}, "of the others all fields go again"


def test_accounts_with_their_contacts(people_list, tmp_path):
    environment = make_environment(audience=Audience.BUSINESSES)
    accounts = make_table(
        environment, "Accounts", "AccountId,Name\nA1,Beans\n", key="AccountId", profile_kind="account"
    )
    csv = "ContactId,AccountId,EMail\nP1,A1,ada@example.com\n"
    contacts = make_table(environment, "Contacts", csv, key="ContactId", profile_kind="contact")
    Field.objects.filter(name="EMail").update(semantic_type="email")
    relate(contacts.fields.get(name="AccountId"), accounts.fields.get(name="AccountId"), by=None)
    segment = make_segment(accounts, "With contacts", projected_fields=["EMail"])
    people = make_connection(environment, "People", type=PeopleList.slug)
    fields = {
        str(accounts.pk): [],
        str(contacts.pk): [{"field": "EMail", "name": "mail"}, {"field": "ContactId", "name": "id"}],
    }
    export = make_export(environment, "People", people, [segment], field_selection=fields)
    found, said = printed(export)
    assert found["fields"] == {"Accounts": [], "Contacts": [{"field": "EMail", "name": "mail"}]}
    assert "“Contacts” no longer has the field “ContactId”: it is left out." in said
    assert checked(tmp_path / "export.json", environment, found)[0] == 0


def test_an_export_that_is_detached_may_stay_so_and_get_a_connection(environment, segment, shared, tmp_path):
    export = make_export(environment, "Weekly", shared, [segment])
    with pytest.raises(ValueError, match="detach"):
        actions.save(export, replace(spec_of(export), connection=None), by=None)
    actions.detach(export, by=None)
    found, _said = printed(Export.objects.get())
    assert (found["connection"], found["is_detached"]) == (None, True)
    path = tmp_path / "export.json"
    assert checked(path, environment, found)[0] == 0
    assert checked(path, environment, found | {"connection": "Partner"})[1] == [
        "is_detached: A detached export has no connection. Remove one of the two. [invalid]"
    ]
    assert checked(path, environment, found | {"connection": "Partner", "is_detached": False})[0] == 0
    actions.save(export, replace(spec_of(Export.objects.get()), name="Still", is_detached=True), by=None)
    export = Export.objects.get()
    assert (export.name, export.connection, export.detached_sharing) == ("Still", None, "all")
    actions.save(export, replace(spec_of(export), connection="Partner"), by=None)
    export.refresh_from_db()
    assert (export.connection, export.detached_sharing) == (shared, "")


def test_what_is_wrong_with_an_export_today_is_said(environment, table, segment, shared, tmp_path):
    """One that sends no field any more, and one whose type is gone: printed as it is."""
    fields = {str(table.pk): [{"field": "gone", "name": "Gone"}]}
    export = make_export(environment, "Weekly", shared, [segment], field_selection=fields)
    found, _said = printed(export)
    code, lines = checked(tmp_path / "export.json", environment, found)
    assert (code, lines) == (1, ["fields.Customers: Choose at least one field. [required]"])
    shared.type = "of_another_package"
    shared.save()
    export = make_export(environment, "Odd", shared, [segment], settings={"anything": 1})
    found, _said = printed(export)
    assert found["settings"] == {"anything": 1}
    assert checked(tmp_path / "export.json", environment, found)[0] == 0
