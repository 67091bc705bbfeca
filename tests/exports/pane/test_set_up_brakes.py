"""The brakes in the Set up export pane: what is kept, who sees what, what a duplicate takes over."""

import re
from html import unescape

import pytest

from exports.models import Export
from roles.models import AuditEvent
from roles.roles import Role
from tests.exports.pane.browser import Pane, text_of
from tests.factories import client_of, make_connection, make_export, make_member

pytestmark = pytest.mark.django_db
OFF = {"tolerance": "", "sends_nothing": "on"}


@pytest.fixture
def pane():
    return Pane()


@pytest.fixture
def export(pane):
    return make_export(pane.environment, "Weekly", pane.connection, [pane.segment])


def kept(name="Weekly"):
    export = Export.objects.get(name=name)
    return export.tolerance, export.most_removals, export.sends_nothing


def input_of(response, name):
    return re.search(rf'<input [^>]*name="{name}"[^>]*>', unescape(response.content.decode()))[0]


def test_a_new_export_opens_with_the_defaults_and_keeps_them(pane):
    page = pane.client.get(pane.url())
    assert 'value="50"' in input_of(page, "tolerance")
    assert "checked" not in input_of(page, "sends_nothing")
    pane.send(tolerance="50", most_removals="10")
    assert kept() == (50, 10, False)


def test_what_is_typed_is_kept_and_nothing_means_off(pane, export):
    pane.send("edit", pk=export.pk, tolerance="20", sends_nothing="on")
    assert kept() == (20, 10, True)
    pane.send("edit", pk=export.pk, tolerance="")
    assert kept() == (None, 10, False)


def test_who_sends_no_brakes_changes_no_percent(pane, export):
    Export.objects.filter(pk=export.pk).update(tolerance=33, most_removals=7)
    pane.send("edit", pk=export.pk)
    assert kept() == (33, 7, False)


@pytest.mark.parametrize(("name", "value"), [("tolerance", "-1"), ("tolerance", "10001"), ("tolerance", "1.5"),
                                             ("tolerance", "much"), ("most_removals", "101")])  # fmt: skip
def test_what_is_no_percent_is_refused_and_the_section_is_open(pane, export, name, value):
    response = pane.send("edit", pk=export.pk, **{name: value})
    assert response.status_code == 422
    assert "Enter a whole number from 0 to" in text_of(response)
    assert re.search(r'<details [^>]*id="export-brakes" open>', text_of(response))
    assert kept() == (50, 10, False)


def test_removals_are_asked_for_only_where_the_target_removes(pane, export, monkeypatch):
    from connections.destinations.local.destination import LocalFolder

    assert 'type="hidden"' in input_of(pane.client.get(pane.url("edit", pk=export.pk)), "most_removals")
    monkeypatch.setattr(LocalFolder, "removes_members", True)
    assert 'type="number"' in input_of(pane.client.get(pane.url("edit", pk=export.pk)), "most_removals")
    pane.send("edit", pk=export.pk, most_removals="25")
    assert kept() == (50, 25, False)


def test_a_draft_keeps_what_is_typed(pane, export):
    response = pane.send("edit", pk=export.pk, draft="1", tolerance="20", most_removals="7", sends_nothing="on")
    assert 'value="20"' in input_of(response, "tolerance")
    assert 'value="7"' in input_of(response, "most_removals")
    assert "checked" in input_of(response, "sends_nothing")
    assert kept() == (50, 10, False)


def test_a_duplicate_takes_the_brakes_over(pane, export):
    Export.objects.filter(pk=export.pk).update(tolerance=None, most_removals=5, sends_nothing=True)
    page = pane.client.get(pane.url("duplicate", pk=export.pk))
    assert "value=" not in input_of(page, "tolerance")
    assert 'value="5"' in input_of(page, "most_removals")
    assert "checked" in input_of(page, "sends_nothing")
    pane.send("duplicate", pk=export.pk, name="Second", most_removals="5", **OFF)
    assert kept("Second") == (None, 5, True)


def test_who_may_only_view_sees_the_brakes_and_changes_none(pane):
    private = make_connection(pane.environment, sharing="nobody")
    export = make_export(pane.environment, "Private", private, [pane.segment], tolerance=20)
    vera = client_of(make_member(pane.environment, Role.VIEWER, "vera"))
    for client in (vera, pane.client):
        shown = input_of(client.get(pane.url("edit", pk=export.pk)), "tolerance")
        assert 'value="20"' in shown
        assert "disabled" in shown
        assert client.post(pane.url("edit", pk=export.pk), pane.form(tolerance="90")).status_code == 403
    assert kept("Private") == (20, 10, False)


def test_a_change_of_the_brakes_is_in_the_audit_log(pane, export):
    pane.send("edit", pk=export.pk, tolerance="", sends_nothing="on", most_removals="10")
    changes = AuditEvent.objects.get(action="change").changes
    assert changes["tolerance"] == [50, None]
    assert changes["sends_nothing"] == [None, True]
    assert "most_removals" not in changes
