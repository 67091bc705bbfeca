"""Settings > Audit: the list with its filters, its pages and the download."""

import csv
import io
import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from roles.audit import audit
from roles.models import AuditEvent, User
from roles.net.spreadsheet import BOM
from tests.factories import client_of, make_connection, make_environment, make_export, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return make_environment("contoso", name="Contoso")


@pytest.fixture
def ada(environment):
    return make_member(environment, username="ada")


@pytest.fixture
def administrator(ada):
    return client_of(ada)


def url(name: str = "list", **query: object) -> str:
    return reverse(f"audit:{name}", kwargs={"environment": "contoso"}, query=query or None)


def shown(client, **query) -> list[AuditEvent]:
    return [row.event for row in client.get(url(**query)).context_data["rows"]]


def text(client, **query) -> str:
    return " ".join(client.get(url(**query)).content.decode().split())


def at(moment: datetime, environment, name: str = "Then") -> AuditEvent:
    """An event of that moment; the log cannot be told another time later."""
    return AuditEvent.objects.create(
        environment=environment, at=moment, action="change", object_type="export", object_id="1", object_name=name
    )


def test_an_environment_in_which_nothing_happened_says_so(administrator):
    assert "No events yet" in text(administrator)


def test_an_event_is_a_sentence_with_who_when_from_where_and_what_changed(environment, ada, administrator):
    partner = make_connection(environment, "Partner <1>")
    changes = {"sharing": ["nobody", "all"], "secrets": "changed"}
    audit.record(environment, "share", partner, by=ada, changes=changes)
    page = text(administrator)
    assert 'ada changed who can use the connection <strong translate="no">Partner &lt;1&gt;</strong>: ' in page
    assert "command line" in page
    assert "<dt>Who can use it</dt>" in page
    assert "<dt>Secrets</dt><dd>changed</dd>" in page
    assert reverse("connections:edit", kwargs={"environment": "contoso", "pk": partner.pk}) in page
    assert timezone.localtime().tzname() in page


def test_what_is_gone_is_named_without_a_link(environment, ada, administrator):
    export = make_export(environment, "Calls")
    audit.record(environment, "remove", export, by=ada, changes={"runs": [["a", "succeeded"], ["b", "failed"]]})
    address = reverse("exports:edit", kwargs={"environment": "contoso", "pk": export.pk})
    assert address in text(administrator)
    export.delete()
    assert address not in text(administrator)
    assert 'removed the export <strong translate="no">Calls</strong>' in text(administrator)


def test_a_person_who_is_gone_keeps_their_name_and_their_filter(environment, ada, administrator):
    bob = make_member(environment, username="bob")
    audit.record(environment, "change", environment, by=bob)
    audit.record(environment, "change", environment, by=ada)
    User.objects.filter(pk=bob.pk).delete()
    assert [event.actor_name for event in shown(administrator, person=bob.pk)] == ["bob"]
    assert f'<option value="{bob.pk}" >bob</option>' in text(administrator)


def test_an_action_that_the_page_does_not_know_is_shown_as_it_is(environment, ada, administrator):
    audit.record(environment, "polish", environment, by=ada)
    assert 'ada: Polish · the environment <strong translate="no">Contoso</strong>' in text(administrator)


def test_events_of_other_environments_and_of_none_are_not_shown(environment, ada, administrator):
    audit.record(make_environment("other"), "change", environment, by=ada)
    audit.record(None, "sign in", ada, by=ada)
    assert shown(administrator) == []
    assert "Login" not in text(administrator)


@pytest.mark.parametrize(
    "query",
    [
        {"action": "change"},
        {"type": "export"},
        {"q": "wanTED"},
        {"q": "50%_\\\\ is"},
        {"type": "export", "object": "7"},
        {"run": "11111111-1111-4111-8111-111111111111"},
        {"person": "system"},
    ],
)
def test_filters(environment, ada, administrator, query):
    values = {"environment": environment, "object_id": "9"}
    AuditEvent.objects.create(**values, actor=ada, action="remove", object_type="segment", object_name="100%_other")
    wanted = {"action": "change", "object_type": "export", "object_name": "50%_\\\\ is Wanted", "object_id": "7"}
    found = AuditEvent.objects.create(**values | wanted, run=uuid.UUID("11111111-1111-4111-8111-111111111111"))
    assert shown(administrator, **query) == [found]
    assert "Show all" in text(administrator, **query)


