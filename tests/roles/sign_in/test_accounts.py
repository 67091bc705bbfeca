"""Local accounts that others make: invitations, and whoever operates Waybill."""

import pytest
from django.core.exceptions import ValidationError

from roles.models import AuditEvent, User
from roles.sign_in.accounts import AccountForm, create_account, split_name
from tests.factories import make_user

pytestmark = pytest.mark.django_db
GRACE = {
    "name": "Grace Brewster Hopper",
    "username": "grace",
    "email": "Grace@Example.com",
    "password": "a nice ship 44",
}


def test_an_account_is_made_and_recorded():
    user = create_account(**GRACE)
    assert (user.first_name, user.last_name, user.email) == ("Grace Brewster", "Hopper", "grace@example.com")
    assert user.check_password(GRACE["password"])
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.object_id) == ("create account", user, str(user.pk))


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("username", "no blanks"), ("username", ""), ("email", "grace"), ("password", "12345")],
)
def test_what_is_wrong_is_said_at_its_field(field, value):
    with pytest.raises(ValidationError) as caught:
        create_account(**GRACE | {field: value})
    assert set(caught.value.message_dict) == {field}
    form = AccountForm(GRACE | {field: value})
    assert set(form.errors) == {field}
    assert not User.objects.exists()


def test_a_name_or_an_address_that_somebody_has_is_refused_whatever_its_case():
    make_user("grace", email="grace@example.com")
    with pytest.raises(ValidationError) as caught:
        create_account(**GRACE | {"username": "GRACE"})
    assert set(caught.value.message_dict) == {"username", "email"}


def test_nobody_takes_a_user_name_by_which_somebody_else_would_be_meant():
    with pytest.raises(ValidationError) as caught:
        create_account(**GRACE | {"username": "boss@example.com"})
    assert set(caught.value.message_dict) == {"username"}
    assert create_account(**GRACE | {"username": "GRACE@example.com"}).username == "GRACE@example.com"


def test_an_address_that_is_somebodys_user_name_is_refused():
    make_user("Grace@example.com")
    with pytest.raises(ValidationError) as caught:
        create_account(**GRACE)
    assert set(caught.value.message_dict) == {"email"}


def test_the_address_of_an_invitation_cannot_be_changed():
    form = AccountForm(GRACE | {"email": "other@example.com"}, email="grace@example.com")
    assert form.is_valid()
    assert form.save().email == "grace@example.com"


def test_a_name_is_split_at_its_last_word():
    assert split_name(" Ada  Lovelace ") == ("Ada", "Lovelace")
    assert split_name("Plato") == ("Plato", "")
