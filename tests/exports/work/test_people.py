"""A run to a target that takes people goes the same way as one to a file store, and says what it counts."""

import os
import re
import signal

import psutil
import pytest
from django.core import mail
from django.db.models.functions import Now
from django.urls import reverse

from connections.destinations.base import Limits
from exports import actions
from exports.alerts.outbox import send_waiting
from exports.models import AlertChannel, AlertKind, Run
from exports.models.states import State
from exports.runs import log, queue
from exports.work.audiences.carrier import AudienceCarrier
from exports.work.carriers import carrier_of
from exports.work.watch import watch, work_until_idle
from roles.audit.changes import changes_of
from roles.models import AuditEvent, User
from roles.roles import Role
from tests.exports.pages import cells, text_of
from tests.exports.work.people import EVERYBODY, execute, export, lists, notes  # noqa: F401
from tests.exports.work.test_run import in_thread, run_to_end
from tests.exports.work.test_run_of_ten import send_test
from tests.factories import client_of, make_member
from tests.servers.mailing_list.destination import MailingList
from tests.servers.mailing_list.server import handle_of
from tests.until import until

pytestmark = pytest.mark.django_db(transaction=True)
# Nothing that a people run says names what it has none of; profiles are people.
FOREIGN = re.compile(r"\b(files?|manifests?|folders?|publish\w*|rows?)\b", re.IGNORECASE)
SENT_TO_ALL = {
    "check": "5 people",
    "prepare": "Everybody",
    "send": "5 added, 0 changed, 0 removed",
    "count": "5 people at the destination",
}


def shown(response) -> str:
    """The words of a page's own part: no frame, no markup, no hints of what may be done elsewhere."""
    page = text_of(response)
    page = page.partition("<main")[2].partition("</main>")[0] or page
    page = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    attributes = " ".join(re.findall(r'(?:aria-label|title|data-label|placeholder)="([^"]*)"', page))
    return " ".join(re.sub(r"<[^>]+>", " ", page).split()) + " " + attributes


def page_of(client, run: Run, name: str, **kwargs):
    return client.get(reverse(f"exports:{name}", kwargs={"environment": run.environment.slug, **kwargs}))


def at_target(lists) -> list[str]:  # noqa: F811
    """Everyone in the order in which batches brought them."""
    return [person["EMAIL"] for batch in lists.batches for person in batch["add"]]


def test_a_kind_of_destination_has_the_carrier_that_is_registered_for_it_or_for_a_wider_kind():
    class Narrower(MailingList):
        slug = "narrower"

    assert carrier_of(MailingList) is carrier_of(Narrower) is AudienceCarrier
    with pytest.raises(LookupError, match="object"):
        carrier_of(object)


def test_a_click_brings_everybody_into_the_list(environment, export, lists):  # noqa: F811
    client = client_of(make_member(environment, Role.CONTRIBUTOR, "carl"))
    client.post(reverse("exports:run", kwargs={"environment": environment.slug}), {"id": export.pk})
    assert work_until_idle() == 1
    run = export.runs.get()
    assert (run.state, run.message, run.rows_done, run.rows_total) == (State.SUCCEEDED, "", 5, 5)
    assert lists.people("Everybody") == EVERYBODY
    assert lists.lists["Everybody"]["ada@example.com"] == {"EMAIL": "ada@example.com", "FIRST_NAME": "Ada"}
    assert [step["key"] for step in run.steps] == ["refresh", "check", "prepare", "send", "count"]
    assert {step["state"] for step in run.steps} == {"done"}
    assert notes(run) == {"refresh": "Everybody · 5"} | SENT_TO_ALL
    assert (run.files, run.folder, run.is_publishing, run.has_leftovers) == ([], "", False, False)


def test_what_did_not_change_is_not_sent_again_and_who_left_is_removed(environment, export, lists):  # noqa: F811
    export.most_removals = None
    export.save()
    run_to_end(export)
    lists.batches.clear()
    execute(environment, """DELETE FROM {} WHERE "CustomerId" = 'C1'""")
    execute(environment, """UPDATE {} SET "FirstName" = 'Barnabás' WHERE "CustomerId" = 'C2'""")
    run = run_to_end(export)
    assert (run.state, run.rows_done) == (State.SUCCEEDED, 4)
    changed = {"EMAIL": "bela@example.com", "FIRST_NAME": "Barnabás"}
    assert lists.batches == [{"add": [], "remove": [handle_of("ada@example.com")]}, {"add": [changed], "remove": []}]
    assert lists.people("Everybody") == EVERYBODY - {"ada@example.com"}


