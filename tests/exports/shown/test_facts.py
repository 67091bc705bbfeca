"""Facts are plain values: they make JSON as they are, and know nothing of HTML or requests."""

import ast
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from connections.models import Sharing
from exports.history.run_chart import run_chart_of
from exports.models import Export, Run
from exports.shown.exports import export_facts, rows_of
from exports.shown.runs import run_facts
from roles.access.policy import access_of
from roles.roles import Role
from tests.factories import make_connection, make_environment, make_export, make_member

SHOWN = Path(settings.BASE_DIR, "exports", "shown")
OF_PAGES = ("django.utils.html", "django.utils.safestring", "django.template", "django.http", "django.urls")


def facts(environment, user):
    access = access_of(user, environment.slug)
    return export_facts(rows_of(Export.objects.order_by("name"), access), environment)


@pytest.mark.django_db
def test_the_facts_of_an_export_make_json(environment):
    carl = make_member(environment, Role.CONTRIBUTOR)
    connection = make_connection(environment, "Shop", sharing=Sharing.ALL)
    export = make_export(environment, "Calls", connection)
    run = export.runs.create(
        environment=environment,
        trigger="person",
        state="running",
        rows_done=1,
        rows_total=4,
        token="0" * 32,
        lease_until=datetime(2030, 1, 1, tzinfo=UTC),
    )
    Export.objects.filter(pk=export.pk).update(last_run=run)
    make_export(environment, "Idle", make_connection(environment, "Away", sharing=Sharing.NOBODY))
    calls, idle = json.loads(json.dumps([asdict(one) for one in facts(environment, carl)], cls=DjangoJSONEncoder))
    said = calls["status"].pop("said")
    assert said["msgid"] == "", "a message as it is kept: words are for whoever reads"
    assert calls["status"] == {
        "state": "running",
        "percent": 25,
        "is_canceling": False,
        "next_try": None,
        "is_paused": False,
    }
    assert (calls["name"], calls["connection"], calls["unit"], calls["sent"]) == ("Calls", "Shop", "rows", 1)
    assert (calls["can_edit"], idle["can_edit"]) == (True, False)
    assert (idle["status"]["state"], idle["unit"], idle["sent"]) == ("", None, None)


@pytest.mark.django_db
def test_the_facts_of_a_run_make_json_and_words_are_made_when_asked_for(environment):
    export = make_export(environment, "Calls")
    start = datetime(2026, 3, 10, 12, tzinfo=UTC)
    run = export.runs.create(
        environment=environment,
        trigger="person",
        triggered_by=make_member(environment, Role.CONTRIBUTOR, "carla"),
        state="succeeded",
        queued_at=start,
        started_at=start,
        ended_at=start + timedelta(seconds=30),
        rows_done=8,
        unit="people",
        tries=1,
        claims=2,
    )
    facts = run_facts(run, export, is_paused=False)
    told = json.loads(json.dumps(asdict(facts), cls=DjangoJSONEncoder))
    assert (told["id"], told["export"], told["status"]["state"]) == (str(run.uuid), "Calls", "succeeded")
    assert (told["trigger"], told["person"], told["sent"], told["unit"]) == ("person", "carla", 8, "people")
    assert (told["started_at"], told["seconds"]) == ("2026-03-10T12:00:00Z", 30.0)
    assert told["attempts"] == {"count": 3, "failed": 1, "interrupted": 1}
    assert (facts.started_by, facts.cell) == ("Run manually · carla", "8 people")
    assert facts.tried == "3 (1 failed, 1 interrupted)"


@pytest.mark.django_db
def test_the_facts_of_a_chart_make_json(environment):
    export = make_export(environment, "Calls")
    start = datetime(2026, 3, 10, 12, tzinfo=UTC)
    for state, rows in (("succeeded", 8), ("failed", 0)):
        times = {"queued_at": start, "started_at": start, "ended_at": start + timedelta(seconds=30)}
        export.runs.create(environment=environment, trigger="person", state=state, rows_done=rows, **times)
    chart = json.loads(json.dumps(asdict(run_chart_of(Run.objects.all())), cls=DjangoJSONEncoder))
    assert [(one["name"], one["top"], one["words"]) for one in chart["series"]] == [
        ("Rows", 8, "8"),
        ("Duration", 30.0, "30 s"),
    ]
    values = [[[bar["value"] for bar in stack] for stack in column["stacks"]] for column in chart["columns"]]
    assert values == [[[8], [30.0]], [[], [30.0]]]
    assert [column["mark"] is None for column in chart["columns"]] == [True, False]


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.VIEWER, Role.CONTRIBUTOR, Role.ADMINISTRATOR])
@pytest.mark.parametrize("sharing", [None, Sharing.NOBODY, Sharing.NAMED, Sharing.ALL])
def test_facts_and_rule_agree_on_who_may_edit(role, sharing):
    environment = make_environment()
    user = make_member(environment, role)
    connection = make_connection(environment, sharing=sharing) if sharing else None
    export = make_export(environment, "Calls", make_connection(environment) if connection is None else connection)
    if connection is None:
        Export.objects.filter(pk=export.pk).update(connection=None)
    elif sharing == Sharing.NAMED:
        connection.shared_with.add(user)
    rule = Export.objects.get(pk=export.pk).is_editable_by(access_of(user, environment.slug))
    assert facts(environment, user)[0].can_edit is rule


@pytest.mark.parametrize("path", sorted(SHOWN.glob("*.py")), ids=lambda path: path.stem)
def test_no_fact_knows_html(path):
    imported = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            imported += [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            imported += [name.name for name in node.names]
    assert [name for name in imported if name.startswith(OF_PAGES) or name.endswith("Request")] == []
