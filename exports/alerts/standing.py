"""How channels stand: whether each can send, whom it cannot reach, and what became of what it sent last."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, JSONField, OuterRef, Prefetch, QuerySet, Subquery
from django.utils.translation import gettext as _

from exports.models import AlertChannel, AlertDelivery, ChannelKind, DeliveryState
from roles.models import Environment, RoleAssignment, User
from roles.secrets.store import UnreadableSecretError


@dataclass(frozen=True)
class Standing:
    """The state of one channel, and why; `can_send` also says that nothing is known to be in the way."""

    tone: str
    label: str
    reason: str = ""
    can_send: bool = False


def with_standing(environment: Environment) -> QuerySet[AlertChannel]:
    """Return the channels of `environment`, each with what `standing_of` looks at."""
    member = RoleAssignment.objects.filter(user=OuterRef("pk"), environment=environment)
    people = User.objects.annotate(is_member=Exists(member)).order_by("username")
    tried = AlertDelivery.objects.filter(channel=OuterRef("pk"), tries__gt=0).order_by("-pk")[:1]
    found = AlertChannel.objects.filter(environment=environment).annotate(
        last_state=Subquery(tried.values("state")),
        last_answers=Subquery(tried.values("answers"), output_field=JSONField()),
    )
    return found.prefetch_related(Prefetch("people", people), "exports")


def standing_of(channel: AlertChannel) -> Standing:
    """Return how a channel of `with_standing` stands."""
    if not channel.is_on:
        return Standing("neutral", _("Off"))
    return _obstacle(channel) or _last_result(channel)


def unreached(people: Iterable[User]) -> list[User]:
    """Return those of `people` that no mail can go to: they have no address, or left."""
    return [person for person in people if not can_be_mailed(person)]


def can_be_mailed(person: User) -> bool:
    """Whether a mail can go to a person of `with_standing`."""
    return bool(person.email and person.is_active and getattr(person, "is_member", True))


def _obstacle(channel: AlertChannel) -> Standing | None:
    """What keeps the channel from sending at all, as far as it can be known beforehand."""
    if channel.kind != ChannelKind.EMAIL:
        try:
            has_address = bool(channel.secrets.get("url"))
        except UnreadableSecretError as error:
            return Standing("danger", str(error.title), str(error.message))
        return None if has_address else Standing("danger", _("Cannot send"), _("Enter the address of the receiver."))
    if not settings.MAIL_IS_SET_UP:
        return Standing("danger", _("Cannot send"), _("Ask your Waybill operator to set WAYBILL_EMAIL_URL."))
    if not any(map(can_be_mailed, channel.people.all())):
        return Standing("danger", _("Cannot send"), _("No person has an e-mail address here. Choose other people."))
    return None


def _last_result(channel: AlertChannel) -> Standing:
    """What became of the last message, and who is left out of the next one."""
    if channel.last_error:
        reached_some = AlertDelivery.TAKEN in (getattr(channel, "last_answers", None) or {}).values()
        if reached_some:
            return Standing("warning", _("Sent to some"), str(channel.last_error), can_send=True)
        return Standing("danger", _("Not delivered"), str(channel.last_error))
    missed = unreached(channel.people.all())
    if missed:
        text = _("%(who)s cannot get e-mail: no address, or no longer in this environment.")
        return Standing("warning", _("On"), text % {"who": ", ".join(map(str, missed))}, can_send=True)
    if channel.last_sent_at is None:
        return Standing("info", _("On, not tested"), _("Send a test."), can_send=True)
    if getattr(channel, "last_state", None) == DeliveryState.WAITING:
        return Standing("info", _("Sending"), can_send=True)
    return Standing("success", _("On"), can_send=True)
