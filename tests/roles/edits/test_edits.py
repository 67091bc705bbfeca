"""Two people have a form open: neither save undoes the other's, in every form of the portal."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import reverse

from exports.models import AlertChannel
from roles.edits.edit import MADE_FROM, Base
from roles.models import AuditEvent
from tests.browser import EDIT_FORMS, inputs_of
from tests.factories import client_of, make_environment, make_export, make_member, make_segment, make_table

pytestmark = pytest.mark.django_db
Inputs = dict[str, Any]


@dataclass
class Form:
    """A form about `row`, changes of two of its parts, and what is stored after them."""

    row: Any
    path: str
    hers: Inputs
    his: Inputs
    rival: Inputs  # changes the part that `hers` changes
    part: str  # its name
    stored: Any  # what of the row these change, as a function
    after_both: Any
    after_rival: Any
    shown: str = ""  # of `hers`, on the page


def of_channel(environment):
    row = AlertChannel.objects.create(environment=environment, name="Operations", kind="email", kinds=["failed"])
    zoe = make_member(environment, username="zoe")
    type(zoe).objects.filter(pk=zoe.pk).update(email="zoe@example.com")
    row.people.set([zoe])
    return Form(
        row,
        reverse("alerts:edit", kwargs={"environment": environment.slug, "pk": row.pk}),
        hers={"name": ["Night shift"]},
        his={"kinds": ["held"]},
        rival={"name": ["Day shift"]},
        part="name",
        stored=lambda row: (row.name, row.kinds),
        after_both=("Night shift", ["held"]),
        after_rival=("Day shift", ["failed"]),
        shown="Night shift",
    )


def of_export(environment):
    table = make_table(environment)
    one, two = make_segment(table, "One"), make_segment(table, "Two")
    row = make_export(environment, "Mail hotels", segments=[one])
    return Form(
        row,
        reverse("exports:edit", kwargs={"environment": environment.slug, "pk": row.pk}),
        hers={"segments": [one.pk, two.pk], "description": ["For the hotels"]},
        his={"name": ["Mail all hotels"]},
        rival={"segments": [two.pk]},
        part="what",
        stored=lambda row: (row.name, row.description, sorted(row.segments.values_list("name", flat=True))),
        after_both=("Mail all hotels", "For the hotels", ["One", "Two"]),
        after_rival=("Mail hotels", "For the hotels", ["Two"]),
        shown="Two",
    )


FORMS = {
    "alerts:edit": of_channel,
    "exports:edit": of_export,
}


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture(params=FORMS)
def form(request, environment):
    return FORMS[request.param](environment)


@pytest.fixture
def ada(environment):
    return client_of(make_member(environment, username="ada"))


@pytest.fixture
def ben(environment):
    return client_of(make_member(environment, username="ben"))


def stored(form):
    return form.stored(type(form.row)._base_manager.get(pk=form.row.pk))


def events():
    return AuditEvent.objects.count()


def test_what_each_of_two_changed_stands(form, ada, ben):
    hers, his = ada.opened(form.path), ben.opened(form.path)
    assert hers
    assert ada.post(form.path, hers | form.hers).status_code == 302
    assert ben.post(form.path, his | form.his).status_code == 302
    assert stored(form) == form.after_both


def test_a_form_that_is_sent_unchanged_changes_nothing(form, ada, ben):
    opened, before = ben.opened(form.path), stored(form)
    ada.post(form.path, ada.opened(form.path) | form.hers)
    after = stored(form)
    assert after != before
    assert ben.post(form.path, opened).status_code == 302
    assert stored(form) == after


@pytest.mark.parametrize("choice", ["theirs", "mine"])
def test_of_two_values_one_is_chosen(form, ada, ben, choice):
    his = ben.opened(form.path)
    ada.post(form.path, ada.opened(form.path) | form.hers)
    kept, before = stored(form), events()
    answer = ben.post(form.path, his | form.rival)
    assert (answer.status_code, stored(form), events()) == (422, kept, before)
    page = answer.content.decode()
    assert "ada" in page
    assert form.shown in page
    again = inputs_of(answer, form.path)
    assert {name: again[name] for name in form.rival} == {name: list(map(str, form.rival[name])) for name in form.rival}
    assert ben.post(form.path, again).status_code == 422  # nothing is chosen yet
    assert stored(form) == kept
    assert ben.post(form.path, again | {f"keep-{form.part}": choice}).status_code == 302
    assert stored(form) == (form.after_rival if choice == "mine" else kept)


def test_a_form_that_does_not_say_what_it_was_made_from_is_compared_whole(form, ada):
    sent, before = ada.opened(form.path) | form.hers, stored(form)
    for forged in ("", "x", "bogus:sig", Base({}, 0).signed("another form 1"), "x" * 70_000):
        answer = ada.post(form.path, sent | {MADE_FROM: forged})
        assert (answer.status_code, stored(form)) == (422, before)
        assert "does not say which version you edited" in answer.content.decode()
    choices = {f"keep-{one.name}": "mine" for one in answer.context_data["edit"].conflicts}
    assert ada.post(form.path, inputs_of(answer, form.path) | choices).status_code == 302
    assert stored(form) != before


def test_every_edit_form_is_tried():
    assert FORMS.keys() == EDIT_FORMS.keys()
