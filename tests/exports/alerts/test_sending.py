"""Messages go out once for each change, signed, to whom they concern, and are tried again where that may help."""

import threading
import time
from datetime import timedelta
from email import message_from_bytes, policy
from email.utils import formatdate

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from django.db import connection
from django.db.models.functions import Now
from django_q.models import OrmQ
from standardwebhooks import WebhookVerificationError

from exports.alerts import actions, outbox
from exports.alerts.channels import posting, sending, signing
from exports.alerts.outbox import send_waiting
from exports.models import AlertChannel, AlertDelivery, AlertKind
from exports.schedules.planning import database_now
from roles.models import User
from tests.factories import make_environment, make_export, make_member
from tests.servers import webhook
from tests.servers.webhook import answer, answer_with, running_receiver

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = signing.new_secret()


@pytest.fixture
def receiver():
    with running_receiver() as server:
        yield server


@pytest.fixture
def channel(environment, receiver):
    return make_channel(environment, receiver)


def make_channel(environment, receiver=None, **values) -> AlertChannel:
    """Return a channel that takes all kinds of alerts of all exports, a webhook unless `kind` says otherwise."""
    values = {"name": "Operations", "kind": "webhook", "kinds": list(AlertKind.values)} | values
    made = AlertChannel(environment=environment, **values)
    if receiver:
        made.replace_secrets({"url": receiver.url, "signing": SECRET})
    made.save()
    return made


def send_in_time() -> None:
    """Send what waits, as if its time had come."""
    AlertDelivery.objects.filter(state="waiting").update(not_before=Now() - timedelta(seconds=1))
    send_waiting()


def states() -> list[str]:
    return list(AlertDelivery.objects.order_by("pk").values_list("state", flat=True))


def test_each_change_is_told_once_and_signed(channel, receiver, goes):
    for state in ("failed", "failed", "succeeded", "succeeded", "failed"):
        goes(state, reason="Log in")
        send_waiting()
    said = [one.verified_with(SECRET)["type"] for one in receiver.got]
    assert said == ["alert.opened", "alert.closed", "alert.opened"]
    assert len({one.headers["webhook-id"] for one in receiver.got}) == 3
    channel.refresh_from_db()
    assert channel.last_sent_at
    assert channel.last_error == ""


def test_the_payload_is_what_the_document_says(channel, receiver, goes, environment):
    run = goes("failed", reason="Log in", message="The server refused the account.", detail="planted-host")
    send_waiting()
    payload = receiver.got[0].json
    data = payload["data"]
    assert (payload["type"], data["kind"]) == ("alert.opened", "failed")
    assert data["title"] == "Weekly call list: failed (permanent)"
    assert data["text"] == "The server refused the account."
    assert data["environment"] == {"slug": environment.slug, "name": environment.name}
    assert (data["export"]["name"], data["run"]) == ("Weekly call list", str(run.uuid))
    assert data["url"].startswith("http://")
    assert data["url"].endswith(f"/runs/{run.uuid}/")
    assert data["opened_at"]
    assert data["closed_at"] is None
    assert "planted" not in receiver.got[0].body.decode()


def test_a_signature_holds_for_nothing_else(channel, receiver, goes):
    goes("failed")
    send_waiting()
    with pytest.raises(WebhookVerificationError):
        receiver.got[0].verified_with(signing.new_secret())


@pytest.mark.parametrize(
    "values, runs, expected",
    [
        ({"kinds": ["held"]}, "failed succeeded", []),
        ({"kinds": ["held"]}, "failed held", ["alert.opened"]),
        ({"tells_recovery": False}, "failed succeeded", ["alert.opened"]),
        ({"is_on": False}, "failed succeeded", []),
        ({"is_for_all": False}, "failed succeeded", []),
    ],
    ids=["not-its-kind", "its-kind", "no-recovery", "off", "its-exports-are-gone"],
)
def test_a_channel_is_told_what_it_takes(environment, receiver, goes, values, runs, expected):
    make_channel(environment, receiver, **values)
    for state in runs.split():
        goes(state)
    send_waiting()
    assert [one.json["type"] for one in receiver.got] == expected


