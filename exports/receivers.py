"""What exports have to say when something below them changes."""

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext as _

from exports.models import Export
from segments.models import Table
from segments.signals import field_removed


@receiver(field_removed)
def name_exports_of_field(*, table: Table, name: str, **_more: Any) -> str:
    """Say which exports send a field that a new file no longer has."""
    key = str(table.pk)
    exports = [
        f"“{export.name}”"
        for export in Export.objects.filter(field_selection__has_key=key).order_by("name")
        if any(chosen.get("field") == name for chosen in export.field_selection[key])
    ]
    if not exports:
        return ""
    return _("Choose the fields of %(exports)s again: runs fail until then.") % {"exports": ", ".join(exports)}
