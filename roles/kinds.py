"""Small closed sets that several apps use (docs/rules.md)."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Audience(TextChoices):
    """Whom an environment's data is about."""

    CONSUMERS = "consumers", _("Individual consumers")
    BUSINESSES = "businesses", _("Business accounts")


class ProfileKind(TextChoices):
    """What one row of a profile table is; a segment lists rows of one kind."""

    CUSTOMER = "customer", _("Customer")
    ACCOUNT = "account", _("Account")
    CONTACT = "contact", _("Contact")


# The profile kinds that each audience has.
PROFILE_KINDS = {
    Audience.CONSUMERS: (ProfileKind.CUSTOMER,),
    Audience.BUSINESSES: (ProfileKind.ACCOUNT, ProfileKind.CONTACT),
}


class SemanticType(TextChoices):
    """What a field means, whatever its name: decides how target fields are matched and previews masked."""

    NONE = "", _("Not stated")
    PERSON_ID = "person_id", _("Person or account id")
    FIRST_NAME = "first_name", _("First name")
    LAST_NAME = "last_name", _("Last name")
    FULL_NAME = "full_name", _("Full name")
    EMAIL = "email", _("E-mail")
    PHONE = "phone", _("Phone")
    BIRTH_DATE = "birth_date", _("Date of birth")
    STREET = "street", _("Street address")
    CITY = "city", _("City")
    STATE = "state", _("State or province")
    POSTAL_CODE = "postal_code", _("Postal code")
    COUNTRY = "country", _("Country")
    COMPANY = "company", _("Company name")
    WEBSITE = "website", _("Website")
