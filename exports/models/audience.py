"""What segments fill at systems that take people, and how fast these may be asked."""

from django.db import models
from django.db.models.functions import Now

from connections.models import Connection
from roles.models import Environment


class AudienceContainer(models.Model):
    """A tag, list or audience that Waybill fills: known by the account and the vendor's id, never by its name.

    `key` tells it from others of the account before the vendor has made it. Who is in it: segments/warehouse/ledger.py.
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, models.SET_NULL, null=True, related_name="+")
    type = models.CharField(max_length=40)
    account = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    vendor_id = models.CharField(max_length=200, blank=True, default="")
    name = models.CharField(max_length=200, blank=True, default="")
    # Makes identities that nobody without the portal's keys can compute: JSON {"key": hex}, encrypted.
    sealed_key = models.TextField(editable=False)
    made_at = models.DateTimeField(db_default=Now())
    # What the target said when it was last asked.
    counted = models.BigIntegerField(null=True)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "type", "account", "key"], name="one_container_for_a_key"),
        ]

    def __str__(self) -> str:
        return self.name or self.key


class RateBudget(models.Model):
    """When the next request may go, of one window of one scope (GCRA): all machines take their turns from it."""

    scope = models.CharField(max_length=300, primary_key=True)
    next_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.scope
