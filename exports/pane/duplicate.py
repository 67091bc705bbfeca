"""Create duplicate: a new export filled in like another one."""

from django.utils.translation import gettext as _

from exports.models import Export
from roles.access.policy import Access


def copy_of(source: Export, access: Access) -> Export:
    """Return a new export filled in like `source`, saved nowhere; a connection the user may not use is left empty."""
    usable = source.connection if source.connection and source.connection.is_usable_by(access) else None
    return Export(
        environment=source.environment,
        name=_copy_name(source),
        description=source.description,
        kind=source.kind,
        connection=usable,
        settings=source.settings,
        field_selection=source.field_selection,
        schedule_mode=source.schedule_mode,
        refreshes_segments=source.refreshes_segments,
        tolerance=source.tolerance,
        most_removals=source.most_removals,
        sends_nothing=source.sends_nothing,
    )


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