def test_a_test_sends_ten_at_most_and_removes_nobody(environment, export, lists):  # noqa: F811
    lists.lists["Everybody"] = {"old@example.com": {"EMAIL": "old@example.com"}}
    run = send_test(export)
    assert (run.state, run.rows_done) == (State.SUCCEEDED, 5)
    assert lists.people("Everybody") == EVERYBODY | {"old@example.com"}
    client = client_of(make_member(environment))
    page = shown(page_of(client, run, "run_progress", pk=export.pk, uuid=run.uuid))
    assert "At most 10 people of each segment." in page
    assert FOREIGN.findall(page) == []


# --- gate, limits, brakes


def test_the_targets_limits_skip_the_run(environment, export, lists, monkeypatch):  # noqa: F811
    monkeypatch.setattr(MailingList, "limits", Limits(most_profiles=4))
    assert run_to_end(export).reason == "5 profiles, at most 4 allowed"
    monkeypatch.setattr(MailingList, "limits", Limits(least_profiles_per_segment=6))
    run = run_to_end(export)
    assert (run.state, run.reason, run.rows_done) == (State.SKIPPED, "Segment too small", 0)
    assert lists.batches == []


def test_a_required_field_that_is_missing_fails_the_run(environment, export, lists):  # noqa: F811
    export.segments.get().table.fields.filter(name="Email").update(semantic_type="")
    assert run_to_end(export).reason == "Segment not eligible"


def test_too_many_removals_are_held_and_go_once_a_person_lets_them(environment, export, lists):  # noqa: F811
    run_to_end(export)
    lists.batches.clear()
    execute(environment, """DELETE FROM {} WHERE "CustomerId" = 'C1'""")
    run = run_to_end(export)
    assert (run.state, run.reason) == (State.HELD, "1 removals (20 %)")
    assert lists.batches == []
    client = client_of(make_member(environment))
    at = {"environment": environment.slug, "pk": export.pk, "uuid": run.uuid}
    assert FOREIGN.findall(shown(client.get(reverse("exports:let_go", kwargs=at)))) == []
    client.post(reverse("exports:let_go", kwargs=at), {"why": "Ada moved on."})
    work_until_idle()
    run.refresh_from_db()
    assert (run.state, run.rows_done) == (State.SUCCEEDED, 4)
    assert lists.people("Everybody") == EVERYBODY - {"ada@example.com"}


def test_an_emptied_segment_says_how_many_there_were(environment, export, lists):  # noqa: F811
    run_to_end(export)
    execute(environment, "DELETE FROM {}")
    run = run_to_end(export)
    assert run.state == State.HELD
    assert "“Everybody” is empty (5 people in the last run)" in run.message
    assert lists.people("Everybody") == EVERYBODY


# --- what goes wrong


def test_some_that_the_target_rejects_are_a_warning(environment, export, lists):  # noqa: F811
    lists.rejects = {"dan@example.com", "eve@example.com"}
    run = run_to_end(export)
    assert (run.state, run.reason, run.rows_done) == (State.WARNED, "2 rejected", 3)
    assert run.message == "The destination rejected 2 of 5 people; the others were sent."
    assert [(item["rows"], item["rejected"]) for item in run.items] == [(3, 2)]
    client = client_of(make_member(environment))
    assert "3 · 2 rejected" in shown(page_of(client, run, "progress", pk=export.pk))


def test_a_run_of_which_everyone_is_rejected_has_failed(environment, export, lists):  # noqa: F811
    lists.rejects = EVERYBODY
    run = run_to_end(export)
    assert (run.state, run.reason, run.rows_done) == (State.FAILED, "Every record rejected", 0)
    assert "The destination rejected all of it: 5 people." in run.message
    assert run.export.delivered_at is None


def test_a_failure_that_passes_soon_is_waited_out(environment, export, lists):  # noqa: F811
    lists.statuses, lists.retry_after = [200, 503], "0"
    run = run_to_end(export)
    assert (run.state, run.tries, run.rows_done) == (State.SUCCEEDED, 0, 5)
    assert sorted(at_target(lists)) == sorted(EVERYBODY)


def test_a_failure_that_lasts_is_tried_again_and_sends_only_the_rest(environment, export, lists):  # noqa: F811
    lists.statuses, lists.retry_after = [200, 503], "3000"
    run = run_to_end(export)
    message = "The destination is busy and asks to be tried again later."
    assert (run.state, run.tries, run.message) == (State.RETRYING, 1, message)
    assert len(at_target(lists)) == 2
    Run.objects.filter(pk=run.pk).update(not_before=Now())
    work_until_idle()
    run.refresh_from_db()
    assert (run.state, run.rows_done) == (State.SUCCEEDED, 5)
    assert sorted(at_target(lists)) == sorted(EVERYBODY)


def test_a_refusal_for_good_fails_at_once_and_says_what_was_sent(environment, export, lists):  # noqa: F811
    lists.statuses = [200, 403]
    run = run_to_end(export)
    assert (run.state, run.tries) == (State.FAILED, 0)
    assert str(run.message).startswith("The list does not let us in. Ask an administrator. 2 people were sent before")
    lists.refuses = 403
    again = run_to_end(export)
    assert again.message == run.message


