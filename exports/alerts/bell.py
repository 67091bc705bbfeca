"""The bell in the header: what changed since a person last read the alerts of an environment. One query for a page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Subquery
from django.db.models.functions import Coalesce, Least, Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.models import Alert, AlertsSeen
from roles.access.policy import Access

MOST = 99  # that are counted
# Who never looked is told of what changed lately, not of all that ever was.
LATELY = timedelta(days=7)
# Every page asks for it: written out, because putting the query together takes far longer than its answer.
_UNREAD = """
SELECT count(*) FROM (
    SELECT 1 FROM exports_alert
    WHERE environment_id = %(environment)s AND changed_at > coalesce(
        (SELECT seen_at FROM exports_alertsseen WHERE environment_id = %(environment)s AND user_id = %(user)s),
        statement_timestamp() - %(lately)s
    )
    LIMIT %(most)s
) AS unread
"""


@dataclass(frozen=True)
class Bell:
    """What the header shows."""

    unread: int

    @property
    def figure(self) -> str:
        """The number, short; "" for none."""
        if not self.unread:
            return ""
        return f"{MOST}+" if self.unread > MOST else str(self.unread)

    @property
    def label(self) -> str:
        """The number in words."""
        if not self.unread:
            return _("Alerts, none unread")
        return ngettext("%(n)s unread alert", "%(n)s unread alerts", self.unread) % {"n": self.figure}


def bell_of(access: Access) -> Bell:
    """Return the bell for one person."""
    values: dict[str, Any] = {
        "user": access.user.pk,
        "environment": access.environment.pk,
        "lately": LATELY,
        "most": MOST + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNREAD, values)
        return Bell(cursor.fetchone()[0])


def mark_read(access: Access, until: datetime | None) -> None:
    """Record that the person has read all changes up to `until`, the time of the last one shown."""
    moment = Least(until, Now()) if until else Now()
    seen, is_new = AlertsSeen.objects.get_or_create(
        user=access.user, environment=access.environment, defaults={"seen_at": moment}
    )
    if not is_new:
        later = AlertsSeen.objects.filter(pk=seen.pk, seen_at__lt=moment)
        later.update(seen_at=moment)


def latest_alerts(access: Access, count: int) -> list[Alert]:
    """Return the `count` alerts that changed last, each with `is_unread`."""
    seen = AlertsSeen.objects.filter(user=access.user, environment=access.environment).values("seen_at")
    found = Alert.objects.filter(environment=access.environment).select_related("export", "environment", "run")
    since = Coalesce(Subquery(seen), Now() - LATELY)
    return list(found.annotate(since=since).order_by(F("changed_at").desc(), "-pk")[:count])