def test_a_channel_of_some_exports_hears_of_those(environment, receiver, export, goes):
    channel = make_channel(environment, receiver, is_for_all=False)
    channel.exports.add(export)
    make_channel(make_environment(), receiver)
    goes("failed")
    goes("failed", of=make_export(environment))
    send_waiting()
    assert [one.json["data"]["export"]["name"] for one in receiver.got] == [export.name]


def test_nothing_is_told_of_what_was_open_before_the_channel_came(environment, receiver, goes):
    goes("failed")
    make_channel(environment, receiver)
    goes("succeeded")
    send_waiting()
    assert receiver.got == []


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_what_may_pass_is_tried_again_under_the_same_id(channel, receiver, goes, status):
    receiver.behaves = [status, status, 204]
    goes("failed")
    for _try in range(4):
        send_in_time()
    assert states() == ["sent"]
    assert len(receiver.got) == 3
    assert len({one.headers["webhook-id"] for one in receiver.got}) == 1


def test_the_waits_grow_and_the_fifth_try_is_the_last(channel, receiver, goes):
    receiver.behaves = [500]
    goes("failed")
    waits = []
    for _try in range(6):
        send_in_time()
        message = AlertDelivery.objects.get()
        waits.append(message.not_before)
    assert (message.state, message.tries, len(receiver.got)) == ("failed", 5, 5)
    assert message.error == "The receiver answered 500."
    channel.refresh_from_db()
    assert channel.last_error == "The receiver answered 500."


@pytest.mark.parametrize(
    ("asked", "minutes"), [("1800", 30), ("999999999", 60), ("in 5 min", 5), ("in 30 h", 60), ("in -5 min", 0.5)]
)
def test_a_receiver_that_asks_for_time_gets_it_up_to_an_hour(channel, receiver, goes, asked, minutes):
    ahead = {"in 5 min": 300, "in 30 h": 108_000, "in -5 min": -300}
    header = formatdate(time.time() + ahead[asked], usegmt=True) if asked in ahead else asked
    receiver.behaves = [answer(429, Retry_After=header)]
    goes("failed")
    before = database_now()
    send_waiting()
    wait = (AlertDelivery.objects.get().not_before - before).total_seconds()
    assert minutes * 60 * 0.8 - 1 <= wait <= minutes * 60 * 1.2 + (database_now() - before).total_seconds()


@pytest.mark.parametrize("behaves", [404, 401, 410], ids=str)
def test_a_refusal_for_good_is_not_tried_again(channel, receiver, goes, behaves):
    receiver.behaves = [behaves]
    goes("failed")
    for _try in range(2):
        send_in_time()
    assert (states(), len(receiver.got)) == (["failed"], 1)


def test_a_redirect_is_not_followed(channel, receiver, goes):
    with running_receiver() as other:
        receiver.behaves = [answer(302, Location=other.url)]
        goes("failed")
        send_waiting()
        assert (states(), other.got) == (["failed"], [])
    assert "redirects" in AlertDelivery.objects.get().error


@pytest.mark.parametrize(
    "behaves, state, said",
    [
        (webhook.cut, "waiting", "closed the connection"),
        (webhook.silent, "waiting", "did not answer in time"),
        (webhook.drip, "waiting", "did not answer in time"),
        (webhook.endless, "sent", ""),
    ],
    ids=["cut", "silent", "drip", "endless"],
)
def test_a_receiver_that_misbehaves_holds_nobody_up(channel, receiver, goes, monkeypatch, caplog, behaves, state, said):
    monkeypatch.setattr(posting, "STEP_SECONDS", 1.0)
    monkeypatch.setattr(posting, "ALL_SECONDS", 2.0)
    receiver.behaves = [behaves]
    goes("failed")
    send_waiting()
    message = AlertDelivery.objects.get()
    assert message.state == state
    assert said in message.error
    assert "planted-path" not in caplog.text


def test_that_all_is_well_is_not_said_before_what_was_wrong(channel, receiver, goes):
    receiver.behaves = [500, 204]
    goes("failed")
    send_waiting()
    goes("succeeded")
    send_waiting()
    assert len(receiver.got) == 1
    send_in_time()
    assert [one.json["type"] for one in receiver.got] == ["alert.opened", "alert.opened", "alert.closed"]


def test_a_channel_that_refuses_holds_up_no_other(environment, channel, receiver, goes):
    receiver.behaves = [500]
    with running_receiver() as other:
        make_channel(environment, other, name="Second")
        goes("failed")
        goes("failed", of=make_export(environment))
        send_waiting()
        assert (len(receiver.got), len(other.got)) == (1, 2)


