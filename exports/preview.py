"""The first five records as they would be sent, personal data masked."""

from dataclasses import dataclass

import psycopg
from django.utils.translation import gettext as _

from exports.set_up.field_list import FieldList
from exports.set_up.setup import Setup
from segments import warehouse
from segments.masking import mask
from segments.models import Segment
from segments.rules import RulesError

RECORDS = 5


@dataclass(frozen=True)
class Preview:
    """Records of one segment; `problem` says why there are none to show."""

    segment: Segment
    columns: list[str]
    rows: list[list[str | None]]
    problem: str = ""


def preview(setup: Setup) -> Preview | None:
    """Return the first records of the first chosen segment; None while nothing is chosen."""
    if not setup.chosen:
        return None
    segment = setup.chosen[0]
    fields = next(fields for fields in setup.field_lists if fields.table.pk == segment.table_id)
    names = [column for _field, column in fields.columns]
    if not names:
        return Preview(segment, [], [], _("Choose at least one field."))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        problem = _("Several columns are called “%(names)s”. Give each a name of its own.")
        return Preview(segment, names, [], problem % {"names": "”, “".join(twice)})
    try:
        return Preview(segment, names, _records(segment, fields))
    except psycopg.errors.QueryCanceled:
        return Preview(segment, names, [], _("The preview took too long. The export itself may take longer."))
    except (psycopg.Error, RulesError, warehouse.NotReadyError):
        return Preview(segment, names, [], _("The segment cannot be read now. Open it to see why."))


def _records(segment: Segment, fields: FieldList) -> list[list[str | None]]:
    meanings = {field.name: field.semantic_type for field in segment.table.fields.all()}
    types = [meanings[row.name] for row in fields.included]
    rows = warehouse.preview(segment, fields.columns, RECORDS)
    return [[mask(value, meaning) for value, meaning in zip(row, types, strict=True)] for row in rows]
