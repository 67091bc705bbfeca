"""The connection type: what it asks for and takes, and how its server is spoken to."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from django import forms

from connections.destinations.base import AudienceDestination, DeliveryError, Limits, SettingsForm, TargetField, Unit
from roles.kinds import ProfileKind, SemanticType

PASSING = 500  # and above


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
    removes_members = True
    limits = Limits(most_profiles=1000)
    target_fields = (
        TargetField("EMAIL", "E-mail address", SemanticType.EMAIL, is_required=True),
        TargetField("FIRST_NAME", "First name", SemanticType.FIRST_NAME),
    )

    @classmethod
    def unit_for(cls, settings: dict[str, Any]) -> Unit:
        return Unit.RECORDS if settings.get("about") == "companies" else cls.unit

    def people_of(self, name: str) -> dict[str, dict[str, str]]:
        """Return who is in the list, by e-mail address."""
        return {person["EMAIL"]: person for person in self._ask(name)["people"]}

    def send(self, name: str, batch: dict[str, Any]) -> tuple[set[str], int]:
        """Send one batch; return the addresses that the list rejects, and how many bytes that took."""
        data = json.dumps(batch).encode()
        return set(self._ask(name, data)["rejected"]), len(data)

    def _ask(self, name: str, data: bytes | None = None) -> Any:
        try:
            with urlopen(Request(f"{self.settings['url']}/{quote(name)}", data), timeout=120) as answer:
                return json.load(answer)
        except HTTPError as error:
            if error.code >= PASSING:
                raise DeliveryError("The list is busy.", detail=str(error), retry_after=0.0) from error
            raise DeliveryError("The list does not let us in. Ask an administrator.", permanent=True) from error
        except URLError as error:
            raise DeliveryError("The list did not answer.", detail=str(error)) from error
