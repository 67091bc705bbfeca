"""The verbs on channels, each with its audit event. No event holds an address or a signing secret."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from exports.alerts import outbox
from exports.alerts.channels import signing
from exports.alerts.channels.posting import server_of
from exports.alerts.errors import NotDeliveredError
from exports.audited import difference
from exports.models import AlertChannel, AlertDelivery, AlertKind, ChannelKind, Export
from roles.audit import audit
from roles.audit.changes import add_values
from roles.audit.gone import locked
from roles.models import User
from roles.secrets.store import SecretField, register_secret_field

EDITED = ["name", "kinds", "tells_recovery", "is_for_all", "encrypted_secrets", "last_error", "updated_at"]
ON_OFF = {True: "on", False: "off"}


@dataclass
class Draft:
    """What the form says about a channel; empty `secrets` keep those that are stored."""

    name: str
    kinds: Sequence[str]
    tells_recovery: bool
    is_for_all: bool
    exports: Sequence[Export] = ()
    people: Sequence[User] = ()
    secrets: dict[str, str] = field(default_factory=dict, repr=False)


def register_secrets() -> None:
    """Register the secrets of channels for rotation, and the labels of choices for the audit page."""
    about: Any = lambda row: (row.environment, row)  # noqa: E731 - as for the other secret fields
    register_secret_field(
        SecretField("exports.AlertChannel", "encrypted_secrets", about=about, related=("environment",))
    )
    add_values(channel=dict(ChannelKind.choices), alert_kind=dict(AlertKind.choices))


def save(channel: AlertChannel, draft: Draft, *, by: User) -> str:
    """Add or change `channel`; return the signing secret that was made for it, "" where none was.

    Raises IntegrityError where its name is taken, DoesNotExist where it was removed.
    """
    with transaction.atomic():
        if channel.pk:
            kept = AlertChannel.objects.select_for_update().get(pk=channel.pk)
            channel.encrypted_secrets, channel.last_error = kept.encrypted_secrets, kept.last_error
        before = _facts(channel) if channel.pk else {}
        channel.name, channel.kinds = draft.name, list(draft.kinds)
        channel.tells_recovery, channel.is_for_all = draft.tells_recovery, draft.is_for_all
        made = _make_signing(channel, draft)
        if draft.secrets:
            channel.replace_secrets(draft.secrets | made)
            channel.last_error = ""
        if not channel.pk:
            channel.created_by = by
        channel.save(update_fields=EDITED if before else None)  # not what was switched or sent since it was loaded
        channel.people.set(draft.people)
        channel.exports.set([] if draft.is_for_all else draft.exports)
        changes = difference(before, _facts(channel)) | ({"secrets": "changed"} if before and draft.secrets else {})
        audit.record(channel.environment, "change" if before else "create", channel, by=by, changes=changes)
        return made.get("signing", "")


def _make_signing(channel: AlertChannel, draft: Draft) -> dict[str, str]:
    """Return a signing secret if one is needed. A webhook keeps its secret as long as its server is the same."""
    if channel.kind != ChannelKind.WEBHOOK:
        return {}
    stored, entered = channel.stored_secrets, draft.secrets
    if "signing" in entered:
        return {}
    has_moved = "url" in entered and _server(entered) != _server(stored)
    return {"signing": signing.new_secret()} if has_moved or not channel.pk else {}


def _server(secrets: dict[str, str]) -> str:
    """Return the server of the address in `secrets`; "" if there is no valid address."""
    try:
        return server_of(secrets["url"])
    except (KeyError, NotDeliveredError):
        return ""


def switch(channel: AlertChannel, *, is_on: bool, by: User) -> None:
    """Switch `channel` on or off. Writes nothing if it is in that state already."""
    with transaction.atomic():
        changed = AlertChannel.objects.filter(pk=channel.pk, is_on=not is_on).update(is_on=is_on, last_error="")
        if changed:
            changes = {"switch": [ON_OFF[not is_on], ON_OFF[is_on]]}
            audit.record(channel.environment, "switch", channel, by=by, changes=changes)


def send_test(channel: AlertChannel, *, by: User) -> AlertDelivery:
    """Send a test message in the background."""
    with transaction.atomic():
        audit.record(channel.environment, "test", channel, by=by)
        return outbox.add_test(channel)


def remove(channel: AlertChannel, *, by: User) -> None:
    """Remove `channel`. Messages that wait for it are not sent. Raises AlreadyGoneError."""
    with transaction.atomic():
        locked(AlertChannel.objects.all(), channel)
        audit.record(channel.environment, "remove", channel, by=by, changes=difference(_facts(channel), {}))
        channel.delete()


def _facts(channel: AlertChannel) -> dict[str, Any]:
    """The channel as the audit log keeps it."""
    found = {
        "name": channel.name,
        "channel": channel.kind,
        "kinds": sorted(channel.kinds),
        "tells_recovery": channel.tells_recovery,
        "is_for_all": channel.is_for_all,
        "exports": sorted(channel.exports.values_list("name", flat=True)),
        "people": sorted(str(person) for person in channel.people.all()),
    }
    return {name: value for name, value in found.items() if value not in ("", [])}
