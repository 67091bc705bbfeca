"""Two people have a form open: neither save undoes the other's, in every form of the portal."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import reverse

from connections.removing import removing
from exports import actions as exports
from exports.alerts import actions as alerts
from exports.models import AlertChannel, RefreshSchedule, Schedule
from roles.edits.edit import MADE_FROM, Base
from roles.models import AuditEvent, GroupRole, RoleAssignment, User
from roles.people import actions as people
from roles.roles import Role
from segments import actions as segments
from segments.showing import can_be_marked, look_of
from tests.browser import EDIT_FORMS, inputs_of
from tests.factories import (
    client_of,
    make_connection,
    make_environment,
    make_export,
    make_member,
    make_segment,
    make_table,
    make_user,
)

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
    ids: Any = None  # of those that are chosen in a list


def of_channel(environment):
    row = AlertChannel.objects.create(environment=environment, name="Operations", kind="email", kinds=["failed"])
    zoe = make_member(environment, username="zoe")
    type(zoe).objects.filter(pk=zoe.pk).update(email="zoe@example.com")
    row.people.set([zoe])
    return Form(
        row,
        at("alerts:edit", environment, pk=row.pk),
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
        at("exports:edit", environment, pk=row.pk),
        hers={"segments": [one.pk, two.pk], "description": ["For the hotels"]},
        his={"name": ["Mail all hotels"]},
        rival={"segments": [two.pk]},
        part="what",
        stored=lambda row: (row.name, row.description, sorted(row.segments.values_list("name", flat=True))),
        after_both=("Mail all hotels", "For the hotels", ["One", "Two"]),
        after_rival=("Mail hotels", "For the hotels", ["Two"]),
        shown="Two",
    )


def of_segment(environment):
    rule = {"field": "City", "operator": "equals", "value": "London"}
    row = make_segment(make_table(environment), "Londoners", [rule])
    return Form(
        row,
        at("segments:edit", environment, pk=row.pk),
        hers={"value": ["Paris"]},
        his={"description": ["Near us"]},
        rival={"value": ["Rome"]},
        part="conditions",
        stored=lambda row: (row.conditions[0]["value"], row.description),
        after_both=("Paris", "Near us"),
        after_rival=("Rome", ""),
        shown="Paris",
    )


def of_connection(environment):
    row = make_connection(environment, "Files")
    return Form(
        row,
        at("connections:edit", environment, pk=row.pk),
        hers={"name": ["Old files"], "agree": ["on"]},
        his={"most_at_once": ["3"], "sharing": ["nobody"]},
        rival={"name": ["New files"]},
        part="name",
        stored=lambda row: (row.name, row.most_at_once, row.sharing),
        after_both=("Old files", 3, "nobody"),
        after_rival=("New files", None, "all"),
        shown="Old files",
    )


def of_sharing(environment):
    row = make_connection(environment, "Files", sharing="nobody")
    carl = make_member(environment, Role.CONTRIBUTOR, "carl")
    return Form(
        row,
        at("connections:share", environment, pk=row.pk),
        hers={"sharing": ["named"], "named": [carl.pk]},
        his={},
        rival={"sharing": ["all"]},
        part="sharing",
        stored=lambda row: (row.sharing, [user.username for user in row.shared_with.all()]),
        after_both=("named", ["carl"]),
        after_rival=("all", []),
        shown="carl",
    )


def of_schedules(environment):
    row = make_export(environment, "Mail hotels")
    daily = {"schedule_mode": ["on"], "repeat": ["daily"], "zone": ["Europe/Paris"]}
    return Form(
        row,
        at("exports:schedule", environment),
        hers=daily | {"time": ["07:15"]},
        his={},
        rival=daily | {"time": ["09:45"]},
        part=f"schedule.{row.pk}",
        stored=lambda row: [list(one.times) for one in Schedule.objects.filter(export=row)],
        after_both=[["07:15"]],
        after_rival=[["09:45"]],
        shown=":15",
        ids=[row.pk],
    )


def of_person(environment):
    row = RoleAssignment.objects.get(user=make_member(environment, Role.VIEWER, "vera"))
    return Form(
        row,
        at("people:edit", environment, pk=row.user_id),
        hers={"role": ["contributor"]},
        his={},
        rival={"role": ["administrator"]},
        part=f"role.{row.user_id}",
        stored=lambda row: row.role,
        after_both="contributor",
        after_rival="administrator",
        shown="Contributor",
    )


def of_people(environment):
    other = make_member(environment, Role.VIEWER, "vito")
    form = of_person(environment)
    form.path, form.ids = at("people:change", environment), [form.row.user_id, other.pk]
    return form


def of_group(environment):
    row = GroupRole.objects.create(environment=environment, group="Marketing", role="viewer")
    return Form(
        row,
        at("people:edit_group", environment, pk=row.pk),
        hers={"role": ["contributor"]},
        his={},
        rival={"role": ["administrator"]},
        part="role",
        stored=lambda row: row.role,
        after_both="contributor",
        after_rival="administrator",
        shown="Contributor",
    )


def of_columns(environment):
    row = make_table(environment)
    one, two = [field for field in row.fields.all() if can_be_marked(field)][:2]
    return Form(
        row,
        at("segments:choose_shown", environment, pk=row.pk),
        hers={"shown": [look_of(one)]},
        his={},
        rival={"shown": [look_of(two)]},
        part="shown",
        stored=lambda row: [field.name for field in row.fields.all() if field.is_shown],
        after_both=[one.name],
        after_rival=[two.name],
        shown=one.name,
    )


def of_refresh(environment):
    weekly = {"repeat": ["weekly"], "time_1": ["05:00"], "zone": ["Europe/Paris"]}
    return Form(
        environment,
        at("system:schedule", environment),
        hers=weekly | {"weekdays": ["1"]},
        his={},
        rival=weekly | {"weekdays": ["2"]},
        part="schedule",
        stored=lambda row: [list(one.weekdays) for one in RefreshSchedule.objects.filter(environment=row)],
        after_both=[[1]],
        after_rival=[[2]],
        shown="Monday",
    )


def of_zone(environment):
    return Form(
        environment,
        at("system:zone", environment),
        hers={"time_zone": ["Europe/Paris"]},
        his={"language": ["fr"]},
        rival={"time_zone": ["Asia/Jakarta"]},
        part="time_zone",
        stored=lambda row: (row.time_zone, row.language),
        after_both=("Europe/Paris", "fr"),
        after_rival=("Asia/Jakarta", ""),
        shown="Europe/Paris",
    )


def of_account(environment):
    row = make_user("zoe", email="zoe@example.com")
    return Form(
        row,
        reverse("admin:roles_user_change", kwargs={"object_id": row.pk}),
        hers={"first_name": ["Zoe"]},
        his={"last_name": ["Zander"]},
        rival={"first_name": ["Zora"]},
        part="first_name",
        stored=lambda row: (row.first_name, row.last_name),
        after_both=("Zoe", "Zander"),
        after_rival=("Zora", ""),
        shown="Zoe",
    )


FORMS = {
    "admin:roles_user_change": of_account,
    "alerts:edit": of_channel,
    "connections:edit": of_connection,
    "connections:share": of_sharing,
    "exports:edit": of_export,
    "exports:schedule": of_schedules,
    "people:change": of_people,
    "people:edit": of_person,
    "people:edit_group": of_group,
    "segments:choose_shown": of_columns,
    "segments:edit": of_segment,
    "system:schedule": of_refresh,
    "system:zone": of_zone,
}
OWN = {"account_reading"}  # tried with one person below


def at(name, environment, **kwargs):
    return reverse(name, kwargs={"environment": environment.slug, **kwargs})


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture(params=FORMS)
def form(request, environment, settings):
    settings.LANGUAGES = [("en", "English"), ("fr", "French")]
    return FORMS[request.param](environment)


@pytest.fixture
def ada(environment):
    return client_of(staff(environment, "ada"))


@pytest.fixture
def ben(environment):
    return client_of(staff(environment, "ben"))


def staff(environment, name):
    user = make_member(environment, username=name)
    user.is_staff = user.is_superuser = True
    user.save()
    return user


def stored(form):
    return form.stored(type(form.row)._base_manager.get(pk=form.row.pk))


def events():
    return AuditEvent.objects.count()


def test_what_each_of_two_changed_stands(form, ada, ben):
    hers, his = ada.opened(form.path, form.ids), ben.opened(form.path, form.ids)
    assert hers
    assert ada.post(form.path, hers | form.hers).status_code == 302
    assert ben.post(form.path, his | form.his).status_code == 302
    assert stored(form) == form.after_both


def test_a_form_that_is_sent_unchanged_changes_nothing(form, ada, ben):
    opened, before = ben.opened(form.path, form.ids), stored(form)
    ada.post(form.path, ada.opened(form.path, form.ids) | form.hers)
    after = stored(form)
    assert after != before
    assert ben.post(form.path, opened).status_code == 302
    assert stored(form) == after


@pytest.mark.parametrize("choice", ["theirs", "mine"])
def test_of_two_values_one_is_chosen(form, ada, ben, choice):
    his = ben.opened(form.path, form.ids)
    ada.post(form.path, ada.opened(form.path, form.ids) | form.hers)
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
    edits = [answer.context_data[name] for name in ("edit", "zone_edit") if name in answer.context_data]
    open_parts = [one.name for edit in edits for one in edit.conflicts]
    assert form.part in open_parts
    chosen = {f"keep-{name}": choice for name in open_parts}
    assert ben.post(form.path, again | chosen).status_code == 302
    assert stored(form) == (form.after_rival if choice == "mine" else kept)


def test_a_form_that_does_not_say_what_it_was_made_from_is_compared_whole(form, ada):
    sent, before = ada.opened(form.path, form.ids) | form.hers, stored(form)
    for forged in ("", "x", "bogus:sig", Base({}, 0).signed("another form 1"), "x" * 70_000):
        answer = ada.post(form.path, sent | {MADE_FROM: forged})
        assert (answer.status_code, stored(form)) == (422, before)
        assert "does not say which version you edited" in answer.content.decode()
    edits = [answer.context_data[name] for name in ("edit", "zone_edit") if name in answer.context_data]
    choices = {f"keep-{one.name}": "mine" for edit in edits for one in edit.conflicts}
    assert ada.post(form.path, inputs_of(answer, form.path) | choices).status_code == 302
    assert stored(form) != before


def test_every_edit_form_is_tried():
    assert FORMS.keys() | OWN == EDIT_FORMS.keys()


def test_two_tabs_of_one_person_choose_a_language(ada, settings):
    settings.LANGUAGES = [("en", "English"), ("fr", "French"), ("id", "Indonesian")]
    path = reverse("account_reading")
    sent = ada.opened(path)
    assert ada.post(path, sent | {"language": "fr"}).status_code == 302
    answer = ada.post(path, sent | {"language": "id"})
    assert answer.status_code == 422
    assert ada.post(path, inputs_of(answer, path) | {"keep-language": "mine"}).status_code == 302
    assert User.objects.get(username="ada").language == "id"


GONE = ("alerts:edit", "connections:edit", "exports:edit", "people:edit", "people:edit_group", "segments:edit")
REMOVE = {
    "alertchannel": lambda row, by: alerts.remove(row, by=by),
    "connection": lambda row, by: removing.remove(row, by=by),
    "export": lambda row, by: exports.remove(row, by=by),
    "grouprole": lambda row, by: people.remove_group_role(row, by=by),
    "roleassignment": lambda row, by: people.remove(row, by=by),
    "segment": lambda row, by: segments.remove(row, by=by),
}


@pytest.mark.parametrize("name", GONE)
def test_who_removed_it_meanwhile_is_said(environment, ada, ben, name):
    form = FORMS[name](environment)
    sent = ben.opened(form.path) | form.hers
    REMOVE[form.row._meta.model_name](form.row, User.objects.get(username="ada"))
    page, panel = ben.post(form.path, sent), ben.post(form.path, sent, headers={"HX-Request": "true"})
    assert (page.status_code, panel.status_code) == (410, 422)
    assert panel.headers["HX-Reswap"] == "afterbegin"  # what was typed stays
    for answer in (page, panel):
        assert "Not saved: ada removed" in answer.content.decode()
    assert ben.post(form.path, sent | {MADE_FROM: "x"}).status_code == 404