def test_a_channel_keeps_one_worker_at_most_while_it_does_not_answer(environment, channel, receiver, goes):
    with running_receiver() as other:
        make_channel(environment, other, name="Second")
        for _export in range(3):
            goes("failed", of=make_export(environment))
        AlertDelivery.objects.filter(channel=channel).update(not_before=Now() - timedelta(seconds=9))
        taken, _claim = outbox._claim(())
        send_waiting()
        assert (taken.channel, len(receiver.got), len(other.got)) == (channel, 0, 3)


def test_many_workers_send_each_message_once(environment, channel, receiver, goes):
    for _export in range(5):
        goes("failed", of=make_export(environment))
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        send_waiting()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(receiver.got) == len({one.headers["webhook-id"] for one in receiver.got}) == 5


def test_a_message_whose_worker_died_goes_out_later_under_the_same_id(channel, receiver, goes):
    goes("failed")
    taken, _claim = outbox._claim(())
    send_in_time()
    assert receiver.got == []
    AlertDelivery.objects.update(lease_until=Now() - timedelta(seconds=1))
    outbox.nudge_if_waiting()
    send_waiting()
    assert receiver.got[0].headers["webhook-id"] == str(taken.uuid)


def test_a_worker_that_lost_its_message_writes_nothing_more_of_it(channel, receiver, goes):
    goes("failed")
    message, old = outbox._claim(())
    AlertDelivery.objects.update(lease_until=Now() - timedelta(seconds=1))
    outbox.nudge_if_waiting()
    outbox._claim(())
    outbox._send(message, old)
    assert states() == ["waiting"]
    assert AlertDelivery.objects.get().sent_at is None


def test_a_message_from_a_clock_that_was_ahead_goes_out(channel, receiver, goes):
    goes("failed")
    AlertDelivery.objects.update(not_before=Now() + timedelta(days=30))
    send_waiting()
    assert receiver.got == []
    outbox.correct_times()
    send_waiting()
    assert states() == ["sent"]


def test_a_message_that_waits_as_it_should_goes_on_waiting(channel, goes):
    goes("failed")
    AlertDelivery.objects.update(not_before=Now() + timedelta(minutes=70))
    before = AlertDelivery.objects.get().not_before
    outbox.correct_times()
    assert AlertDelivery.objects.get().not_before == before


def test_a_change_wakes_the_chores_and_the_dispatcher_does_so_again(channel, goes):
    goes("failed")
    assert OrmQ.objects.filter(key="chores").count() == 1
    OrmQ.objects.all().delete()
    outbox.nudge_if_waiting()
    assert not OrmQ.objects.filter(key="chores").exists()
    AlertDelivery.objects.update(not_before=Now() - timedelta(seconds=5))
    outbox.nudge_if_waiting()
    assert OrmQ.objects.filter(key="chores").count() == 1


def test_what_waits_for_a_channel_that_was_switched_off_is_not_sent(environment, channel, receiver, goes):
    goes("failed")
    actions.switch(channel, is_on=False, by=make_member(environment))
    send_waiting()
    assert (states(), receiver.got) == (["failed"], [])


def test_a_secret_that_cannot_be_read_says_so(channel, receiver, goes):
    AlertChannel.objects.update(encrypted_secrets="gAAAAno")
    goes("failed")
    send_waiting()
    assert "Enter it again" in AlertDelivery.objects.get().error


def test_address_and_secret_may_be_references(channel, receiver, goes, monkeypatch):
    monkeypatch.setenv("WAYBILL_CONNECTION_SECRET_HOOK", receiver.url)
    channel.replace_secrets({"url": "env:WAYBILL_CONNECTION_SECRET_HOOK"})
    channel.save()
    goes("failed")
    send_waiting()
    assert len(receiver.got) == 1


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_names_become_neither_mentions_nor_markup(environment, receiver, goes, kind):
    make_channel(environment, receiver, kind=kind)
    goes("failed", of=make_export(environment, "<!channel> [x](https://evil.example)"))
    send_waiting()
    body = receiver.got[0].json
    assert "webhook-signature" not in receiver.got[0].headers
    if kind == "slack":
        assert body["text"].startswith("&lt;!channel&gt; [x]")
        assert [block["text"]["type"] for block in body["blocks"][:2]] == ["plain_text", "plain_text"]
    else:
        card = body["attachments"][0]["content"]
        assert (card["type"], {part["type"] for part in card["body"]}) == ("AdaptiveCard", {"RichTextBlock"})
        assert card["actions"][0]["url"].startswith("http")