def test_days_are_those_of_the_portals_time_zone(environment, administrator, settings):
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        late = at(datetime(2026, 3, 1, 23, 30, tzinfo=ZoneInfo("Asia/Tokyo")), environment)
        from roles.audit.pages.listing import Filters, events_of

        assert list(events_of(environment, Filters(since="2026-03-01", until="2026-03-01"))) == [late]
        assert not events_of(environment, Filters(since="2026-03-02")).exists()
        assert not events_of(environment, Filters(until="2026-02-28")).exists()


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday", "until": "2026-13-01", "run": "x", "q": "\0", "action": ""},
        {"before": "x", "after": "-1"},
        {"before": "9" * 30},
        {"since": "0001-01-01", "until": "9999-12-30"},
    ],
)
def test_what_cannot_be_understood_asks_for_nothing(environment, ada, administrator, query):
    audit.record(environment, "change", environment, by=ada)
    assert len(shown(administrator, **query)) == 1


def test_a_person_who_is_none_is_nobody(environment, ada, administrator):
    audit.record(environment, "change", environment, by=ada)
    for person in ("x", "-1", "9" * 40):
        assert shown(administrator, person=person) == []
    assert "No events match" in text(administrator, person="x")


def test_pages_go_to_the_end_and_back_also_among_events_of_one_moment(environment, administrator):
    moment = timezone.now()
    made = [at(moment - timedelta(seconds=number // 40), environment).pk for number in range(120)]
    in_order = [event.pk for event in AuditEvent.objects.order_by("-at", "-pk")]
    assert sorted(in_order) == sorted(made)
    pages, query = [], {}
    for _number in range(3):
        page = administrator.get(url(**query)).context_data["page"]
        pages.append([event.pk for event in page.events])
        query = {"before": page.older}
    assert [pk for page_ in pages for pk in page_] == in_order
    assert page.older is None
    back = administrator.get(url(after=page.newer)).context_data["page"]
    assert [event.pk for event in back.events] == pages[1]
    first = administrator.get(url(after=back.newer)).context_data["page"]
    assert [event.pk for event in first.events] == pages[0]
    assert first.newer is None
    assert first.older == pages[0][-1]


def test_queries_do_not_grow_with_events_people_and_objects(environment, ada, administrator, django_assert_num_queries):
    def fill(count):
        for _number in range(count):
            person, export = make_member(environment), make_export(environment)
            audit.record(environment, "create", export, by=person)
            audit.record(environment, "create", export.connection, by=person)

    from django.test.utils import CaptureQueriesContext

    fill(2)
    administrator.get(url())
    with CaptureQueriesContext(connection) as few:
        administrator.get(url())
    fill(8)
    with django_assert_num_queries(len(few)):
        administrator.get(url())


def test_htmx_gets_the_list_alone(environment, ada, administrator):
    audit.record(environment, "change", environment, by=ada)
    answer = administrator.get(url(), headers={"HX-Request": "true", "HX-Target": "list"})
    assert answer.content.decode().lstrip().startswith('<div id="list"')


def downloaded(client, **query) -> list[dict[str, str]]:
    answer = client.post(url("download", **query))
    data = b"".join(answer.streaming_content)
    assert data.startswith(BOM)
    return list(csv.DictReader(io.StringIO(data.removeprefix(BOM).decode(), newline="")))


def test_the_download_holds_what_is_filtered_and_is_an_event(environment, ada, administrator):
    audit.record(environment, "change", environment, by=ada, changes={"name": ["Old", "Contoso"]})
    audit.record(environment, "remove", environment, by=ada)
    (row,) = downloaded(administrator, action="change")
    assert (row["person"], row["action"], row["from"]) == ("ada", "change", "command line")
    assert row["what"] == "ada changed the environment Contoso"
    assert '"Old"' in row["changes"]
    event = AuditEvent.objects.get(action="download audit")
    assert (event.actor, event.origin, event.changes) == (ada, "127.0.0.1", {"action": "change"})


def test_a_download_holds_no_formula(environment, ada, administrator):
    environment.name = "=cmd|' /C calc'!A0"
    audit.record(environment, "change", environment, by=ada, changes={"name": ["+1", "=2+2"]})
    (row,) = downloaded(administrator, action="change")
    assert row["object"].startswith("'=")
    assert not any(value.startswith(("=", "+", "@", "-")) for value in row.values())


def test_a_long_log_is_read_in_batches(environment):
    from roles.audit.pages.listing import Filters, events_of, in_batches

    moment = timezone.now()
    for _number in range(7):
        at(moment, environment)
    batches = list(in_batches(events_of(environment, Filters()), size=3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert len({event.pk for batch in batches for event in batch}) == 7
