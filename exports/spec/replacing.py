"""A contact segment in the place of one that an export cannot send."""

from dataclasses import replace

from exports.models import Export, ExportKind
from exports.spec.catalogue import Catalogue
from exports.spec.eligibility import why_not
from exports.spec.resolved import Resolved
from exports.spec.spec import Column, ExportSpec
from exports.spec.stored import spec_of
from roles.access.policy import Access
from roles.kinds import SemanticType
from segments.models import Segment


def exports_to_mend(old: Segment, new: Segment, access: Access) -> list[Export]:
    """Return the exports that cannot send `old` and can send `new`, of those that the user may edit, by name."""
    exports = Export.objects.filter(segments=old.pk, kind=ExportKind.SEGMENTS).exclude(segments=new.pk)
    return [
        export
        for export in exports.select_related("connection", "environment").order_by("name")
        if export.is_editable_by(access) and _mends(export, old, new)
    ]


def _mends(export: Export, old: Segment, new: Segment) -> bool:
    if export.connection is None or not export.connection.is_type_known:
        return False
    type_ = export.connection.destination_class
    return bool(why_not(old, type_, export.settings)) and not why_not(new, type_, export.settings)


def replaced(export: Export, old: Segment, new: Segment, catalogue: Catalogue) -> ExportSpec:
    """Return the spec of `export` with `new` in the place of `old`.

    Of a table whose fields nobody chose for it go those that the target knows, and no others.
    """
    before = spec_of(export)
    names = tuple(dict.fromkeys(new.name if name == old.name else name for name in before.segments))
    resolved = Resolved(replace(before, segments=names), catalogue, export)
    sources = resolved.field_sources.all
    type_ = resolved.destination
    wanted = {field.semantic_type for field in type_.target_fields_for(export.settings)} if type_ else set()
    sent = {source.table.name for source in sources}
    fields = {table: columns for table, columns in before.fields.items() if table in sent}
    if new.table.name not in fields:
        known = [one for one in new.table.fields.all() if one.semantic_type in wanted - {SemanticType.NONE}]
        fields[new.table.name] = tuple(Column(one.name, one.name) for one in known)
    return replace(resolved.spec, fields=fields)
