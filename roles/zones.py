"""Time zones by their names in the IANA database: which there are, which are offered, and how they are written."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings

REGIONS = {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}


@cache
def known() -> frozenset[str]:
    """Return the names of the time zones that can be chosen."""
    return frozenset(available_timezones() - {"Factory", "localtime"})


@cache
def offered() -> tuple[str, ...]:
    """Return the zones to choose from: UTC, and places by their present names."""
    return "UTC", *sorted(name for name in known() if name.partition("/")[0] in REGIONS)


def of_installation() -> str:
    """Return the zone of the installation, which environments start with."""
    return settings.TIME_ZONE


def named(text: str) -> str:
    """Return the zone meant by "europe/paris", "New York" or "Paris"; the text itself where that is not clear."""
    wanted = "_".join(text.split()).casefold()
    if wanted in _by_name():
        return _by_name()[wanted]
    found = [name for name in offered() if name.casefold().endswith(f"/{wanted}")]
    return found[0] if len(found) == 1 else text.strip()


def name_of(kept: str) -> str:
    """Return the name of a zone as it is kept; "" for one that is not known, or no longer."""
    return kept if kept in known() else ""


def zone_of(name: str) -> ZoneInfo | None:
    """Return the zone called `name`; None for a name that is not known, or no longer."""
    return ZoneInfo(name) if name in known() else None


def offset(moment: datetime) -> str:
    """Return how far an aware local time is from UTC: "UTC+05:45", and "UTC" for UTC itself."""
    if moment.tzinfo is UTC or str(moment.tzinfo) == "UTC":
        return "UTC"
    away = moment.utcoffset() or timedelta(0)
    hours, minutes = divmod(abs(int(away.total_seconds())) // 60, 60)
    return f"UTC{'-' if away < timedelta(0) else '+'}{hours:02}:{minutes:02}"


def with_offset(name: str, now: datetime) -> str:
    """Return the zone with how far it is from UTC at `now`: "Europe/Paris (UTC+01:00)"."""
    zone = zone_of(name)
    return name if zone is None or name == "UTC" else f"{name} ({offset(now.astimezone(zone))})"


def grouped(now: datetime, also: Iterable[str] = ()) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the zones offered, and those of `also`, as choices by region: "Europe" has "Paris (UTC+01:00)"."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in dict.fromkeys((*offered(), *also)):
        region, _slash, place = name.partition("/")
        away = offset(now.astimezone(ZoneInfo(name)))
        label = f"{place.replace('_', ' ')} ({away})" if place else name
        groups.setdefault(region, []).append((name, label))
    return list(groups.items())


@cache
def _by_name() -> dict[str, str]:
    return {name.casefold(): name for name in known()}
