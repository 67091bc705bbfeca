"""The connection type: what it asks for and takes, and how its server is spoken to."""

from typing import Any
from urllib.parse import quote

from django import forms

from connections.destinations.base import AudienceDestination, Limits, SettingsForm, TargetField, Unit
from connections.destinations.base.audiences import (
    Accepted,
    ByRow,
    Container,
    Op,
    OpLimits,
    Prepared,
    Rejected,
    Request,
    Unsendable,
)
from roles.kinds import ProfileKind, SemanticType
from tests.servers.mailing_list.server import MOST, handle_of


class MailingListForm(SettingsForm):
    """Asks where the lists are kept."""

    url = forms.URLField(label="Address", assume_scheme="http")


class MailingListExportForm(SettingsForm):
    """Asks whom the list is about."""

    about = forms.ChoiceField(label="About", choices=[("people", "People"), ("companies", "Companies")])


class MailingList(AudienceDestination):
    """Takes batches of people; keeps a list for each segment and answers which of them it rejects."""

    slug, label, monogram, tone = "mailing_list", "Mailing list", "ML", "teal"
    summary = "Lists of people."
    settings_form, export_form = MailingListForm, MailingListExportForm
    takes = frozenset({ProfileKind.CUSTOMER, ProfileKind.CONTACT})
    limits = Limits(most_profiles=1000)
    operations = dict.fromkeys(Op, OpLimits(MOST))
    target_fields = (
        TargetField("EMAIL", "E-mail address", SemanticType.EMAIL, is_required=True),
        TargetField("FIRST_NAME", "First name", SemanticType.FIRST_NAME),
    )

    @classmethod
    def unit_for(cls, settings: dict[str, Any]) -> Unit:
        return Unit.RECORDS if settings.get("about") == "companies" else cls.unit

    def account(self):
        return self.settings["url"]

    def container_key(self, settings, segment_id):
        return settings.get("list") or f"segment {segment_id}"

    def container(self, key, name, known):
        return Container(known or (name if key.startswith("segment ") else key))
        yield

    def normalise(self, values):
        email = (values["EMAIL"] or "").strip().lower()
        if "@" not in email:
            return Unsendable("invalid" if email else "missing", "EMAIL")
        person = {"EMAIL": email} | {name: text for name, text in values.items() if name != "EMAIL" and text}
        return Prepared(email, person, handle_of(email))

    def apply(self, op, people, container):
        adds = op != Op.REMOVE
        batch = {
            "add": [one.payload for one in people] if adds else [],
            "remove": [] if adds else [one.handle for one in people],
        }
        response = yield Request("POST", self._url(container), batch)
        if not response.is_ok:
            raise self.failure(response)
        rejected = response.json()["rejected"]
        return ByRow(
            [
                Rejected("not wanted", "We do not want this one.") if adds and one.payload["EMAIL"] in rejected
                else Accepted()
                for one in people
            ]
        )  # fmt: skip

    def count(self, container):
        response = yield Request("GET", self._url(container))
        if not response.is_ok:
            raise self.failure(response)
        return len(response.json()["people"])

    def why_failed(self, response):
        return "The list does not let us in. Ask an administrator.", True

    def _url(self, container):
        return f"{self.settings['url']}/{quote(container.vendor_id)}"