class Mailbox:
    """What a real SMTP server took; `refused` says what it answers to a recipient, `refusal` to each mail."""

    def __init__(self) -> None:
        self.took = []
        self.refusal = ""
        self.refused = {}

    async def handle_RCPT(self, server: SMTP, session: object, envelope: object, address: str, _options: list) -> str:
        for part, code in self.refused.items():
            if part in address:
                return f"{code} no"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: object, envelope: object) -> str:
        if self.refusal:
            return self.refusal
        self.took.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 taken"

    @property
    def to(self) -> list[str]:
        """Whom each mail went to."""
        return [address for to, _mail in self.took for address in to]


class AnyPort(Controller):
    """Asks itself at the port that the system gave it whether it has started."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox(settings):
    box = Mailbox()
    controller = AnyPort(box, hostname="127.0.0.1", port=0)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = controller.hostname, controller.port
    settings.MAIL_IS_SET_UP = True
    yield box
    controller.stop()


def test_people_get_one_mail_each_and_not_each_others_addresses(environment, mailbox, goes):
    channel = make_channel(environment, kind="email")
    for name in ("ada", "carl"):
        add_person(channel, name)
    gone = add_person(channel, "gone")
    gone.role_assignments.all().delete()
    run = goes("failed", message="The server refused the account.")
    goes("failed")
    send_waiting()
    assert mailbox.to == ["ada@example.com", "carl@example.com"]
    mail = mailbox.took[0][1]
    assert mail["Subject"] == f"[Waybill] Weekly call list: failed (permanent) ({environment.name})"
    assert "carl@example.com" not in str(mail)
    text = mail.get_content()
    assert "The server refused the account." in text
    assert f"/runs/{run.uuid}/" in text
    goes("succeeded")
    send_waiting()
    assert "resolved (was failed)" in mailbox.took[2][1]["Subject"]


ONE_REFUSED = "1 person was not reached: carl (550)."
ONE_LATER = "1 person is not reached yet: carl (450). Trying again for them only."


@pytest.mark.parametrize("is_test", [True, False], ids=["test", "alert"])
@pytest.mark.parametrize(
    "refused, state, said, after",
    [
        ({"carl": 550}, "partly", ONE_REFUSED, []),
        ({"carl": 450}, "waiting", ONE_LATER, ["carl@example.com"]),
        ({"@": 550}, "failed", "2 people were not reached: ada (550), carl (550).", []),
        ({"@": 450}, "waiting", "2 people are not reached yet: ada (450), carl (450).", ["ada@example.com", "carl@"]),
        ({"carl": 450, "ada": 550}, "waiting", "1 person was not reached: ada (550). " + ONE_LATER, ["carl@"]),
    ],
    ids=["one-for-good", "one-for-now", "all-for-good", "all-for-now", "both"],
)
def test_a_recipient_that_is_refused_is_said_and_only_they_are_tried_again(
    environment, mailbox, goes, refused, state, said, after, is_test
):
    channel = make_channel(environment, kind="email")
    ada, _carl = add_person(channel, "ada"), add_person(channel, "carl")
    mailbox.refused = refused
    actions.send_test(channel, by=ada) if is_test else goes("failed")
    send_waiting()
    channel.refresh_from_db()
    assert (states(), said in channel.last_error) == ([state], True)
    before, mailbox.refused = len(mailbox.to), {}
    send_in_time()
    again = mailbox.to[before:]
    assert [to.startswith(part) for to, part in zip(again, after, strict=True)] == [True] * len(after)
    assert len(set(mailbox.to)) == len(mailbox.to)
    channel.refresh_from_db()
    is_mended = state == "waiting" and 550 not in refused.values()
    assert (states(), channel.last_error == "") == (["sent" if is_mended else "partly" if after else state], is_mended)


def test_who_has_no_address_is_named(environment, mailbox, goes):
    channel = make_channel(environment, kind="email")
    add_person(channel, "ada")
    User.objects.filter(pk=add_person(channel, "carl").pk).update(email="")
    goes("failed")
    send_waiting()
    assert mailbox.to == ["ada@example.com"]
    assert AlertDelivery.objects.get().error == "1 person was not reached: carl (no valid e-mail address)."


def test_a_worker_that_dies_between_two_mails_sends_the_first_once(environment, mailbox, goes, monkeypatch):
    channel = make_channel(environment, kind="email")
    add_person(channel, "ada"), add_person(channel, "carl")
    goes("failed")
    message, _claim = outbox._claim(())

    class Killed(BaseException):
        pass

    def keep(answers):
        AlertDelivery.objects.filter(pk=message.pk).update(answers=answers)
        raise Killed

    with pytest.raises(Killed):
        sending.send(message, keep)
    AlertDelivery.objects.update(lease_until=Now() - timedelta(seconds=1))
    outbox.nudge_if_waiting()
    send_in_time()
    assert mailbox.to == ["ada@example.com", "carl@example.com"]


@pytest.mark.parametrize(
    "kind, body, state",
    [
        ("slack", "ok", "sent"),
        ("slack", '{"ok": true}', "sent"),
        ("slack", '{"ok": false, "error": "no_text"}', "failed"),
        ("slack", "<!DOCTYPE html><title>Log in</title>", "failed"),
        ("teams", "1", "sent"),
        ("teams", "Webhook message delivery failed with error: endpoint returned HTTP error 429 with", "waiting"),
        ("teams", "Webhook message delivery failed with error: endpoint returned HTTP error 400 with", "failed"),
        ("webhook", '{"ok": false}', "sent"),
    ],
)
def test_a_chat_that_answers_200_and_refuses_in_its_answer_has_not_taken_it(
    environment, receiver, goes, kind, body, state
):
    make_channel(environment, receiver, kind=kind)
    receiver.behaves = [answer_with(body)]
    goes("failed")
    send_waiting()
    assert states() == [state]


@pytest.mark.parametrize("refusal, state", [("451 later", "waiting"), ("554 no", "failed")], ids=["later", "no"])
def test_a_mail_server_that_refuses(environment, mailbox, goes, refusal, state):
    add_person(make_channel(environment, kind="email"), "ada")
    mailbox.refusal = refusal
    goes("failed")
    send_waiting()
    assert states() == [state]


@pytest.mark.parametrize("address", ["a@" + "é" * 60 + ".example", "ä@example.com", "none"], ids=["long", "ä", "none"])
def test_an_address_that_no_mail_can_go_to_is_said_and_holds_up_no_other_channel(environment, mailbox, goes, address):
    odd = add_person(make_channel(environment, kind="email"), "odd")
    User.objects.filter(pk=odd.pk).update(email=address)
    add_person(make_channel(environment, kind="email", name="Second"), "ada")
    goes("failed")
    send_waiting()
    assert ["ada@example.com"] in [to for to, _mail in mailbox.took]
    assert "waiting" not in states()


def test_a_message_that_breaks_the_sending_is_given_up_after_its_tries(channel, receiver, goes, caplog):
    goes("failed")
    AlertChannel.objects.filter(pk=channel.pk).update(kind="nonsense")
    for _try in range(outbox.MOST_TRIES):
        send_in_time()
    assert states() == ["failed"]
    assert "in the log" in AlertChannel.objects.get().last_error
    assert "ValueError" in caplog.text
    assert "planted-path" not in caplog.text


def test_a_message_that_ends_its_worker_each_time_is_given_up_after_its_tries(channel, receiver, goes):
    goes("failed")
    AlertDelivery.objects.update(tries=outbox.MOST_TRIES, not_before=Now())
    send_waiting()
    outbox.nudge_if_waiting()
    assert (receiver.got, states()) == ([], ["failed"])
    assert "interrupted too often" in AlertDelivery.objects.get().error


def test_without_a_mail_server_the_channel_says_so(environment, goes):
    add_person(make_channel(environment, kind="email"), "ada")
    goes("failed")
    send_waiting()
    assert "WAYBILL_EMAIL_URL" in AlertDelivery.objects.get().error


def add_person(channel: AlertChannel, name: str):
    person = make_member(channel.environment, username=name)
    person.email = f"{name}@example.com"
    person.save()
    channel.people.add(person)
    return person
