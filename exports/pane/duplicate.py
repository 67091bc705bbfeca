"""Create duplicate: a new export filled in like another one."""

from dataclasses import replace

from django.utils.translation import gettext as _

from exports.models import Export
from exports.spec.spec import ExportSpec
from exports.spec.stored import spec_of
from roles.access.policy import Access


def copy_of(source: Export, access: Access) -> ExportSpec:
    """Return the spec of a new export like `source`; a connection that the user may not use is left empty."""
    spec = replace(spec_of(source), name=_copy_name(source))
    is_usable = source.connection is not None and source.connection.is_usable_by(access)
    return spec if is_usable else replace(spec, connection=None)


def _copy_name(source: Export) -> str:
    """The first of "Copy of NAME", "Copy of NAME (2)" … that no export has."""
    longest = Export._meta.get_field("name").max_length or 0
    name = _("Copy of %(name)s") % {"name": source.name}
    taken = {text.casefold() for text in source.environment.exports.values_list("name", flat=True)}
    for number in range(1, len(taken) + 2):
        suffix = f" ({number})" if number > 1 else ""
        candidate = name[: longest - len(suffix)] + suffix
        if candidate.casefold() not in taken:
            return candidate
    return name
