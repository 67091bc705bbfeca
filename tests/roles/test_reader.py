"""Who reads times in which zone: the account's, else the environment's; and nothing of it stays behind."""

import re
import threading
from datetime import UTC, datetime
from html import unescape
from importlib import import_module

import pytest
from django.apps import apps
from django.core import mail
from django.core.management import CommandError, call_command
from django.http import StreamingHttpResponse
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from exports.alerts.channels.sending import send
from exports.models import Alert, AlertChannel, AlertDelivery, Export, Run
from roles import reader
from roles.messages import said
from roles.models import AuditEvent, Environment, User
from roles.people import mail as invitations
from roles.people.invitations import invite
from roles.roles import Role
from roles.ui.words import exact_time
from tests.factories import client_of, make_environment, make_export, make_member

pytestmark = pytest.mark.django_db
NIGHT = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # in Paris and in Jakarta it is December


@pytest.fixture
def contoso():
    return make_environment(time_zone="Europe/Paris")


@pytest.fixture(autouse=True)
def nothing_stays_behind():
    yield
    assert timezone.get_current_timezone_name() == "UTC"


def text_of(answer):
    body = b"".join(answer) if answer.streaming else answer.content
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.decode())).split())


def address(name, environment, **more):
    return reverse(name, kwargs={"environment": environment.slug} | more)


def event_of(environment, at=NIGHT):
    return AuditEvent.objects.create(environment=environment, at=at, action="change zone", object_type="environment")


def run_of(environment):
    export = Export.objects.first() or make_export(environment, "Mails")
    return Run.objects.create(
        export=export, environment=environment, trigger="manual", state="succeeded", queued_at=NIGHT,
        started_at=NIGHT, ended_at=NIGHT,
    )  # fmt: skip


@pytest.mark.parametrize(
    "own, of_environment, shown, zone",
    [
        ("", "Europe/Paris", "1 Dec 2026, 00:30:00", "Europe/Paris (UTC+0"),
        ("Asia/Jakarta", "Europe/Paris", "1 Dec 2026, 06:30:00", "Asia/Jakarta (UTC+07:00)"),
        ("America/New_York", "Europe/Paris", "30 Nov 2026, 18:30:00", "America/New_York (UTC-0"),
        ("Gone/Zone", "Europe/Paris", "1 Dec 2026, 00:30:00", "Europe/Paris (UTC+0"),
        ("", "Gone/Zone", "30 Nov 2026, 23:30:00", "UTC"),
    ],
)
def test_own_zone_goes_before_that_of_the_environment(own, of_environment, shown, zone):
    contoso = make_environment(time_zone=of_environment)
    browser = client_of(make_member(contoso, time_zone=own))
    event_of(contoso), run_of(contoso)
    for name in ("audit:list", "exports:history"):
        page = text_of(browser.get(address(name, contoso)))
        assert shown in page, name
        assert f"Times are in {zone}" in page, name


def test_days_begin_where_the_reader_is(contoso):
    """Filters by date, and the columns of the chart."""
    event_of(contoso), run_of(contoso)
    for zone, day in (("Asia/Jakarta", "2026-12-01"), ("America/New_York", "2026-11-30")):
        browser = client_of(make_member(contoso, time_zone=zone))
        other = {"2026-12-01": "2026-11-30", "2026-11-30": "2026-12-01"}[day]
        for name, what in (("audit:list", "cell-when"), ("exports:history", "cell-status")):
            found = {}
            for asked in (day, other):
                page = browser.get(address(name, contoso), {"since": asked, "until": asked}).content.decode()
                found[asked] = what in page
            assert found == {day: True, other: False}, (zone, name)
        chart = text_of(browser.get(address("exports:history", contoso), {"since": day, "until": day}))
        assert {"2026-12-01": "1 Dec 2026", "2026-11-30": "30 Nov 2026"}[day] in chart


def test_where_no_environment_is_meant_those_of_the_person_decide_if_they_agree(contoso):
    person = make_member(contoso)
    assert reader.zone_for(person) == "Europe/Paris"
    make_environment(time_zone="Asia/Tokyo").role_assignments.create(user=person, role=Role.VIEWER)
    assert reader.zone_for(person) == "UTC"
    assert "Each environment’s own" in text_of(client_of(person).get(reverse("account")))


def test_people_choose_on_their_account(contoso):
    person = make_member(contoso)
    browser = client_of(person)
    page = browser.get(reverse("account")).content.decode()
    assert "Environment’s (Europe/Paris)" in unescape(page)
    assert re.search(r'<optgroup label="Asia">.*<option value="Asia/Jakarta">Jakarta \(UTC\+07:00\)', page, re.DOTALL)
    browser.post(reverse("account_reading"), {"time_zone": "Asia/Jakarta"})
    assert User.objects.get(pk=person.pk).time_zone == "Asia/Jakarta"
    assert browser.post(reverse("account_reading"), {"time_zone": "Mars/Base"}).status_code == 422
    # Known, and not offered to others.
    User.objects.filter(pk=person.pk).update(time_zone="US/Eastern")
    assert '<option value="US/Eastern" selected>' in browser.get(reverse("account")).content.decode()
    browser.post(reverse("account_reading"), {"time_zone": ""})
    assert User.objects.get(pk=person.pk).time_zone == ""


