"""The demo: two environments that make sense, are made once, and go on where an earlier set-up stopped."""

import csv
import subprocess
import sys
from datetime import date

import pytest
from django.conf import settings

from exports.demo import setup
from exports.demo.plan_businesses import BUSINESSES
from exports.demo.plan_consumers import CONSUMERS
from exports.models import Export, Run
from exports.models.states import State
from exports.work.watch import work_until_idle
from roles.models import Environment, RoleAssignment
from segments.models import Relationship, Segment, SegmentStatus, Table
from segments.warehouse.projecting import count_projected
from segments.warehouse.reader import snapshot
from tests.exports.spec.documents import checked, printed

TODAY = date(2026, 11, 22)
PLANS = pytest.mark.parametrize("plan", [CONSUMERS, BUSINESSES], ids=lambda plan: plan.slug)


def rows_of(plan, folder, count=3_000):
    files = plan.write(folder, count, TODAY)
    return {name: list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) for name, path in files.items()}


@PLANS
def test_a_plan_speaks_of_nothing_that_it_does_not_have(plan, tmp_path):
    headers = {name: set(rows[0]) for name, rows in rows_of(plan, tmp_path).items()}
    assert set(headers) == {table.name for table in plan.tables}
    tables = {segment.name: segment.table for segment in plan.segments(TODAY)}
    for table in plan.tables:
        assert {table.key, *(field for field, _to in table.refers_to)} <= headers[table.name]
    for segment in plan.segments(TODAY):
        for one in segment.conditions:
            assert one["field"] in headers[one.get("to", segment.table)]
        assert set(segment.projected) <= headers.get("Contacts", set())
    connections = {connection.name for connection in plan.connections}
    for export in plan.exports:
        assert export.connection in connections
        assert set(export.segments) <= set(tables)
        assert set(export.fields) <= headers[tables[export.segments[0]]]


@PLANS
def test_invented_rows_refer_to_each_other_and_are_the_same_each_time(plan, tmp_path):
    found = rows_of(plan, tmp_path)
    for table in plan.tables:
        keys = [row[table.key] for row in found[table.name]]
        assert len(keys) == len(set(keys))
        for field, other in table.refers_to:
            known = {row[field] for row in found[other]}
            assert {row[field] for row in found[table.name]} - {""} <= known
    again = tmp_path / "again"
    again.mkdir()
    assert rows_of(plan, again) == found


def test_businesses_are_believable(tmp_path):
    found = rows_of(BUSINESSES, tmp_path, 100_000)
    assert [len(found[name]) for name in ("Accounts", "Contacts", "Orders")] == [2000, 6086, 23227]
    assert len({row["Company"] for row in found["Accounts"]}) == 2000
    year_ago = "2025-11-22"
    spent = {row["AccountId"]: 0.0 for row in found["Accounts"]}
    for order in found["Orders"]:
        spent[order["AccountId"]] += float(order["TotalPrice"]) if order["OrderedOn"] >= year_ago else 0
    assert {row["AccountId"]: f"{spent[row['AccountId']]:.2f}" for row in found["Accounts"]} == {
        row["AccountId"]: row["YearlySpend"] for row in found["Accounts"]
    }
    assert all(
        row["EMail"].isascii() and row["EMail"].endswith(".example") for row in found["Contacts"] if row["EMail"]
    )


@pytest.fixture
def server(monkeypatch):
    """The demo's SFTP server."""
    command = [sys.executable, "-m", "config.demo_sftp", "0", str(settings.DATA_DIR)]
    with subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True) as process:
        port = process.stdout.readline().rpartition(":")[2].strip()
        monkeypatch.setenv("WAYBILL_SFTP_PORT", port)
        yield int(port)
        process.terminate()


@pytest.fixture
def make(server, monkeypatch, settings, tmp_path):
    """Make the demo as `manage.py demo_data` does, with folders of its own; nobody works on its runs meanwhile."""
    settings.LOCAL_FOLDER_BASE = tmp_path
    monkeypatch.setattr(setup, "LONGEST_WAIT", 0.0)
    said = []

    def make():
        said.clear()
        setup.make_demo(said.append, 300)
        return said

    return make


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_both_environments_are_made_once_and_their_exports_can_be_printed_and_checked(make, tmp_path):
    said = make()
    assert "Contoso Coffee:" in said
    assert "Contoso Coffee for Business:" in said
    consumers, businesses = Environment.objects.order_by("slug")
    assert (consumers.audience, businesses.audience) == ("consumers", "businesses")
    for environment in (consumers, businesses):
        roles = {str(one.user.username): one.role for one in RoleAssignment.objects.filter(environment=environment)}
        assert roles == {"ada": "administrator", "carl": "contributor", "vera": "viewer"}
    assert [str(one) for one in Relationship.objects.described().order_by("table__name") if not one.problem] == [
        "Contacts.AccountId → Accounts.AccountId",
        "Orders.AccountId → Accounts.AccountId",
        "Purchases.CustomerId → Customers.CustomerId",
    ]
    assert set(Segment.objects.values_list("status", flat=True)) == {SegmentStatus.READY}
    hotels = businesses.segments.get(name="Hotels, with contacts")
    with snapshot(businesses, [hotels]) as connection:
        assert count_projected(connection, hotels) > hotels.member_count
    counts = [model.objects.count() for model in (Environment, Table, Segment, Relationship, Run)]
    make()
    assert [model.objects.count() for model in (Environment, Table, Segment, Relationship, Run)] == counts
    for export in Export.objects.select_related("environment"):
        found, said = printed(export)
        assert (said, checked(tmp_path / "export.json", export.environment, found)[0]) == ("", 0)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_exports_of_accounts_and_contacts_really_run(make, monkeypatch):
    monkeypatch.setattr(setup, "PLANS", (BUSINESSES,))
    make()
    work_until_idle()
    assert list(Run.objects.exclude(state=State.SUCCEEDED).values_list("export__name", "message", "detail")) == []
    assert {run.export.name for run in Run.objects.all()} == {export.name for export in BUSINESSES.exports}


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_a_set_up_that_was_interrupted_goes_on(make, monkeypatch):
    real, imported = setup.import_table, []

    def stop_at_contacts(environment, name, *rest, **more):
        if name == "Contacts" and not imported:
            imported.append(name)
            raise KeyboardInterrupt
        return real(environment, name, *rest, **more)

    monkeypatch.setattr(setup, "import_table", stop_at_contacts)
    with pytest.raises(KeyboardInterrupt):
        make()
    businesses = Environment.objects.get(slug="contoso-business")
    assert list(businesses.tables.values_list("name", flat=True)) == ["Accounts"]
    make()
    assert sorted(businesses.tables.values_list("name", flat=True)) == ["Accounts", "Contacts", "Orders"]
    assert businesses.exports.count() == len(BUSINESSES.exports)
