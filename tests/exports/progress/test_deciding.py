"""Deciding about a held run: who may, what has to be said, and what two people at once are told."""

import re
from html import unescape

import pytest
from django.urls import reverse

from exports import actions
from exports.models import Export, Run
from exports.models.states import State
from exports.runs import decide as deciding
from exports.runs import queue
from exports.work.watch import work_until_idle
from roles.audit.sentences import plain_sentence
from roles.models import AuditEvent
from roles.roles import Role
from tests.factories import client_of, folder_of, make_connection, make_export, make_member

pytestmark = pytest.mark.django_db
PANEL = {"HX-Request": "true", "HX-Target": "panel"}
HELD = [{"brake": "count", "text": "“Everybody”: 100 → 5 (down 95 %)"}]


@pytest.fixture
def export(environment, segment, shared):
    return make_export(environment, "Weekly", shared, segments=[segment])


@pytest.fixture
def run(export):
    return hold(export)


@pytest.fixture
def ada(environment):
    return make_member(environment, username="ada")


@pytest.fixture
def vera(environment):
    return client_of(make_member(environment, Role.VIEWER, "vera"))


def hold(export, **values):
    """Give `export` a held run after three that delivered."""
    segment = export.segments.get()
    entry = {"kind": "segment", "id": segment.pk, "name": segment.name}
    base = {"environment": export.environment, "export": export, "trigger": "schedule"}
    for rows in (90, 100, 110):
        items = [entry | {"rows": rows, "expected": rows}]
        Run.objects.create(**base, state=State.SUCCEEDED, rows_done=rows, items=items)
    values = {"held_for": HELD, "message": "Unusual.", "reason": "few", "claims": 1, "tries": 2} | values
    run = Run.objects.create(**base, state=State.HELD, items=[entry | {"rows": 0, "expected": 5}], **values)
    Export.objects.filter(pk=export.pk).update(last_run=run)
    export.refresh_from_db()
    return run


def url(run, name, **kwargs):
    own = {} if name in ("decide", "progress") else {"uuid": run.uuid}
    return reverse(f"exports:{name}", kwargs={"environment": run.environment.slug, "pk": run.export_id} | own)


def text_of(response):
    return unescape(response.content.decode())


def words_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", text_of(response)).split())


def state_of(run):
    run.refresh_from_db()
    return run.state


def test_letting_go_queues_the_run_again_past_all_brakes(run, ada):
    deciding.release(run, by=ada, why="Spring cleaning of the list.")
    assert state_of(run) == State.QUEUED
    assert (run.is_released, run.decided_by, run.decision) == (True, ada, "Spring cleaning of the list.")
    assert (run.claims, run.tries, run.started_at, run.message) == (0, 0, None, "")
    assert run.decided_at is not None
    assert run.reason == "released by ada"
    assert queue.claim().run_id == run.pk


def test_dropping_ends_the_run(run, ada):
    deciding.drop(run, by=ada, why="The source was broken.")
    assert state_of(run) == State.CANCELED
    assert (run.is_released, run.decided_by, run.reason) == (False, ada, "discarded by ada")
    assert run.ended_at is not None
    assert queue.claim() is None


@pytest.mark.parametrize(("decide", "action"), [(deciding.release, "let go"), (deciding.drop, "drop")])
def test_a_decision_is_in_the_audit_log_once_with_its_reason(run, ada, decide, action):
    decide(run, by=ada, why="Known.")
    (event,) = AuditEvent.objects.filter(run=run.uuid)
    assert (event.action, event.actor, event.changes["why"]) == (action, ada, "Known.")
    assert str(run.lines.get().text).endswith("by ada: Known.")
    assert re.fullmatch(r"ada (released|discarded) a held run of the export Weekly: Known\.", plain_sentence(event))


@pytest.mark.parametrize("state", [State.QUEUED, State.SUCCEEDED, State.SKIPPED, State.CANCELED])
def test_only_a_held_run_is_decided_about(run, ada, state):
    Run.objects.filter(pk=run.pk).update(state=state)
    for decide in (deciding.release, deciding.drop):
        with pytest.raises(deciding.NotHeldError, match="no longer held"):
            decide(run, by=ada, why="Known.")
    assert state_of(run) == state
    assert not AuditEvent.objects.filter(run=run.uuid).exists()


def test_the_second_of_two_people_is_told_what_the_first_did(run, ada, environment):
    bob = make_member(environment, username="bob")
    deciding.drop(run, by=bob, why="Broken.")
    with pytest.raises(deciding.NotHeldError, match="bob discarded this run on"):
        deciding.release(run, by=ada, why="Fine.")
    assert state_of(run) == State.CANCELED


def test_the_question_shows_the_numbers_beside_those_of_the_last_runs(carl, run):
    page = text_of(carl.get(url(run, "decide")))
    words = words_of(carl.get(url(run, "decide")))
    assert HELD[0]["text"] in words
    assert re.search(r"This run, held 5 .* 110 .* 100 .* 90", words)
    assert "Send anyway" in words
    assert "Discard this run" in words
    assert f'formaction="{url(run, "let_go")}"' in page
    assert f'formaction="{url(run, "drop")}"' in page


@pytest.mark.parametrize(
    ("name", "there", "not_there"), [("let_go", "Send anyway", "Discard"), ("drop", "Discard", "Send")]
)
def test_asked_for_one_way_only_that_one_is_offered(carl, run, name, there, not_there):
    page = text_of(carl.get(url(run, name), headers=PANEL))
    buttons = re.findall(r'<button class="button [^>]*>\s*(.*?)</button>', page, re.DOTALL)
    assert [button.startswith(there) for button in buttons] == [True]
    assert not any(button.startswith(not_there) for button in buttons)


