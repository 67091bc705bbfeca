"""What happens to a channel while somebody has it open stays as it is when they save."""

import pytest

from exports.alerts import actions
from exports.alerts.channels import signing
from exports.models import AlertChannel
from roles.models import AuditEvent
from tests.factories import make_member

pytestmark = pytest.mark.django_db
DRAFT = actions.Draft("Operations", ["held"], tells_recovery=True, is_for_all=True)


@pytest.fixture
def ada(environment):
    return make_member(environment, username="ada")


@pytest.fixture
def channel(environment):
    return AlertChannel.objects.create(environment=environment, name="Operations", kind="webhook", kinds=["failed"])


def opened(channel):
    """The same channel, as another request loaded it before."""
    return AlertChannel.objects.get(pk=channel.pk)


def test_one_that_was_switched_off_stays_off(channel, ada):
    before = opened(channel)
    actions.switch(channel, is_on=False, by=ada)
    actions.save(before, DRAFT, by=ada)
    assert (opened(channel).is_on, opened(channel).kinds) == (False, ["held"])


def test_a_secret_that_was_replaced_stays_the_new_one(channel, ada):
    before, secret = opened(channel), signing.new_secret()
    replaced = actions.Draft("Operations", ["failed"], True, True, secrets={"signing": secret})
    actions.save(channel, replaced, by=ada)
    actions.save(before, DRAFT, by=ada)
    assert opened(channel).secrets == {"signing": secret}


def test_one_that_was_removed_does_not_come_back(channel, ada):
    before = opened(channel)
    actions.remove(channel, by=ada)
    with pytest.raises(AlertChannel.DoesNotExist):
        actions.save(before, DRAFT, by=ada)
    assert not AlertChannel.objects.exists()
    assert list(AuditEvent.objects.values_list("action", flat=True)) == ["remove"]
