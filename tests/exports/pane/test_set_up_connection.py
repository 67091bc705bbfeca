"""An administrator adds a connection from inside the pane, and what is typed waits."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from connections.models import Connection
from exports.models import Export
from exports.pane.drafts import LARGEST, MOST
from roles.roles import Role
from tests.exports.pane.browser import FIELDS, PANEL, Pane, boxes, text_of, value_of
from tests.factories import client_of, make_connection, make_environment, make_member

pytestmark = pytest.mark.django_db(transaction=True)
LOST = "Your input is no longer stored."


@pytest.fixture
def pane():
    return Pane(Role.ADMINISTRATOR)


def leave(pane, to="add", /, **typed):
    """Press *Add a connection*; return the address to come back to."""
    answer = pane.send(to, headers=PANEL, add_connection="1", **typed)
    assert answer.status_code == 302
    where = urlsplit(answer.headers["Location"])
    assert where.path == f"/e/{pane.environment.slug}/connections/add"
    return parse_qs(where.query)["next"][0]


@pytest.mark.parametrize("to", ["add", "edit", "duplicate"])
def test_what_is_typed_is_there_again_with_the_new_connection_chosen(pane, to):
    pane.send(name="First")
    saved = Export.objects.get()
    pk = {} if to == "add" else {"pk": saved.pk}
    back = leave(pane, to, **pk, name="Half typed", order=FIELDS[::-1], names={"City": "Town"}, left_out=["Income"])
    new = make_connection(pane.environment, "Brand new")
    shown = pane.client.get(f"{back}&connection={new.pk}", headers=PANEL)
    assert value_of(shown, "name") == "Half typed"
    assert f'<option value="{new.pk}" selected>Brand new' in shown.content.decode()
    assert boxes(shown, "segments") == {pane.segment.pk: "checked"}
    assert value_of(shown, f"order-{pane.table.pk}") == FIELDS[-1]
    assert 'value="Town"' in text_of(shown)
    assert [export.name for export in Export.objects.all()] == ["First"], "nothing is saved by that"


def test_who_comes_back_without_a_connection_finds_the_old_one_chosen(pane):
    shown = pane.client.get(leave(pane))
    assert f'<option value="{pane.connection.pk}" selected>Partner' in shown.content.decode()


@pytest.mark.parametrize("which", ["foreign", "999999999", "x", "٣", ""])
def test_only_a_connection_that_may_be_used_is_chosen(pane, which):
    foreign = make_connection(make_environment(), "Foreign")
    which = foreign.pk if which == "foreign" else which
    shown = pane.client.get(f"{leave(pane, name='Half typed')}&{urlencode({'connection': which})}")
    assert value_of(shown, "name") == "Half typed"
    assert "Foreign" not in text_of(shown)


@pytest.mark.parametrize("token", ["forged", "\u00e9", "x" * 5000, "%00"])
def test_a_forged_token_opens_the_pane_as_if_fresh_and_says_so(pane, token):
    leave(pane, name="Half typed")
    shown = pane.client.get(pane.url(), {"draft": token})
    assert LOST in text_of(shown)
    assert "Half typed" not in text_of(shown)


def test_a_token_is_good_for_its_own_pane_and_person_only(pane):
    pane.send(name="First")
    back = leave(pane, name="Half typed")
    token = parse_qs(urlsplit(back).query)["draft"][0]
    other = pane.client.get(pane.url("edit", pk=Export.objects.get().pk), {"draft": token})
    assert LOST in text_of(other)
    somebody = client_of(make_member(pane.environment, Role.ADMINISTRATOR, "ann"))
    assert LOST in text_of(somebody.get(back))


def test_the_session_keeps_a_few_drafts_and_none_that_is_huge(pane):
    pages = [leave(pane, name=f"Draft {number}") for number in range(MOST + 1)]
    assert LOST in text_of(pane.client.get(pages[0]))
    assert value_of(pane.client.get(pages[1]), "name") == "Draft 1"
    kept = pane.client.session["export_drafts"]
    assert len(kept) == MOST
    assert not any("csrf" in text or "add_connection" in text for _token, _path, text in kept)
    answer = pane.send(headers=PANEL, add_connection="1", description="x" * LARGEST)
    assert answer.status_code == 200
    assert "Your input is too large to keep." in text_of(answer)


def test_a_draft_is_dropped_once_its_pane_is_saved(pane):
    back, other = leave(pane, name="Half typed"), leave(pane, name="Of another tab")
    kept = value_of(pane.client.get(back), "kept")
    assert pane.send(name="", kept=kept).status_code == 422
    assert value_of(pane.client.get(back), "name") == "Half typed", "nothing is saved by a mistake"
    assert pane.send(name="Half typed", kept=kept).status_code == 302
    assert LOST in text_of(pane.client.get(back))
    assert value_of(pane.client.get(other), "name") == "Of another tab"


def test_who_leaves_again_keeps_one_draft(pane):
    kept = value_of(pane.client.get(leave(pane, name="Once")), "kept")
    again = leave(pane, name="Twice", kept=kept)
    assert len(pane.client.session["export_drafts"]) == 1
    assert value_of(pane.client.get(again), "name") == "Twice"


def test_the_first_connection_is_added_from_the_pane(pane):
    Connection.objects.all().delete()
    shown = pane.client.get(pane.url())
    assert "No connection yet." in text_of(shown)
    assert 'name="add_connection"' in shown.content.decode()
    back = leave(pane, connection="")
    new = make_connection(pane.environment, "First")
    assert f'<option value="{new.pk}" selected>' in pane.client.get(f"{back}&connection={new.pk}").content.decode()


def test_contributors_are_not_offered_it_and_refused(pane):
    carl = client_of(make_member(pane.environment, Role.CONTRIBUTOR, "other"))
    assert "add_connection" not in text_of(carl.get(pane.url()))
    assert carl.post(pane.url(), pane.form(add_connection="1")).status_code == 403


def test_the_type_s_help_opens_beside_the_pane(pane):
    shown = text_of(pane.send(draft="1"))
    assert f'href="/e/{pane.environment.slug}/connections/types/local" target="_blank"' in shown
