"""The operator's way in."""

import pytest
from django.core.management import CommandError, call_command

from roles.models import AuditEvent
from tests.factories import make_user


def grant(*words):
    call_command("grant_role", *words, verbosity=0)


def test_an_operator_gives_a_role_and_the_log_says_so(place, capsys):
    bea = make_user("bea", email="bea@example.com")
    grant("bea@example.com", place.environment.slug, "administrator")
    assert place.role_of(bea) == ("administrator", "")
    assert capsys.readouterr().out == "bea is now Administrator of Contoso.\n"
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.changes) == ("give role", None, {"role": [None, "administrator"]})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody", "{slug}", "viewer"), "There is no user 'nobody'"),
        (("bea", "nowhere", "viewer"), "There is no environment 'nowhere'"),
        (("bea", "{slug}", "owner"), "invalid choice: 'owner'"),
        (("team@example.com", "{slug}", "viewer"), "Several users have the address"),
        (("ada", "{slug}", "viewer"), "is the last administrator"),
    ],
)
def test_what_cannot_be_done_is_said(place, words, said):
    make_user("bea", email="team@example.com")
    make_user("cid", email="team@example.com")
    with pytest.raises(CommandError, match=said):
        grant(*(word.format(slug=place.environment.slug) for word in words))
    assert place.role_of(place.ada) == ("administrator", "")
