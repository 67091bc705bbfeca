"""Sessions: how long they last, where one sees them, and how they are ended."""

import time
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from roles.models import RoleAssignment
from roles.roles import Role
from roles.sign_in import sessions
from tests.factories import client_of, make_environment, make_user
from tests.roles.sign_in.people import EDGE, browser, is_in, log_in, make_grace, recorded, signed_in

pytestmark = pytest.mark.django_db
HOURS = 12


@pytest.fixture
def grace():
    return make_grace()


def row_of(client) -> UserSession:
    return UserSession.objects.get(session_key=client.session.session_key)


def rest_of(client) -> float:
    """Return the hours until the session ends by itself."""
    session = Session.objects.get(session_key=client.session.session_key)
    return (session.expire_date - timezone.now()).total_seconds() / 3600


def let_pass(client, seconds: int) -> None:
    """Let the session be last used some seconds ago."""
    session = client.session
    session[sessions.SEEN] = time.time() - seconds
    session.save()
    ended = timezone.now() + timedelta(hours=HOURS, seconds=-seconds)
    Session.objects.filter(session_key=session.session_key).update(expire_date=ended)
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(seconds=seconds))


# Their age


def test_the_cookie_goes_with_the_browser_and_is_for_http_alone(grace):
    client = browser()
    cookie = log_in(client).cookies[django_settings.SESSION_COOKIE_NAME]
    assert (cookie["max-age"], cookie["expires"]) == ("", "")
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_a_session_lives_while_it_is_used(grace):
    client = signed_in()
    assert HOURS - 0.1 < rest_of(client) <= HOURS
    let_pass(client, 3 * 3600)
    assert rest_of(client) < HOURS - 2.9
    assert is_in(client)
    assert rest_of(client) > HOURS - 0.1
    assert timezone.now() - row_of(client).last_seen_at < timedelta(minutes=1)


def test_what_a_page_asks_by_itself_is_no_use(grace):
    client = signed_in()
    let_pass(client, 3 * 3600)
    assert client.get("/account/", headers={sessions.POLL: "1"}).status_code == 200
    assert rest_of(client) < HOURS - 2.9


def test_a_session_that_nobody_used_has_ended(grace):
    client = signed_in()
    let_pass(client, HOURS * 3600 + 1)
    assert not is_in(client)


def test_most_requests_write_nothing(grace):
    client = signed_in()
    with CaptureQueriesContext(connection) as asked:
        is_in(client)
    assert not [query for query in asked if query["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]


# Seen


def test_the_account_says_who_one_is_and_where_one_is_signed_in(grace):
    here, _there = signed_in(), signed_in(EDGE)
    page = here.get("/account/").content.decode()
    for words in ("grace@example.com", "Contoso", "Administrator", "Firefox on Linux", "Edge on Windows", "127.0.0.1"):
        assert words in page
    assert page.count("this one") == 1
    assert here.session.session_key not in page


def test_the_sessions_of_others_are_not_shown(grace):
    client_of(make_user("other"))
    assert signed_in().get("/account/").content.decode().count('class="session"') == 1


def test_the_account_costs_the_same_whatever_it_shows(grace):
    client, asked = signed_in(), []
    for _time in range(2):
        with CaptureQueriesContext(connection) as queries:
            client.get("/account/")
        asked.append(len(queries))
        for _number in range(5):
            signed_in()
            RoleAssignment.objects.create(environment=make_environment(), user=grace, role=Role.VIEWER)
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/139.0 Safari/537.36", "Chrome on macOS"),
        ("curl/8.0", "curl"),
        ("<script>/1", "<script>"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_has_a_name_for_people(user_agent, name):
    assert sessions.name_of(user_agent) == name


# Ended


def test_an_ended_session_is_out_at_its_next_request(grace):
    here, there, elsewhere = signed_in(), signed_in(EDGE), signed_in(EDGE)
    assert here.post(f"/account/sessions/{row_of(there).pk}/end/").headers["Location"] == "/account/"
    assert "Session with Edge on Windows ended." in here.get("/account/").content.decode()
    assert [is_in(client) for client in (here, there, elsewhere)] == [True, False, True]
    assert recorded()[-1] == "end session"


def test_all_others_are_ended_at_once(grace):
    here, there, elsewhere = signed_in(), signed_in(EDGE), signed_in(EDGE)
    here.post("/account/sessions/end/")
    assert "2 sessions ended." in here.get("/account/").content.decode()
    assert [is_in(client) for client in (here, there, elsewhere)] == [True, False, False]


def test_nobody_ends_the_session_of_somebody_else(grace):
    mine = signed_in()
    other = browser()
    make_user("other")
    log_in(other, "other", "other")
    for pk in (row_of(mine).pk, 10**9, 10**30):
        assert other.post(f"/account/sessions/{pk}/end/").status_code == 404
    other.post("/account/sessions/end/")
    assert is_in(mine)


def test_this_session_ends_by_logging_out_only(grace):
    client = signed_in()
    client.post(f"/account/sessions/{row_of(client).pk}/end/")
    assert is_in(client)