def test_without_a_word_why_nothing_is_decided(carl, run):
    for name in ("let_go", "drop"):
        response = carl.post(url(run, name), {"why": "  "}, headers=PANEL)
        assert response.status_code == 422
        assert "Enter a reason." in text_of(response)
    assert carl.post(url(run, "drop"), {"why": "x" * 501}).status_code == 422
    assert state_of(run) == State.HELD


def test_what_was_typed_stays_and_both_ways_stay_open(carl, run):
    response = carl.post(url(run, "let_go"), {"why": "x" * 501, "both": "1"}, headers=PANEL)
    assert "x" * 501 in text_of(response)
    assert "Discard this run" in text_of(response)


def test_a_contributor_lets_it_go_and_sees_it_go_on(carl, run):
    response = carl.post(url(run, "let_go"), {"why": "Known."}, headers=PANEL)
    assert response.status_code == 200
    assert "Progress details" in text_of(response)
    assert "exports:changed" in response.headers["HX-Trigger"]
    assert state_of(run) == State.QUEUED
    words = words_of(carl.get(url(run, "progress")))
    assert "Released by carl ·" in words
    assert "Reason Known." in words


def test_without_scripts_the_same_is_a_page_and_a_way_back(carl, run):
    assert carl.get(url(run, "decide")).status_code == 200
    response = carl.post(url(run, "drop"), {"why": "Broken."}, follow=True)
    assert response.redirect_chain == [(url(run, "run_progress"), 302)]
    assert "Run discarded." in words_of(response)
    assert "Held because" in words_of(response)


def test_a_run_that_was_decided_meanwhile_is_shown_with_what_became_of_it(carl, run, ada):
    deciding.drop(run, by=ada, why="Broken.")
    for answer in (carl.get(url(run, "decide"), follow=True), carl.post(url(run, "let_go"), {"why": "x"}, follow=True)):
        assert "ada discarded this run on" in words_of(answer)
    response = carl.post(url(run, "let_go"), {"why": "Known."}, headers=PANEL)
    assert "ada discarded this run on" in response.headers["HX-Trigger"]
    assert state_of(run) == State.CANCELED


def test_a_run_that_lapsed_is_told_as_skipped(carl, run):
    Run.objects.filter(pk=run.pk).update(state=State.SKIPPED, reason="Nobody decided")
    response = carl.post(url(run, "let_go"), {"why": "Known."}, follow=True)
    assert "This run is no longer held; its status is “Skipped”." in words_of(response)


def test_who_may_not_edit_the_export_decides_nothing(carl, vera, environment, segment, run):
    unshared = make_export(environment, "Private", make_connection(environment, sharing="nobody"), segments=[segment])
    private = hold(unshared)
    for client, mine in ((vera, run), (carl, private)):
        for name in ("decide", "let_go", "drop"):
            assert client.get(url(mine, name)).status_code == 403
        for name in ("let_go", "drop"):
            assert client.post(url(mine, name), {"why": "Known."}).status_code == 403
        words = words_of(client.get(url(mine, "progress")))
        assert "Send anyway" not in words
        assert "Anyone who can edit this export can decide." in words
        assert state_of(mine) == State.HELD


def test_a_run_of_another_export_is_not_found(carl, environment, segment, shared, run):
    other = hold(make_export(environment, "Other", shared, segments=[segment]))
    own = {"environment": environment.slug, "pk": run.export_id, "uuid": other.uuid}
    assert carl.post(reverse("exports:drop", kwargs=own), {"why": "Known."}).status_code == 404


def test_progress_details_offer_both_ways_and_no_cancel_without_a_word(carl, run):
    words = words_of(carl.get(url(run, "progress")))
    assert "Send anyway…" in words
    assert "Discard this run…" in words
    assert "Cancel job" not in words


def test_the_rows_menu_leads_to_the_decision_while_it_is_open(carl, vera, run, ada):
    address = reverse("exports:list", kwargs={"environment": run.environment.slug})
    assert "Decide…" in text_of(carl.get(address))
    assert "Decide…" not in text_of(vera.get(address))
    deciding.drop(run, by=ada, why="Broken.")
    assert "Decide…" not in text_of(carl.get(address))


def test_an_export_that_never_ran_has_nothing_to_decide(carl, export):
    address = reverse("exports:decide", kwargs={"environment": export.environment.slug, "pk": export.pk})
    assert "no decision is needed" in words_of(carl.get(address, follow=True))
    assert carl.get(address, headers=PANEL).status_code == 200


def test_the_log_is_in_progress_details_with_hosts_for_administrators_alone(carl, ada, run):
    from exports.runs import log

    log.say(run, "A line.", detail="box:1")
    assert "A line." in text_of(carl.get(url(run, "progress")))
    assert "box:1" not in text_of(carl.get(url(run, "progress")))
    assert "box:1" in text_of(client_of(ada).get(url(run, "progress")))


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_released_delivers_and_is_usual_from_then_on(export, ada):
    run = hold(export)
    deciding.release(run, by=ada, why="A new start.")
    work_until_idle()
    assert state_of(run) == State.SUCCEEDED
    assert run.rows_done == 5
    assert list(folder_of(export.connection).rglob("*.csv"))
    again, _is_new = actions.run_now(export, by=ada)
    work_until_idle()
    assert state_of(again) == State.SUCCEEDED