def test_an_environment_is_made_in_a_zone():
    options = {"name": "Contoso", "audience": "consumers", "administrator": make_member(make_environment()).username}
    call_command("create_environment", "paris", time_zone="paris", **options)
    call_command("create_environment", "usual", **options)
    zones = dict(Environment.objects.filter(slug__in=("paris", "usual")).values_list("slug", "time_zone"))
    assert zones == {"paris": "Europe/Paris", "usual": "UTC"}
    with pytest.raises(CommandError, match="not a known time zone"):
        call_command("create_environment", "mars", time_zone="Mars/Base", **options)


def test_an_upgrade_keeps_the_zone_in_which_times_were_shown(contoso, settings):
    untold = make_environment(time_zone="UTC")
    settings.TIME_ZONE = "Asia/Tokyo"
    import_module("roles.migrations.0012_zone_of_the_reader").keep_what_is_shown(apps, None)
    zones = Environment.objects.in_bulk([contoso.pk, untold.pk])
    assert [zones[one.pk].time_zone for one in (contoso, untold)] == ["Europe/Paris", "Asia/Tokyo"]
    settings.TIME_ZONE = "UTC"


def test_administrators_change_it_at_once(contoso):
    browser = client_of(make_member(contoso))
    event_of(contoso)
    browser.post(address("system:zone", contoso), {"time_zone": "Asia/Jakarta"})
    assert "1 Dec 2026, 06:30:00" in text_of(browser.get(address("audit:list", contoso)))


def test_streams_are_made_in_the_readers_zone_and_an_error_leaves_nothing(contoso):
    person = make_member(contoso, time_zone="Asia/Jakarta")
    between = []

    def pieces():
        yield exact_time(NIGHT).encode()
        raise ZeroDivisionError

    def view(_request):
        timezone.activate("Asia/Jakarta")
        return StreamingHttpResponse(pieces())

    request = RequestFactory().get("/")
    request.user = person
    made = iter(reader.ReaderMiddleware(view)(request))
    between += [timezone.get_current_timezone_name(), next(made), timezone.get_current_timezone_name()]
    assert between == ["UTC", b"1 Dec 2026, 06:30:00 UTC+07:00", "UTC"]
    with pytest.raises(ZeroDivisionError):
        next(made)

    def broken(_request):
        timezone.activate("Asia/Jakarta")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reader.ReaderMiddleware(broken)(request)


def test_one_reader_in_one_thread_does_not_change_another(contoso):
    event_of(contoso)
    browsers = [client_of(make_member(contoso, time_zone=zone)) for zone in ("Asia/Jakarta", "", "Asia/Jakarta", "")]
    pages = [text_of(browser.get(address("audit:list", contoso))) for browser in browsers]
    assert ["06:30:00" in page for page in pages] == [True, False, True, False]
    elsewhere = []
    with reader.reading(None, contoso):
        thread = threading.Thread(target=lambda: elsewhere.append(timezone.get_current_timezone_name()))
        thread.start()
        thread.join()
    assert elsewhere == ["UTC"]


def test_what_polls_compare_differs_by_zone(contoso):
    """An open page is brought up to date after its reader chose another zone."""
    person = make_member(contoso)
    browser = client_of(person)
    make_export(contoso, "Mails")
    page = browser.get(address("exports:list", contoso)).content.decode()
    poll = unescape(re.search(r'hx-get="([^"]*changes[^"]*)"', page)[1])
    assert browser.get(poll).status_code == 204
    User.objects.filter(pk=person.pk).update(time_zone="Asia/Jakarta")
    assert browser.get(poll).status_code == 200


def test_downloads_say_utc(contoso):
    """What leaves as data is the same for every reader."""
    event_of(contoso), run_of(contoso)
    for zone in ("Asia/Jakarta", "America/New_York"):
        browser = client_of(make_member(contoso, time_zone=zone))
        told = (
            browser.post(address("audit:download", contoso)),
            browser.get(address("exports:history_download", contoso)),
        )
        assert all(b"2026-11-30T23:30:00.000+00:00" in answer.getvalue() for answer in told)


def test_mails_are_in_the_zone_of_each_reader_and_channels_in_the_environments(contoso, settings):
    settings.MAIL_IS_SET_UP = True
    channel = AlertChannel.objects.create(environment=contoso, name="Us", kind="email", kinds=["late"])
    for name, zone in {"a": "Asia/Jakarta", "b": ""}.items():
        channel.people.add(make_member(contoso, email=f"{name}@example.com", time_zone=zone))
    alert = Alert.objects.create(environment=contoso, kind="late", text=said("Due %(when)s.") % {"when": NIGHT})
    send(AlertDelivery(channel=channel, alert=alert), lambda answers: None)
    found = {one.to[0]: re.search(r"\d\d:30:00 \S+", one.body)[0] for one in mail.outbox}
    assert found == {"a@example.com": "06:30:00 UTC+07:00.", "b@example.com": "00:30:00 UTC+01:00."}


def test_an_invitation_says_until_when_in_the_environments_zone(contoso, settings):
    settings.MAIL_IS_SET_UP = True
    invitation = invite(contoso, "new@example.com", Role.VIEWER, days=7, by=make_member(contoso)).invitation
    assert invitations.send_link(invitation, "https://waybill.example.com/1") == ""
    with timezone.override("Europe/Paris"):
        assert exact_time(invitation.expires_at) in mail.outbox[0].body
