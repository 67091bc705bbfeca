"""A user name that looks like another's is refused, whichever way an account is made; those that there are stay."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction
from django.urls import reverse

from roles.lookalikes import looks_like_one_of
from roles.models import User
from roles.sign_in.accounts import create_account
from tests.factories import make_user

ALIKE = {
    "Cyrillic a": ("ada", "\u0430da"),
    "all of it Cyrillic": ("paypal", "\u0440\u0430\u0443\u0440\u0430\u04cf"),
    "Greek o": ("otto", "\u03bftto"),
    "large letters": ("Ada", "aDA"),
    "a large Cyrillic letter": ("Kate", "\u041aate"),
    "large i for l": ("lila", "Iila"),
    "one for l": ("lila", "1ila"),
    "nothing for o": ("otto", "0tt0"),
    "r and n for m": ("mary", "rnary"),
    "Armenian o": ("otto", "\u0585tto"),
    "Cherokee": ("ADA", "\u13aa\u13a0A"),
    "a dotless i": ("ida", "\u0131da"),
    "alpha": ("ada", "\u0251da"),
}
UNLIKE = [
    ("ada", "adam"),
    ("jose", "jos\u00e9"),
    ("anna", "\u0430\u043d\u043d\u0430-2"),
    ("ali", "all"),
    ("user1", "user2"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_names_that_look_the_same_are_told(one, other):
    assert looks_like_one_of(other, [one])
    assert looks_like_one_of(one, [other])


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_others_are_not(one, other):
    assert not looks_like_one_of(one, [other])


def made_by_hand(name):
    create_account(name="Eve", username=name, email="eve@example.com", password="long enough 1")


def made_by_code(name):
    User.objects.create_user(name, password="long enough 1")


def made_by_the_admin_pages(name):
    from tests.factories import client_of

    root = make_user("root", is_staff=True, is_superuser=True)
    form = {"username": name, "password1": "long enough 1", "password2": "long enough 1", "usable_password": "true"}
    answer = client_of(root).post(reverse("admin:roles_user_add"), form)
    if answer.status_code != 302:
        raise ValidationError(answer.context["adminform"].form.errors.as_text())


def made_by_a_command(name):
    words = ("contoso", "--name=Contoso", "--audience=consumers", f"--administrator={name}", "--password-stdin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("long enough 1\n"))
        call_command("create_environment", *words)


def made_by_djangos_command(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_SUPERUSER_PASSWORD", "long enough 1")
        call_command("createsuperuser", "--no-input", f"--username={name}", "--email=eve@example.com")


ROUTES = [made_by_hand, made_by_code, made_by_the_admin_pages, made_by_a_command, made_by_djangos_command]


@pytest.mark.parametrize("make", ROUTES)
@pytest.mark.parametrize(
    "name", ["\u0430da", "\uff41\uff44\uff41", "ADA", "Ada ", "ada\u3164", "ad\u200da", "a\u202eda", "ada\n"], ids=ascii
)
def test_no_route_makes_an_account_that_looks_like_another(db, make, name):
    make_user("ada")
    before = set(User.objects.values_list("username", flat=True))
    with pytest.raises((ValidationError, CommandError, IntegrityError)), transaction.atomic():
        make(name)
    assert set(User.objects.values_list("username", flat=True)) - {"root"} == before


@pytest.mark.parametrize("make", ROUTES)
def test_every_route_makes_an_account_with_a_name_of_its_own(db, make):
    make_user("ada")
    make("jos\u00e9" if make is made_by_djangos_command else "jose\u0301")  # whose own check comes before
    assert User.objects.filter(username="jos\u00e9").exists()


def test_it_is_said_of_the_user_name(db):
    make_user("ada")
    with pytest.raises(ValidationError) as refused:
        made_by_hand("\u0430da")
    assert refused.value.message_dict == {
        "username": ["This user name looks like another one. Choose a different one."]
    }


def test_those_that_there_are_stay_and_can_be_changed(db, admin_client):
    make_user("ada")
    twin = make_user("other")
    User.objects.filter(pk=twin.pk).update(username="\u0430da")
    twin.refresh_from_db()
    twin.first_name = "Eve"
    twin.full_clean()
    twin.save()
    page = admin_client.get(reverse("admin:roles_user_change", args=[twin.pk]))
    assert page.status_code == 200


@pytest.mark.django_db(transaction=True)
def test_two_that_look_alike_are_not_made_at_the_same_moment():
    start = threading.Barrier(2)

    def make(name):
        start.wait(30)
        try:
            made_by_code(name)
        except ValidationError:
            return "refused"
        finally:
            connections.close_all()
        return "made"

    with ThreadPoolExecutor(2) as pool:
        ends = [future.result(60) for future in [pool.submit(make, name) for name in ("ada", "\u0430da")]]
    assert sorted(ends) == ["made", "refused"]
