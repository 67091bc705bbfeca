"""From where: the address of a request, a worker, or the command line."""

import pytest
from django.test import RequestFactory

from roles.audit import audit, origin
from roles.models import AuditEvent
from tests.factories import client_of, make_environment, make_member, make_segment, make_table

pytestmark = pytest.mark.django_db


def address(**headers):
    return origin.client_address(RequestFactory().get("/", **headers))


def test_without_a_proxy_nothing_that_a_client_says_counts(settings):
    settings.BEHIND_PROXY = False
    assert address(REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR="198.51.100.1") == "203.0.113.9"


@pytest.mark.parametrize(
    "forwarded, found",
    [
        ("198.51.100.7", "198.51.100.7"),
        ("10.0.0.1, 127.0.0.1,198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, 2001:DB8::1", "2001:db8::1"),
        ("198.51.100.7, <script>", ""),
        ("198.51.100.7,", ""),
        ("", "203.0.113.9"),
    ],
)
def test_behind_a_proxy_its_own_word_counts_alone(settings, forwarded, found):
    settings.BEHIND_PROXY = True
    assert address(REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR=forwarded) == found


def test_a_socket_of_the_machine_has_no_address(settings):
    settings.BEHIND_PROXY = False
    assert address(REMOTE_ADDR="") == ""


def test_a_request_leaves_its_address_and_its_id_and_nothing_after_it():
    environment = make_environment()
    carl = client_of(make_member(environment))
    table = make_table(environment)
    for segment in (make_segment(table), make_segment(table)):
        carl.post(f"/e/{environment.slug}/segments/{segment.pk}/refresh")
    audit.record(environment, "change", environment, by=None)
    *asked, after = AuditEvent.objects.order_by("pk").exclude(action__in=["refresh", "start refresh", "import"])
    assert [event.action for event in asked] == ["ask for refresh"] * 2
    assert {event.origin for event in asked} == {"127.0.0.1"}
    assert len({event.request_id for event in asked}) == 2
    assert (after.origin, after.request_id) == ("command line", "")


def test_what_a_person_goes_through_is_noted_for_their_request_alone(rf):
    assert origin.OriginMiddleware(lambda _request: origin.current())(rf.get("/admin/x")).through == "Django admin"


def test_a_worker_says_its_machine(monkeypatch):
    monkeypatch.setattr(origin, "_process", origin.COMMAND_LINE)
    origin.set_process("worker")
    kind, _sign, host = origin.current().place.partition("@")
    assert kind == "worker"
    assert host
