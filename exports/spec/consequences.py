"""What changes of an export, or of what it sends, do to it; told before they are saved."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connections.destinations.base import Destination, FileDestination
from exports.models import Export, ExportKind
from exports.spec.eligibility import is_projected, why_not
from exports.spec.folders import safe_name
from exports.spec.spec import ExportSpec
from roles.ui.consequences import Consequence
from segments.models import Segment
from segments.projection import contact_of


def of_segment(old: Segment, new: Segment) -> list[Consequence]:
    """Return what happens to the exports of a segment that is `old` now and becomes `new`."""
    exports = Export.objects.filter(segments=old.pk).select_related("connection", "environment").order_by("name")
    found = [(export, tuple(_of_segment(export, old, new))) for export in exports]
    return [consequence(export, texts) for export, texts in found if texts]


def of_export(export: Export, spec: ExportSpec) -> list[Consequence]:
    """Return what happens to a saved export that has delivered files and becomes `spec`."""
    folder = safe_name(spec.name, "")
    if export.delivered_at is None or not export.folder or spec.name == export.name or folder == export.folder:
        return []
    text = _("Its files go into the folder “%(new)s”. Files sent so far stay in “%(old)s”.")
    return [consequence(export, (text % {"new": folder, "old": export.folder},))]


def consequence(export: Export, texts: Sequence[str]) -> Consequence:
    """Return `texts` as what happens to `export`, with a link to it."""
    url = reverse("exports:edit", kwargs={"environment": export.environment.slug, "pk": export.pk})
    return Consequence(export.name, url, tuple(texts))


def _of_segment(export: Export, old: Segment, new: Segment) -> Iterator[str]:
    type_ = export.connection.destination_class if export.connection and export.connection.is_type_known else None
    if type_ and export.kind == ExportKind.SEGMENTS:
        yield from _of_projection(export, type_, old, new)
    if type_ is None or issubclass(type_, FileDestination):
        names = [safe_name(one.name, "", keeps_marks=export.folders_keep_marks) for one in (old, new)]
        if names[0] != names[1]:
            text = _("Its files are called “%(new)s” instead of “%(old)s”.")
            yield text % {"new": names[1], "old": names[0]}


def _of_projection(export: Export, type_: type[Destination], old: Segment, new: Segment) -> Iterator[str]:
    settings: dict[str, Any] = export.settings
    if why_not(old, type_, settings):
        return  # it fails already
    lost = _lost(export, old, new) if is_projected(old, type_, settings) else []
    if lost:
        text = ngettext(
            "It no longer sends the field %(names)s.", "It no longer sends the fields %(names)s.", len(lost)
        )
        yield text % {"names": ", ".join(f"“{name}”" for name in lost)}
    if reason := why_not(new, type_, settings):
        yield _("Its runs fail: %(reason)s") % {"reason": reason}


def _lost(export: Export, old: Segment, new: Segment) -> list[str]:
    """The fields of contacts that the export sends of the segment as it is now, and no longer then."""
    gone = [name for name in old.projected_fields if name not in new.projected_fields]
    contact = contact_of(old.table) if gone else None
    chosen = export.field_selection.get(str(contact.table_id)) if contact else None
    sent = None if chosen is None else {one["field"] for one in chosen}
    return [name for name in gone if sent is None or name in sent]
