"""What is over does not pile up: sessions, who is signed in where, counters."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from exports.dispatcher import dispatch_once
from roles import tidying
from tests.roles.sign_in.people import is_in, make_grace, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def not_tidied_yet(monkeypatch):
    monkeypatch.setattr(tidying, "_tidied_at", None)


@pytest.fixture
def ended():
    """A session of Grace that is over."""
    make_grace()
    client = signed_in()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    return client


def counters():
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM roles_cache")
        return [key for (key,) in cursor.fetchall()]


def test_the_dispatcher_removes_sessions_that_are_over_and_leaves_the_others(ended):
    grace = signed_in()
    key = grace.session.session_key
    dispatch_once()
    assert [session.session_key for session in Session.objects.all()] == [key]
    assert [session.session_key for session in UserSession.objects.all()] == [key]
    assert is_in(grace)


def test_counters_that_are_over_are_removed():
    cache.set("over", 1, timeout=60)
    cache.set("good", 1, timeout=60)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE roles_cache SET expires = now() - interval '1 hour' WHERE cache_key LIKE '%over'")
    tidying.tidy()
    assert [key for key in counters() if key.endswith(("over", "good"))] == [cache.make_key("good")]


def test_it_is_done_once_an_hour(ended):
    dispatch_once()
    signed_in()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    dispatch_once()
    assert Session.objects.count() == 1
