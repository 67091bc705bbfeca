"""The support bundle: one JSON file that helps to find a fault and may be sent to others.

Each part states what goes in; nothing is taken out of something larger. Objects are named by their ids alone: no
names of people, exports or connections, no host, path or account, no secret, no data.
"""

import platform
import re
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Model
from django.db.models.functions import Extract, Now
from django.utils import timezone

from roles.checks import CHECKS, Finding
from roles.models import AuditEvent, Environment, Heartbeat, Invitation, RoleAssignment, User
from roles.secrets import store

# Settings whose value is a number, a switch or a word of ours.
TOLD = (
    "DEBUG", "DEMO", "HTTPS", "BEHIND_PROXY", "EMBEDDED_DATABASE", "TIME_ZONE", "LANGUAGE_CODE", "EXPORT_WORKERS",
    "RUN_MEMORY_MB", "RUN_DEADLINE_SECONDS", "RUN_LEASE_SECONDS", "SESSION_COOKIE_AGE", "SESSION_COOKIE_SECURE",
    "SECURE_HSTS_SECONDS", "DATA_UPLOAD_MAX_MEMORY_SIZE", "DATA_UPLOAD_MAX_NUMBER_FIELDS",
)  # fmt: skip
# Settings of which only the number of entries is told.
COUNTED = ("ALLOWED_HOSTS", "ALLOWED_NETWORKS", "CSRF_TRUSTED_ORIGINS")
QUOTED = re.compile(r"“[^”]*”|‘[^’]*’|\"[^\"]*\"|'[^']*'|`[^`]*`")
WHERE = re.compile(r"\S*[@/\\]\S*|\b[\w-]+(?:\.[\w-]+)+\b|\b[0-9a-fA-F]*:[0-9a-fA-F:]+\b")

PARTS: dict[str, Callable[[], Any]] = {}


def part(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Add what a function returns to the bundle, as `name`."""

    def add(make: Callable[[], Any]) -> Callable[[], Any]:
        PARTS[name] = make
        return make

    return add


def bundle_of_all() -> dict[str, Any]:
    """Return every part; a part that fails is replaced by the class of its error."""
    return {"made_at": timezone.now().isoformat()} | {name: _tried(make) for name, make in PARTS.items()}


def without_names(text: str, names: Iterable[str] = ()) -> str:
    """Return a message with “…” for quoted texts, for `names`, and for possible addresses."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = re.sub(re.escape(name), "…", text, flags=re.IGNORECASE)
    return WHERE.sub("…", QUOTED.sub("“…”", text))


def counts_of(model: type[Model], *fields: str) -> list[dict[str, Any]]:
    """Return the number of rows for each combination of `fields`."""
    rows = model._default_manager.order_by(*fields).values(*fields).annotate(count=Count("pk"))
    return [{name: row[name] for name in (*fields, "count")} for row in rows]


def states_of(checks: Iterable[tuple[str, Callable[[], Finding]]]) -> dict[str, str]:
    """Return the state of each of the doctor's checks, without their texts, which name machines and folders."""
    return {name: _tried(lambda check=check: check().state) for name, check in checks}  # type: ignore[misc]


def _tried(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception as error:  # the bundle is for when something is broken
        return f"not known ({type(error).__name__})"


@part("versions")
def _versions() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        server = cursor.fetchone()[0].split()[0]
    packages = {one.metadata["Name"]: one.version for one in metadata.distributions()}
    system = f"{platform.system()} {platform.machine()}"
    return {"python": sys.version.split()[0], "system": system, "postgresql": server} | dict(sorted(packages.items()))


@part("settings")
def _settings() -> dict[str, Any]:
    told = {name: getattr(settings, name, None) for name in TOLD}
    counts = {name: len(getattr(settings, name, ())) for name in COUNTED} | {"SECRETS_KEYS": len(store.keys())}
    return told | {f"number of {name}": count for name, count in counts.items()}


@part("doctor")
def _doctor() -> dict[str, str]:
    return states_of(CHECKS)


@part("processes")
def _processes() -> list[dict[str, Any]]:
    silent = Extract(Now() - F("seen_at"), "epoch")
    rows = Heartbeat.objects.annotate(silent=silent).order_by("kind", "pk").values("kind", "started_at", "silent")
    return [row | {"silent": round(float(row["silent"]), 1)} for row in rows]


@part("environments")
def _environments() -> list[Any]:
    return list(Environment.objects.order_by("pk").values("id", "audience", "created_at"))


@part("people")
def _people() -> dict[str, Any]:
    return {
        "accounts": counts_of(User, "is_active", "is_staff"),
        "roles": counts_of(RoleAssignment, "environment_id", "role"),
        "open invitations": Invitation.objects.filter(accepted_at=None, expires_at__gt=Now()).count(),
        "audit events": AuditEvent.objects.count(),
    }
