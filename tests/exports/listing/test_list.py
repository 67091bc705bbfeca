"""What the list says of detached and failed exports, and what of it to whom."""

import pytest
from django.urls import reverse

from connections.models import Sharing
from exports.models import Export
from exports.models.states import State
from roles.roles import Role
from tests.exports.pages import cells, make_run, names, text_of, url
from tests.factories import client_of, make_connection, make_export, make_member

pytestmark = pytest.mark.django_db


def test_a_detached_export_says_that_it_is_inactive_whatever_its_last_run_was(environment, carl):
    for name, mode in (("On", "refresh"), ("Off", "off")):
        export = make_export(environment, name, schedule_mode=mode)
        make_run(export, State.SUCCEEDED)
        Export.objects.filter(pk=export.pk).update(connection=None)
    page = carl.get(url(environment))
    assert " ".join(cells(page, "On")[7]) == "Inactive no connection"
    assert " ".join(cells(page, "Off")[7]) == "Off no connection"
    assert page.content.decode().count("data-inactive") == 2
    make_export(environment, "Attached", make_connection(environment, "Zeta"))
    for words in ("no connection", "No Conn", "CONNECTION"):
        assert names(carl.get(url(environment), {"q": words})) == ["Off", "On"]


def test_viewers_select_rows_for_what_they_may_do(environment, carl, shared):
    make_export(environment, "Weekly", shared)
    vera = client_of(make_member(environment, Role.VIEWER))
    for client, may_run in ((carl, True), (vera, False)):
        text = client.get(url(environment)).content.decode()
        assert text.count('class="cell-select"') == 2
        assert 'data-row-action="view"' in text
        assert ('data-needs="run"' in text) is may_run


def test_both_kinds_of_failure_are_found_by_one_filter(environment, carl, shared):
    make_run(make_export(environment, "Gave up", shared), State.FAILED)
    make_run(make_export(environment, "Tries again", shared), State.RETRYING)
    make_run(make_export(environment, "Fine", shared), State.SUCCEEDED)
    page = carl.get(url(environment), {"status": "failed_any"})
    assert names(page) == ["Gave up", "Tries again"]
    chips = [(chip["value"], chip["count"]) for chip in page.context_data["listing"].filters]
    assert chips == [("failed_any", 2), ("succeeded", 1)]
    found = carl.get(url(environment), {"status": "failed_any", "q": "gave"})
    assert names(found) == ["Gave up"]


def test_only_those_who_can_do_something_are_told_that_it_needs_them(environment, carl, shared):
    locked = make_connection(environment, sharing=Sharing.NOBODY)
    for connection in (shared, locked, locked):
        make_run(make_export(environment, connection=connection), State.FAILED)
    assert "1 needs your attention" in text_of(carl.get(url(environment)))
    assert "3 need your attention" in text_of(
        client_of(make_member(environment, Role.ADMINISTRATOR)).get(url(environment))
    )
    seen_by_viewer = text_of(client_of(make_member(environment, Role.VIEWER)).get(url(environment)))
    assert "need your attention" not in seen_by_viewer
    assert "3 failed" in seen_by_viewer


def test_headings_chips_and_the_system_page_count_alike(environment, shared, carl):
    states = (State.FAILED, State.FAILED, State.RETRYING, State.HELD, State.SUCCEEDED)
    for number, state in enumerate(states):
        make_run(make_export(environment, f"Export {number}", shared), state)
    viewer = client_of(make_member(environment, Role.VIEWER))
    exports, system = (
        reverse(name, kwargs={"environment": environment.slug}) for name in ("exports:list", "system:list")
    )
    chips = carl.get(exports).context_data["listing"].filters
    counts = {chip["value"]: chip["count"] for chip in chips}
    assert counts == {"held": 1, "failed_any": 3, "succeeded": 1}
    assert {chip["value"]: chip["count"] for chip in carl.get(system).context_data["listing"].statuses} == counts
    assert "3 failed" in viewer.get(exports).content.decode()
    assert carl.get(exports).context_data["listing"].needs == counts["held"] + states.count(State.FAILED)
    for page in (exports, system):
        listing = carl.get(page, {"status": "failed_any"}).context_data["listing"]
        assert listing.found == counts["failed_any"]
    kept = carl.get(exports, {"status": "retrying"}).context_data["listing"]
    assert (kept.found, [chip["value"] for chip in kept.filters][1:3]) == (1, ["failed_any", "retrying"])


def test_accents_sort_beside_their_letter_and_searches_pass_over_them(environment, carl, shared):
    for name in ("Zebra", "éclair", "Eclair 2", "Forêt", "Ete"):
        make_export(environment, name, shared)
    for where in ("exports:list", "system:list"):
        page = reverse(where, kwargs={"environment": environment.slug})
        named = carl.get(page).content.decode().split('translate="no">')[1:]
        order = [text.partition("<")[0].strip() for text in named]
        assert [one for one in order if one in set(Export.objects.values_list("name", flat=True))][:5] == [
            *("éclair", "Eclair 2", "Ete", "Forêt", "Zebra"),
        ]
        for typed in ("ECLAIR", "Éclair", "e\u0301clair"):
            found = carl.get(page, {"q": typed}).content.decode()
            assert (">éclair<" in found, ">Eclair 2<" in found, ">Zebra<" in found) == (True, True, False), typed
