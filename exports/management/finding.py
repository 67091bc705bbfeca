"""Finds the environment and the export that a command names."""

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from exports.models import Export
from exports.spec.catalogue import did_you_mean
from roles.models import Environment
from roles.typed import typed_id


def environment_called(slug: str) -> Environment:
    """Return the environment. Raises CommandError."""
    by_slug = {one.slug: one for one in Environment.objects.order_by("slug")}
    if slug in by_slug:
        return by_slug[slug]
    text = _("No environment “%(slug)s”.") % {"slug": slug}
    raise CommandError(f"{text} {did_you_mean(slug, by_slug)}".strip())


def export_called(name_or_id: str, slug: str) -> Export:
    """Return the export with this name, in whatever case, or else with this id. Raises CommandError."""
    exports = Export.objects.filter(environment__slug=slug).select_related("environment", "connection")
    found = exports.filter(name__iexact=name_or_id).first() or exports.filter(pk=typed_id(name_or_id)).first()
    if found is None:
        names = ", ".join(exports.order_by("name").values_list("name", flat=True)[:20]) or _("none")
        raise CommandError(
            _("No export “%(name)s” in the environment “%(slug)s”. Available: %(names)s.")
            % {"name": name_or_id, "slug": slug, "names": names}
        )
    return found