@pytest.mark.long
def test_cancel_in_the_middle_keeps_what_was_acknowledged_and_says_so(environment, export, lists):  # noqa: F811
    lists.stops_after = 1
    run, _is_new = actions.run_now(export, by=None)
    thread = in_thread(work_until_idle)
    until(lambda: lists.is_stopped)
    until(lambda: Run.objects.get(pk=run.pk).rows_done == 2)
    client = client_of(make_member(environment))
    client.post(reverse("exports:cancel", kwargs={"environment": environment.slug, "pk": export.pk}))
    thread.join(60)
    run.refresh_from_db()
    assert (run.state, run.rows_done) == (State.CANCELED, 2)
    assert run.message == "2 people were sent before and stay there."
    assert FOREIGN.findall(shown(page_of(client, run, "progress", pk=export.pk))) == []


def test_a_killed_worker_is_followed_by_one_that_sends_the_rest(environment, export, lists):  # noqa: F811
    lists.stops_after = 1
    run, _is_new = actions.run_now(export, by=None)
    thread = in_thread(lambda: watch(queue.claim()))
    until(lambda: lists.is_stopped)
    me = psutil.Process()
    (child,) = [child.pid for child in me.children() if child.cmdline() == me.cmdline()]
    os.kill(child, signal.SIGKILL)
    thread.join(60)
    run.refresh_from_db()
    assert (run.state, run.claims) == (State.QUEUED, 1)
    lists.stops_after = -1
    lists.goes_on.set()
    Run.objects.filter(pk=run.pk).update(not_before=Now())
    work_until_idle()
    run.refresh_from_db()
    assert (run.state, run.claims, run.rows_done) == (State.SUCCEEDED, 2, 5)
    assert lists.people("Everybody") == EVERYBODY
    assert run.lines.last().text == "Successful: 5 people"


def test_a_run_that_was_interrupted_too_often_says_what_was_sent(environment, export, lists):  # noqa: F811
    run, _is_new = actions.run_now(export, by=None)
    queue.claim()
    Run.objects.filter(pk=run.pk).update(unit="people", rows_done=2, claims=99, lease_until=Now())
    queue.reap()
    run.refresh_from_db()
    assert (run.state, run.reason) == (State.FAILED, "Interrupted too often")
    assert "2 people were sent before and stay there." in run.message
    assert FOREIGN.findall(str(run.message)) == []


# --- words


@pytest.fixture
def operations(environment, settings):
    """A channel that mails everything to somebody."""
    settings.MAIL_IS_SET_UP = True
    values = {"name": "Operations", "kind": "email", "kinds": list(AlertKind.values)}
    channel = AlertChannel.objects.create(environment=environment, **values)
    channel.people.add(make_member(environment, username="olga"))
    User.objects.update(email="olga@example.com")
    return channel


def test_whatever_tells_of_the_run_says_people(environment, export, lists, operations):  # noqa: F811
    lists.statuses = [403]
    failed = run_to_end(export)
    run = run_to_end(export)
    send_waiting()
    client = client_of(make_member(environment, username="ada"))
    pages = [
        page_of(client, run, "progress", pk=export.pk),
        page_of(client, failed, "run_progress", pk=export.pk, uuid=failed.uuid),
        page_of(client, run, "history_of", pk=export.pk),
        page_of(client, run, "history"),
        page_of(client, run, "list"),
    ]
    words = {shown(page) for page in pages}
    assert [FOREIGN.findall(page.replace("Rows sent", "")) for page in words] == [[]] * len(pages)
    assert "People by segment" in shown(pages[0])
    assert "5 people" in [" ".join(cell) for cell in cells(pages[-1], export.name)]
    texts = [str(line.text) for one in (failed, run) for line in log.lines_of(one)]
    assert texts[-1] == "Successful: 5 people"
    assert FOREIGN.findall(" ".join(texts)) == []
    assert [FOREIGN.findall(f"{one.subject} {one.body}") for one in mail.outbox] == [[], []]
    assert "It sent 5 people." in mail.outbox[-1].body
    (event,) = AuditEvent.objects.filter(run=run.uuid, action="end run")
    assert ("People sent", "5") in [(change.name, change.after) for change in changes_of(event)]


def test_an_export_about_companies_says_records(environment, export, lists):  # noqa: F811
    export.settings = {"about": "companies"}
    export.save()
    run = run_to_end(export)
    assert notes(run)["check"] == "5 records"
    assert run.lines.last().text == "Successful: 5 records"
    page = shown(page_of(client_of(make_member(environment)), run, "progress", pk=export.pk))
    assert "Records by segment" in page
    assert FOREIGN.findall(page) == []
