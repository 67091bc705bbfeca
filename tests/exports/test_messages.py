"""What is recorded in one language is read in another: lists, logs, alerts, mails, the audit log, files."""

import pytest
from django.core import mail
from django.db import connection
from django.urls import reverse
from django.utils.translation import override

from config.pseudo import CLOSING, OPENING
from exports import actions
from exports.alerts import outbox
from exports.history.download import as_csv
from exports.models import Alert, AlertChannel, Run, RunLine
from exports.models.states import State
from exports.runs import lifecycle, queue
from roles.audit.changes import value_of
from roles.messages import said, said_many
from roles.models import AuditEvent, User
from tests import pseudo
from tests.factories import client_of, make_environment, make_export, make_member, make_segment, make_table

pytestmark = pytest.mark.django_db
NAME = "100 % of %(all)s"  # as somebody may call a segment


@pytest.fixture
def language():
    with pseudo.offered() as code:
        yield code


@pytest.fixture
def ada():
    user = make_member(make_environment(), username="ada")
    User.objects.filter(pk=user.pk).update(email="ada@example.com")
    return User.objects.get(pk=user.pk)


@pytest.fixture
def failed(ada) -> Run:
    """A run that failed while the process spoke English."""
    environment = ada.role_assignments.get().environment
    export = make_export(environment, "Calls", segments=[make_segment(make_table(environment), NAME)])
    channel = AlertChannel.objects.create(environment=environment, name="Us", kind="email", kinds=["failed"])
    channel.people.add(ada)
    with override("en"):
        run, _is_new = actions.run_now(export, by=ada)
        why = said("The segment “%(segment)s” has no member list yet. Refresh it first.") % {"segment": NAME}
        message = said("The segment “%(name)s” could not be refreshed: %(why)s") % {"name": NAME, "why": why}
        lifecycle.finish(queue.claim(), State.FAILED, message=message, reason=said("Segment could not be refreshed"))
    run.refresh_from_db()
    return run


def is_foreign(words: object) -> bool:
    """Whether `words` are of the pseudo-locale, within and without what they quote."""
    text = str(words)
    return text.count(OPENING) == text.count(CLOSING) > 0


def test_all_that_is_recorded_of_a_run_is_read_in_the_readers_language(failed, language):
    readings = {
        "reason": lambda: failed.reason,
        "message": lambda: failed.message,
        "log": lambda: failed.lines.last().text,
        "alert": lambda: Alert.objects.get().text,
        "audit": lambda: value_of(AuditEvent.objects.get(action="end run"), "message"),
        "file": lambda: b"".join(as_csv(Run.objects.all())).decode(),
    }
    english = {name: str(read()) for name, read in readings.items()}
    assert not any(map(is_foreign, english.values()))
    with override(language):
        foreign = {name: str(read()) for name, read in readings.items()}
    assert [name for name, words in foreign.items() if not is_foreign(words)] == []
    assert {name: str(read()) for name, read in readings.items()} == english
    assert english["message"].count(f"“{NAME}”") == foreign["message"].count(f"“{NAME}”") == 2


def test_the_pages_and_the_mail_are_in_the_language_of_the_person(failed, ada, language, settings):
    settings.MAIL_IS_SET_UP = True
    ada.language = language
    ada.save()
    at = {"environment": failed.environment.slug, "pk": failed.export_id}
    page = client_of(ada).get(reverse("exports:progress", kwargs=at)).content.decode()
    with override(language):
        assert str(failed.message).partition("“")[0] in page
    outbox.send_waiting()
    assert is_foreign(mail.outbox[0].subject.partition("] ")[2])
    with override(language):
        assert str(Alert.objects.get().text) in mail.outbox[0].body


def test_a_count_has_the_readers_form_and_digits(failed, language):
    with override(language):
        failed.reason = said_many("%(n)s row", "%(n)s rows", 12_345)
        failed.save()
    failed.refresh_from_db()
    assert str(failed.reason) == "12,345 rows"
    with override(language):
        assert is_foreign(failed.reason)


def test_what_an_older_version_wrote_is_read_as_it_is(failed, language):
    Run.objects.update(reason=None, message=None)
    RunLine.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE exports_run SET reason = 'Too late', message = 'It was too late.', "
                       "reason_said = NULL, message_said = NULL")  # fmt: skip
    run = Run.objects.get()
    with override(language):
        assert (str(run.reason), str(run.message)) == ("Too late", "It was too late.")
    assert list(Run.objects.values_list("reason", flat=True)) == ["Too late"]
    assert Run.objects.filter(message__icontains="too late").exists()
