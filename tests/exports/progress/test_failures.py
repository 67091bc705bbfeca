"""Every way in which a run can fail, collected from the sources: Progress details show it and say what to do next."""

import ast
import re
from html import unescape
from pathlib import Path

import pytest
from django.urls import reverse

from exports.models import Export, ReasonCode, Run
from roles.roles import Role
from tests.factories import client_of, make_environment, make_export, make_member

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[3]
OF_THE_RUN = [
    "exports/work",
    "exports/spec/ineligible.py",
    "exports/runs/lifecycle.py",
    "segments/warehouse/queries.py",
    "segments/warehouse/records.py",
]
OF_THE_TARGET = [f"connections/destinations/{room}" for room in ("files", "local", "sftp")]
# Not about runs, though in the same files: forms, checks and downloads.
ELSEWHERE = re.compile(r"destinations/\w+/(form|keys|reading)\.py$")
TRANSLATING = {"_", "gettext", "gettext_lazy", "ngettext"}
# Technical detail, for administrators.
DETAILS = {"Ended while publishing (%(why)s).", "The worker process %(pid)d ended with code %(code)d."}
TO_DO = re.compile(
    r"\b(run|edit|ask|choose|import|refresh|open|send fewer|move|remove|compare|check|enter|raise|widen|again"
    r"|has to|by itself|automatically)\b",
    re.IGNORECASE,
)


def sentences(places):
    """All texts for people in the sources at `places` that are whole sentences."""
    found = set()
    for place in places:
        path = ROOT / place
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if not ELSEWHERE.search(source.as_posix()):
                found |= set(texts(ast.parse(source.read_text())))
    return sorted(text for text in found - DETAILS if text.endswith(".") and " " in text)


def texts(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in TRANSLATING:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def show(message, step, reason, code=""):
    """Progress details of a run that failed in `step`, as a contributor and as an administrator see them."""
    environment = make_environment()
    export = make_export(environment)
    steps = [{"key": step, "label": "Step", "state": "failed", "note": "", "seconds": 1.0}] if step else []
    values = {"state": "failed", "trigger": "person", "message": message, "reason": reason, "reason_code": code}
    run = Run.objects.create(environment=environment, export=export, steps=steps, **values)
    Export.objects.filter(pk=export.pk).update(last_run=run)
    address = reverse("exports:progress", kwargs={"environment": environment.slug, "pk": export.pk})
    people = [make_member(environment, role) for role in (Role.CONTRIBUTOR, Role.ADMINISTRATOR)]
    return [unescape(client_of(person).get(address).content.decode()) for person in people]


def notice_of(page):
    return re.search(r'id="progress-message">(.*?)</div></div>', page, re.DOTALL)[1]


RUN, TARGET = sentences(OF_THE_RUN), sentences(OF_THE_TARGET)


def test_the_sources_were_found():
    assert len(RUN) > 15
    assert len(TARGET) > 15
    assert any("are not eligible for this export destination" in text for text in RUN)


@pytest.mark.parametrize("message", RUN)
def test_a_failure_of_the_run_says_what_to_do(message):
    for page in show(message, "check", "Some reason"):
        assert message in notice_of(page)
        assert TO_DO.search(message) or "Edit export" in notice_of(page)


@pytest.mark.parametrize("message", TARGET)
def test_a_failure_of_the_target_says_whom_to_ask_or_leads_to_the_connection(message):
    reason = message.partition(". ")[0].removesuffix(".")[:200]
    contributor, administrator = show(message, "send", reason, ReasonCode.TARGET)
    assert message in notice_of(contributor)
    assert re.search(r"Need access\? Ask user\d+\.", notice_of(contributor))
    assert "Edit the connection" in notice_of(administrator)
    assert "Ask user" not in notice_of(administrator)


@pytest.mark.parametrize("message", [text for text in RUN if "stopped" in text or "interrupted" in text.lower()])
def test_a_run_that_ended_between_its_steps_is_explained_too(message):
    for page in show(message, "", "Some reason"):
        assert message in notice_of(page)
        assert TO_DO.search(message)
