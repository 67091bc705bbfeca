"""The support bundle helps to find a fault and names nobody and nothing."""

import json

import pytest
from django.conf import settings
from django.urls import reverse

from connections.models import Connection
from exports.models import Export, Run
from roles.desk.bundle import without_names
from roles.models import AuditEvent, Environment, Heartbeat, User
from segments.models import Segment, Table
from tests.factories import client_of
from tests.roles.desk.staff import make_staff
from tests.roles.world import DETAIL, SECRET

NAMES = {
    Environment: "Plantedenvironment",
    Export: "Planted export",
    Connection: "Planted connection",
    Segment: "Planted segment",
    Table: "Plantedtable",
}
MESSAGE = (
    "Planted export to Planted connection did not answer for “Planted segment”: planted@example.com, Planted Person, "
    "planted-host.example, /planted/path, 10.9.8.7 and [fe80::1] refused plantedaccount@planted:22022 in 3 tries."
)


@pytest.fixture
def staff(world):
    return client_of(make_staff())


@pytest.fixture
def planted(world):
    """Everything that has a name has one that must not leave the house."""
    for model, name in NAMES.items():
        place = {"pk__in": [model.objects.order_by("pk").first().pk]}
        model.objects.filter(**place).update(name=name)
    names = {"first_name": "Planted", "last_name": "Person", "email": "planted@example.com"}
    User.objects.filter(pk=world.users["contributor"].pk).update(**names)
    run = world.mine.run
    Run.objects.filter(pk=run.pk).update(
        message=MESSAGE, reason="by Planted Person", worker="planted-host:1", triggered_by=world.users["contributor"]
    )
    Heartbeat.objects.create(kind="exports", host="planted-host", pid=4711)
    return run


@pytest.fixture
def bundle(staff, planted):
    """The text of the bundle."""
    answer = staff.post(reverse("admin:support_bundle"))
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="waybill-support-')
    return answer.content.decode()


def test_it_names_nobody_nothing_and_no_place(bundle, world):
    names = {value for value in User.objects.values_list("username", flat=True) if len(value) > 3}
    names |= set(Environment.objects.values_list("slug", flat=True)) | set(
        Export.objects.values_list("name", flat=True)
    )
    for word in ("lanted", "10.9.8.7", "fe80", "22022", "4711", SECRET, DETAIL, str(settings.DATA_DIR), *names):
        assert word not in bundle, word


def test_it_holds_no_key_password_or_host_of_the_settings(bundle):
    database = settings.DATABASES["default"]
    for word in (settings.SECRET_KEY, *settings.SECRETS_KEYS, *settings.ALLOWED_HOSTS, database["HOST"], "PASSWORD"):
        assert str(word) not in bundle, word


def test_it_tells_what_helps(bundle, planted):
    told = json.loads(bundle)
    assert told["versions"]["Django"].startswith("5.2")
    assert told["settings"]["EXPORT_WORKERS"] == settings.EXPORT_WORKERS
    assert told["settings"]["number of ALLOWED_HOSTS"] == len(settings.ALLOWED_HOSTS)
    assert told["checks of the machine"]["database"] == "ok"
    assert told["migrations"]["not applied"] == []
    assert "roles.0001_initial" in told["migrations"]["applied"]
    assert {"state", "count", "trigger", "environment_id"} == set(told["runs"][0])
    assert told["processes"][0]["kind"] == "exports"
    error = next(one for one in told["last errors"] if one["run"] == str(planted.uuid))
    assert error["state"] == "retrying"
    assert error["message"].endswith("in 3 tries.")
    assert "did not answer" in error["message"]


def test_no_part_failed(bundle):
    assert "not known (" not in bundle


def test_a_part_that_cannot_be_made_leaves_the_others(staff, world, monkeypatch):
    from roles.desk.bundle import PARTS

    monkeypatch.setitem(PARTS, "broken", lambda: 1 / 0)
    told = json.loads(staff.post(reverse("admin:support_bundle")).content)
    assert told["broken"] == "not known (ZeroDivisionError)"
    assert told["versions"]


def test_who_took_one_is_in_the_audit_log(bundle):
    assert AuditEvent.objects.get(action="support bundle").actor_name == "sue"


@pytest.mark.parametrize("person", ["administrator", "anonymous"])
def test_only_staff_may(world, person):
    answer = world.client(person).post(reverse("admin:support_bundle"))
    assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("“Ada's list” is gone", "“…” is gone"),
        ("'NAME', 'OTHER'. Please", "“…”, “…”. Please"),
        ("Wrote to sftp://host/x now", "Wrote to … now"),
        ("Mail ada@example.com.", "Mail …"),
        ("Waits at db.internal or 10.0.0.1 for 12.5 s", "Waits at … or … for … s"),
        ("Nothing to hide. Try again.", "Nothing to hide. Try again."),
    ],
)
def test_what_is_quoted_or_may_be_an_address_is_blanked(text, wanted):
    assert without_names(text) == wanted


def test_names_are_blanked_in_any_spelling():
    assert without_names("Sent by ADA LOVELACE to acme", ["Ada Lovelace", "", "Acme"]) == "Sent by … to …"
