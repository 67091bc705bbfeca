"""One line of Settings > System > Status: what a table, segment or export is, how it stands, since when and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.models import Export, PartKind, PartState, RefreshPart
from exports.models.states import Look, State
from exports.refresh.pages.listing import LOOKS, Key, exports_of, segments_of, tables_of, telling
from exports.shown.status import Status, status_of
from exports.shown.types import type_look
from roles import reader
from roles.models import Environment
from roles.ui.words import relative

NOT_REFRESHED = Look(gettext_lazy("Not refreshed yet"), "dashed-circle", "neutral")
ICONS = {PartKind.TABLE: "table", PartKind.SEGMENT: "segments", PartKind.EXPORT: "exports"}


@dataclass(frozen=True)
class StatusLine:
    """One line; `state` is that of a run, "" for what has not been refreshed yet."""

    kind: PartKind
    pk: int
    name: str
    type: str
    state: str
    reason: str
    updated_at: datetime | None
    seconds: float | None
    url: str
    percent: int | None = None
    is_paused: bool = False  # its environment

    @property
    def key(self) -> str:
        """Its name among all lines."""
        return f"{self.kind.value}-{self.pk}"

    @property
    def icon(self) -> str:
        """The icon of its kind."""
        return ICONS[self.kind]

    @property
    def look(self) -> Look:
        """How its status is shown."""
        if self.kind == PartKind.EXPORT:
            return Status(self.state, is_paused=self.is_paused).look
        return LOOKS[self.state] if self.state else NOT_REFRESHED

    @property
    def is_moving(self) -> bool:
        """Whether it changes by itself within seconds."""
        return self.state in (State.QUEUED, State.RUNNING)

    @property
    def version(self) -> str:
        """What changes when the line does, also by the time that passes."""
        age = relative(self.updated_at, timezone.now()) if self.updated_at else ""
        return f"{crc32(repr((self, age, reader.key())).encode()):x}"


def status_lines(environment: Environment, keys: list[Key]) -> list[StatusLine]:
    """Return the lines of `keys` in their order, in a constant number of queries; what is gone is left out."""
    ids: dict[str, list[int]] = {kind.value: [pk for of, pk in keys if of == kind] for kind in PartKind}
    parts = _last_parts(ids)
    found = [
        *(_table(environment, one, parts) for one in _of(tables_of(environment), ids[PartKind.TABLE])),
        *(_segment(environment, one, parts) for one in _of(segments_of(environment), ids[PartKind.SEGMENT])),
        *(_export(environment, one) for one in _exports(environment, ids[PartKind.EXPORT])),
    ]
    by_key = {(item.kind.value, item.pk): item for item in found}
    return [by_key[key] for key in keys if key in by_key]


def _of(source: Any, ids: list[int]) -> Iterable[Any]:
    return source.filter(pk__in=ids) if ids else ()


def _exports(environment: Environment, ids: list[int]) -> Iterable[Export]:
    return _of(exports_of(environment).select_related("connection", "last_run"), ids)


def _last_parts(ids: dict[str, list[int]]) -> dict[Key, RefreshPart]:
    """Return the last part of each table and segment that has one, in one query."""
    nouns = (PartKind.TABLE, PartKind.SEGMENT)
    wanted = RefreshPart.objects.none()
    for kind in nouns:
        if ids[kind]:
            wanted = wanted | RefreshPart.objects.filter(kind=kind, object_id__in=ids[kind])
    last = telling(wanted).order_by("kind", "object_id", "-id").distinct("kind", "object_id")
    return {(part.kind, part.object_id): part for part in last}


def _url(environment: Environment, kind: PartKind, pk: int) -> str:
    return reverse("system:item", kwargs={"environment": environment.slug, "kind": kind.value, "pk": pk})


def _table(environment: Environment, table: Any, parts: dict[Key, RefreshPart]) -> StatusLine:
    part = parts.get((PartKind.TABLE.value, table.pk))
    kind = _("Table · %(kind)s") % {"kind": table.get_profile_kind_display()} if table.profile_kind else _("Table")
    says = table.state in (State.FAILED, State.WARNED, State.QUEUED)
    return StatusLine(
        PartKind.TABLE,
        table.pk,
        table.name,
        kind,
        table.state,
        _said(part) if says else "",
        table.refreshed_at,
        seconds_of(part),
        _url(environment, PartKind.TABLE, table.pk),
    )


def _segment(environment: Environment, segment: Any, parts: dict[Key, RefreshPart]) -> StatusLine:
    part = parts.get((PartKind.SEGMENT.value, segment.pk))
    reasons = {State.FAILED.value: segment.error, State.SKIPPED.value: _said(part), State.QUEUED.value: _said(part)}
    seconds = seconds_of(part)
    if segment.state == State.SUCCEEDED and segment.refresh_started_at and segment.refreshed_at:
        seconds = max(0.0, (segment.refreshed_at - segment.refresh_started_at).total_seconds())
    return StatusLine(
        PartKind.SEGMENT,
        segment.pk,
        segment.name,
        _("Segment"),
        segment.state,
        reasons.get(segment.state, ""),
        segment.refreshed_at,
        seconds,
        _url(environment, PartKind.SEGMENT, segment.pk),
    )


def _export(environment: Environment, export: Export) -> StatusLine:
    run = export.last_run
    status = status_of(run, is_paused=environment.paused_at is not None)
    look = type_look(export.connection.type if export.connection else None)
    kwargs = {"environment": environment.slug, "pk": export.pk}
    return StatusLine(
        PartKind.EXPORT,
        export.pk,
        export.name,
        _("Export · %(type)s") % {"type": look.label} if look.label else _("Export"),
        status.state,
        status.reason,
        export.delivered_at,
        run.seconds if run and run.ended_at else None,
        reverse("exports:progress", kwargs=kwargs),
        status.percent,
        status.is_paused,
    )


def _said(part: RefreshPart | None) -> str:
    if part is None:
        return ""
    return _("waiting for its turn") if part.state == PartState.WAITING else part.message


def seconds_of(part: RefreshPart | None) -> float | None:
    """How long a part took; None for one that did not run to its end."""
    if part is None or part.started_at is None or part.ended_at is None:
        return None
    return max(0.0, (part.ended_at - part.started_at).total_seconds())
