"""The pane part by part, to find what others changed while it was open."""

from dataclasses import replace

from django.utils.translation import gettext as _

from exports.models import ExportKind
from exports.pane.field_list import FieldList
from exports.pane.form import BRAKES
from exports.pane.setup import Setup
from exports.schedules.form import part_of
from roles.edits.parts import Part, parts_of

OWN = ("connection", "name", "description", "refreshes_segments", *BRAKES)


def parts_of_pane(setup: Setup) -> dict[str, Part]:
    """Return what the pane holds: as it opens, or as it was sent."""
    parts = parts_of(setup.form, names=OWN)
    if setup.connection:
        parts["connection"] = replace(parts["connection"], said=[setup.connection.name])
    if setup.settings_form:
        parts |= {
            f"settings.{name}": replace(part, audited=[f"settings.{name}"])
            for name, part in parts_of(setup.settings_form).items()
        }
    parts["what"] = _what(setup)
    parts |= {f"fields.{one.table.pk}": _fields(one) for one in setup.field_lists}
    return parts | {"schedule": part_of(setup.schedule)}


def _what(setup: Setup) -> Part:
    """The segments or tables, as sets: what is chosen of one kind is nothing without the kind."""
    segments, tables = [str(one.pk) for one in setup.segments], [str(one.pk) for one in setup.tables]
    names = [one.name for one in setup.segments] + [one.name for one in setup.tables]
    inputs = {"kind": [setup.kind], "segments": segments, "tables": tables, "members": []}
    if not setup.is_of_segments:
        inputs |= {"segments": [], "members": segments}
    said = [str(ExportKind(setup.kind).label), *sorted(names)]
    value = [setup.kind, sorted(segments), sorted(tables)]
    return Part(_("What to export"), value, inputs, said, ("kind", "segments", "tables"))


def _fields(found: FieldList) -> Part:
    """The fields of one table, whose order counts."""
    pk, shown = found.table.pk, [row for row in found.rows if row.is_included]
    inputs = {
        f"order-{pk}": [row.name for row in found.rows],
        f"include-{pk}": [row.name for row in shown],
        f"column-{pk}": [row.column for row in found.rows],
    }
    said = [row.name if row.column in ("", row.name) else f"{row.name} → {row.column}" for row in shown]
    label = _("Fields of %(table)s") % {"table": found.table.name}
    return Part(label, [[row.name, row.column] for row in shown], inputs, said, ("fields",))
