"""A stand-in for a target that wants people or companies and has limits; it writes files like a Local folder."""

from django import forms

from connections.destinations.base import FileExportForm, Limits, TargetField
from connections.destinations.local.destination import LocalFolder
from roles.kinds import ProfileKind, SemanticType


class PeopleListForm(FileExportForm):
    """Asks whom the list is about."""

    targeting = forms.ChoiceField(
        label="Targeting", choices=[("people", "People"), ("companies", "Companies")], initial="people"
    )


class PeopleList(LocalFolder):
    """Takes customers and contacts with an e-mail address, or accounts where an export targets companies."""

    slug, label, monogram, tone = "people_list", "People list", "PL", "violet"
    summary = "A list of people, or of companies."
    export_form = PeopleListForm
    takes = frozenset({ProfileKind.CUSTOMER, ProfileKind.CONTACT})
    takes_tables = False
    limits = Limits(most_profiles=1000, least_profiles_per_segment=3)
    target_fields = (
        TargetField("EMAIL", "E-mail address", SemanticType.EMAIL, is_required=True),
        TargetField("FIRST_NAME", "First name", SemanticType.FIRST_NAME),
    )
    help_sections = ()

    @classmethod
    def takes_for(cls, settings):
        return frozenset({ProfileKind.ACCOUNT}) if settings.get("targeting") == "companies" else cls.takes

    @classmethod
    def target_fields_for(cls, settings):
        if settings.get("targeting") == "companies":
            return (TargetField("COMPANY", "Company name", SemanticType.COMPANY),)
        return cls.target_fields
